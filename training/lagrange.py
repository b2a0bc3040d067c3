"""Safety as a constraint: a multiplier that rises while the budget is missed.

    maximise  E[reward]   subject to   E[cost on harmful prompts] <= budget

    L(policy, m) = E[reward] - m (E[cost] - budget)         the policy climbs, m >= 0 descends:
    m <- clip(m + rate (cost - budget), 0, most)            after every step (dual ascent)

>>> dual = Multiplier(budget=0.01, value=1.0, rate=0.1)
>>> dual.update(0.51), dual.update(None), dual.update(0.0)      # missed; nothing harmful asked; met
(1.05, 1.05, 1.049)
"""

from dataclasses import dataclass
from typing import Literal

Constraint = Literal["lagrange", "fixed", "off"]


@dataclass(slots=True, kw_only=True)
class Multiplier:
    """What a unit of cost weighs against a unit of reward."""

    budget: float = 0.01  # the mean cost that is allowed
    value: float = 1.0
    rate: float = 0.1  # 0 for a penalty that stays
    most: float = 5.0

    def update(self, cost: float | None) -> float:
        """Take one step of dual ascent and return the multiplier; None is no news."""
        if cost is not None and self.rate:
            moved = self.value + self.rate * (cost - self.budget)
            self.value = min(max(moved, 0.0), self.most)
        return round(self.value, 12)


def multiplier_for(
    constraint: Constraint, *, budget: float, value: float, rate: float, most: float
) -> Multiplier:
    """Return the multiplier of a kind of constraint.

    >>> multiplier_for("off", budget=0.01, value=1.0, rate=0.1, most=5.0).update(1.0)
    0.0
    >>> multiplier_for("fixed", budget=0.01, value=0.5, rate=0.1, most=5.0).update(1.0)
    0.5
    """
    if constraint == "off":
        return Multiplier(budget=budget, value=0.0, rate=0.0, most=most)
    steps = rate if constraint == "lagrange" else 0.0
    return Multiplier(budget=budget, value=value, rate=steps, most=max(most, value))
