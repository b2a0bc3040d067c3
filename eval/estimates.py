"""One number with its interval: a metric's value in some clusters.

    found = estimate(METRICS["accuracy"], counts, cluster)
    found.value, found.low, found.high, found.n   ->  0.812, 0.786, 0.835, 1000

`n` counts units: items, or groups for a metric of groups. What cannot be computed is NaN, and None
once it is written.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan, sqrt
from typing import Any

import numpy as np

from counterfactory.eval.answers import CORRECT, MISSING, UNJUDGED, WRONG
from counterfactory.eval.columns import Columns, Floats, Ints
from counterfactory.eval.metrics import Metric
from counterfactory.eval.resample import add_up
from counterfactory.eval.stats import Interval, percentiles, wilson, wilson_clustered


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value between two others, of so many units in so many clusters."""

    value: float
    low: float
    high: float
    n: int
    clusters: int

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "value": known(self.value), "low": known(self.low), "high": known(self.high),
            "n": self.n, "clusters": self.clusters,
        }  # fmt: skip


def known(value: float) -> float | None:
    """Return a number for JSON: None in place of NaN."""
    return None if isnan(value) else float(value)


def estimate(
    metric: Metric, counts: Floats, cluster: Ints, resampled: Floats | None = None
) -> Estimate:
    """Return a metric of these units; `resampled` are its values by bootstrap.

    A proportion has a formula and needs none. Where no resample differs (everything is right, say)
    the bootstrap knows nothing, and the interval is that of a proportion of clusters.
    """
    value = float(metric.combine(counts.sum(axis=0))) if len(counts) else float("nan")
    _, place = np.unique(cluster, return_inverse=True)
    clusters = int(place.max()) + 1 if len(place) else 0
    low, high = _interval(metric, value, add_up(counts, place, clusters), resampled)
    return Estimate(value=value, low=low, high=high, n=len(counts), clusters=clusters)


def _interval(metric: Metric, value: float, sums: Floats, resampled: Floats | None) -> Interval:
    if isnan(value):
        return Interval(value, value)
    if metric.proportion:
        return wilson_clustered(sums[:, 0], sums[:, 1])
    assert resampled is not None, f"{metric.name} needs resampled values"
    if value in (0.0, 1.0) and still(resampled):
        return wilson(value * len(sums), len(sums))
    low, high = percentiles(resampled, len(sums))
    return Interval(min(low, value), max(high, value))


def still(values: Floats) -> bool:
    """Say whether no two resampled values differ."""
    values = values[~np.isnan(values)]
    return not len(values) or float(np.ptp(values)) < 1e-12


def score(metric: Metric, values: Any, undefined: float = 0.0) -> Any:
    """Return values as scores: 0..1, higher is better; what cannot be computed earns nothing."""
    if metric.higher_is_better is None:
        raise ValueError(f"metric {metric.name!r} is no headline: neither direction is better")
    return np.nan_to_num(values if metric.higher_is_better else 1 - values, nan=undefined)


def score_of(metric: Metric, found: Estimate) -> Estimate:
    """Return an estimate as a score."""
    ends = sorted(float(score(metric, end)) for end in (found.low, found.high))
    return Estimate(
        value=float(score(metric, found.value)), low=ends[0], high=ends[1],
        n=found.n, clusters=found.clusters,
    )  # fmt: skip


def mean_of(scores: Sequence[Estimate], resampled: Sequence[Floats]) -> Estimate:
    """Return the mean of several scores, by their values in the same resamples.

    A score that no resample moves (all right) still is uncertain: its own interval is added, as
    for independent ones.
    """
    if len(scores) == 1:
        return scores[0]
    value = float(np.mean([found.value for found in scores]))
    clusters = max(found.clusters for found in scores)
    low, high = percentiles(np.mean(resampled, axis=0), clusters)
    fixed = [one for one, values in zip(scores, resampled, strict=True) if still(values)]
    under, over = (max(0.0, end) for end in (value - low, high - value))
    for one in fixed:
        under = sqrt(under**2 + ((one.value - one.low) / len(scores)) ** 2)
        over = sqrt(over**2 + ((one.high - one.value) / len(scores)) ** 2)
    return Estimate(
        value=value, low=max(0.0, value - under), high=min(1.0, value + over),
        n=sum(found.n for found in scores), clusters=clusters,
    )  # fmt: skip


def worst_case(metric: Metric, columns: Columns) -> Interval:
    """Return the metric if all that is unjudged were wrong, and right, the lower first."""
    unjudged = (columns["verdict"] == UNJUDGED) | (columns["verdict"] == MISSING)
    values = [
        metric.value({**columns, "verdict": np.where(unjudged, verdict, columns["verdict"])})
        for verdict in (WRONG, CORRECT)
    ]
    return Interval(min(values), max(values))
