"""What changed in a measure over all seeds of an arm, and how sure that is.

    found = over_seeds(measure, [seed_0, seed_1, seed_2])
    found.delta, found.low, found.p      ->  a score, higher is better: +0.28, 0.26, 0.0001

Seeds answered the same pictures, so a picture is drawn, or swapped, in all of them at once: that
interval and p are about items, given these trained models.

    wide = over_trainings(measure, [seed_0, seed_1, seed_2], found)
    wide.each, wide.low, wide.p          ->  [0.27, 0.29, 0.28], 0.24, 0.002

These are about other trainings, too: the variance between seeds is added to that of the items, and
Student's t has as many degrees of freedom as Satterthwaite gives the sum. Of three seeds without a true
difference such a p is below 0.01 in 1.0 % of simulations where trainings do not differ, in 2.9 % where
they differ by twice what items do: three seeds tell little of their own spread, so look at each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from loop_measures import Measure

from counterfactory.eval.columns import take
from counterfactory.eval.compare import Paired
from counterfactory.eval.paired import Effect, mean_effect, paired_effects
from counterfactory.eval.resample import one_block
from counterfactory.loop.gate_settings import Promotion


@dataclass(frozen=True, slots=True)
class Trained:
    """A change as other trainings would show it."""

    each: list[float]  # the change of each seed
    low: float
    high: float
    p: float


def over_seeds(measure: Measure, pairs: Sequence[Paired]) -> Effect:
    """Return the mean effect over parts and seeds, all resampled together."""
    before, after, metrics = {}, {}, {}
    for seed, pair in enumerate(pairs):
        for number, part in enumerate(measure):
            rows, name = part.rows(pair.rows_a), f"{seed}/{number}"
            before[name], after[name] = take(pair.rows_a, rows), take(pair.rows_b, rows)
            metrics[name] = part.metric
    found = paired_effects(one_block(before), after, metrics, **Promotion().options())
    return mean_effect(list(found.values()))


def over_trainings(measure: Measure, pairs: Sequence[Paired], found: Effect) -> Trained:
    """Return the change `found` over all pairs, two at least, with what trainings differ by."""
    each = [over_seeds(measure, [one]).delta for one in pairs]
    return trained(each, float(np.var(found.drawn)))


def trained(each: Sequence[float], items: float) -> Trained:
    """Return the mean of the seeds' changes, `items` being its variance over items."""
    from scipy.special import stdtr, stdtrit

    mean, between = float(np.mean(each)), float(np.var(each, ddof=1)) / len(each)
    if not between + items:
        return Trained(list(each), mean, mean, float(mean == 0))
    freedom = (between + items) ** 2 / max(between**2 / (len(each) - 1), 1e-12)
    error = sqrt(between + items)
    half = float(stdtrit(freedom, 0.975)) * error
    p = 2 * float(stdtr(freedom, -abs(mean) / error))
    return Trained(list(each), mean - half, mean + half, p)
