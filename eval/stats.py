"""Intervals, tests and power, for numbers that may share an image. Plain functions of counts.

    wilson(812, 1000)           ->  Interval(low=0.7866, high=0.8350)
    mcnemar(30, 12)             ->  (0.0079, 0.0054)      exact, mid-p
    holm({"math": 0.01, "spatial": 0.04, "attribute": 0.03})
                                ->  {"math": 0.03, "spatial": 0.06, "attribute": 0.06}

All intervals are at 95 %. Resampling is in resample.py.
"""

from collections.abc import Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from counterfactory.eval.columns import Floats

Z = 1.959963984540054
LEVEL = 0.05
POWER = Z + 0.8416212335729143  # a true effect of so many standard errors is seen in 80 % of runs
FEWEST = 6  # discordant pairs, all on one side: the least that an exact test calls significant


class Interval(NamedTuple):
    """Between what the true value is, at 95 %."""

    low: float
    high: float


def wilson(hits: float, n: float) -> Interval:
    """Return Wilson's interval of a proportion; `n` may be an effective number."""
    if n <= 0:
        return Interval(0.0, 1.0)
    p, z2 = min(max(hits / n, 0.0), 1.0), Z * Z
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if p == 0 else max(0.0, centre - half)
    high = 1.0 if p == 1 else min(1.0, centre + half)
    return Interval(low, high)


def wilson_clustered(hits: Floats, sizes: Floats) -> Interval:
    """Return the interval of a proportion whose items come in clusters: counts of each cluster.

    Wilson's with the number of items that independent ones would need for the same
    cluster-robust standard error, and Student's t for how few the clusters are.
    """
    hits, sizes = hits[sizes > 0], sizes[sizes > 0]
    n, clusters = float(sizes.sum()), len(sizes)
    if clusters == 0:
        return Interval(0.0, 1.0)
    p = float(hits.sum()) / n
    if clusters == n:
        return wilson(p * n, n)
    worth = effective(hits, sizes)
    if 0 < p < 1:  # at the ends it already is the least it can be
        worth *= shrink(clusters)
    return wilson(p * worth, worth)


def effective(hits: Floats, sizes: Floats) -> float:
    """Return how many independent items these clusters are worth, at most as many as there are."""
    n, clusters = float(sizes.sum()), len(sizes)
    p = float(hits.sum()) / n
    worst = n * n / float((sizes * sizes).sum())  # all of a cluster alike
    if p in (0.0, 1.0):  # nothing varies, so nothing is known of how alike they are
        return worst
    if clusters == 1:
        return 1.0
    residual = hits - p * sizes
    variance = float((residual * residual).sum()) / (n * n) * clusters / (clusters - 1)
    return min(n, p * (1 - p) / variance) if variance else n


def shrink(clusters: int) -> float:
    """Return (z / t)^2, t with as many degrees of freedom as clusters less one."""
    from scipy.special import stdtrit

    return (Z / float(stdtrit(max(clusters - 1, 1), 1 - LEVEL / 2))) ** 2


def percentiles(values: Floats, clusters: int) -> Interval:
    """Return the middle 95 % of resampled values, a little more where the clusters are few.

    Values that could not be computed do not count (Hesterberg's expanded percentiles).
    """
    from scipy.special import ndtr

    values = values[~np.isnan(values)]
    if not len(values):
        return Interval(float("nan"), float("nan"))
    few = max(clusters, 2)
    tail = float(ndtr(-Z * sqrt(few / (few - 1) / shrink(few))))
    low, high = np.quantile(values, [tail, 1 - tail])
    return Interval(float(low), float(high))


def mcnemar(b: int, c: int) -> tuple[float, float]:
    """Return the exact two-sided p of b against c discordant pairs, and the mid-p.

    >>> mcnemar(0, 0), mcnemar(0, 5)
    ((1.0, 1.0), (0.0625, 0.03125))
    """
    from scipy.special import bdtr, gammaln

    n, few = b + c, min(b, c)
    if n == 0:
        return 1.0, 1.0
    if b == c:
        at = float(np.exp(gammaln(n + 1) - 2 * gammaln(few + 1) - n * np.log(2)))
        return 1.0, 1.0 - at / 2
    tail = float(bdtr(few, n, 0.5))
    at = float(np.exp(gammaln(n + 1) - gammaln(few + 1) - gammaln(n - few + 1) - n * np.log(2)))
    return min(1.0, 2 * tail), min(1.0, 2 * tail - at)


def paired(b: int, c: int, n: int) -> Interval:
    """Return the interval of (c - b) / n, of n pairs with b lost and c won (Agresti and Min)."""
    b2, c2, n2 = b + 0.5, c + 0.5, n + 2.0
    delta = (c2 - b2) / n2
    half = Z * sqrt(max(b2 + c2 - (c2 - b2) ** 2 / n2, 0.0)) / n2
    return Interval(max(-1.0, delta - half), min(1.0, delta + half))


def holm(ps: Mapping[str, float]) -> dict[str, float]:
    """Return p values that hold for the whole family, by Holm's step-down rule."""
    adjusted: dict[str, float] = {}
    worst = 0.0
    for rank, name in enumerate(sorted(ps, key=lambda key: ps[key])):
        worst = max(worst, min(1.0, (len(ps) - rank) * ps[name]))
        adjusted[name] = worst
    return {name: adjusted[name] for name in ps}


def mde(se: float, n: int) -> float:
    """Return the least difference that 80 % of such comparisons would find, at p = 0.05.

    `se` is the standard error of the difference; with n paired units none smaller than 6/n counts.
    """
    return min(1.0, max(POWER * se, FEWEST / n)) if n else 1.0


def non_inferior(low: float, margin: float) -> bool:
    """Say whether a difference with this lower end cannot be a loss of `margin` or more."""
    return low > -margin
