"""What a gate says of a round, and gate.json, where it stands.

    found.promoted, found.reason, found.target[0].delta
    write_json(round_.gate, found.as_dict())

Numbers are scores (0..1, higher is better): `delta` is after less before, with its interval.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from counterfactory.eval.paired import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One test of a decision."""

    name: str
    passed: bool
    before: float
    after: float
    delta: float
    low: float
    high: float
    p: float
    n: int
    mde: float  # the least change that these items would probably show
    margin: float | None = None  # of a guard
    of: tuple[str, ...] = ()  # what a pool is made of
    since: bool = False  # against the model that the loop began with, not the round's


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """The error rate of one mined slice on fresh items; it describes and decides nothing."""

    name: str
    before: float  # error rates: lower is better
    after: float
    change: float
    low: float  # of the change
    high: float
    p: float
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the gate says of a round."""

    promoted: bool
    reason: str  # one paragraph
    target: tuple[Finding, ...]
    guards: tuple[Finding, ...]
    alarms: tuple[dict[str, Any], ...]
    slices: tuple[Errors, ...] = ()
    unmeasured: tuple[str, ...] = ()  # guards that these evaluations say nothing of
    unjudged: int = 0  # items that no judge could mark in one of the two: they count in neither
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return what gate.json holds."""
        return asdict(self)


def finding(name: str, effect: Effect, passed: bool, **more: Any) -> Finding:
    """Return the finding of an effect."""
    return Finding(
        name=name, passed=bool(passed), before=effect.a, after=effect.b, delta=effect.delta,
        low=effect.low, high=effect.high, p=effect.p, n=effect.units, mde=effect.mde, **more,
    )  # fmt: skip


def errors(name: str, effect: Effect) -> Errors:
    """Return the change of a slice's error rate."""
    return Errors(
        name=name, before=1 - effect.a, after=1 - effect.b, change=-effect.delta,
        low=-effect.high, high=-effect.low, p=effect.p, n=effect.units,
    )  # fmt: skip
