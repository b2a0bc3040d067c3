"""The difference between two runs on the same items: its interval, its p, what could be seen.

    effects = paired_effects(blocks(rows_a), rows_b, {"count": METRICS["accuracy"]}, ...)
    effects["count"].delta, effects["count"].p      ->  +0.021, 0.04

Where every unit is a cluster of its own and right or wrong, p is McNemar's, exact. Elsewhere it is
by permutation: the two runs' answers change sides cluster by cluster, and the metric is computed
again. The interval is a bootstrap of clusters, the same ones for both runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from counterfactory.eval.columns import Columns, Floats
from counterfactory.eval.estimates import score, still
from counterfactory.eval.metrics import Metric
from counterfactory.eval.resample import Block, add_up, draws, products, swaps
from counterfactory.eval.stats import Interval, mcnemar, mde, paired, percentiles

PERMUTATIONS = 10_000
ROUNDING = 1e-9  # differences closer than this are equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What changed from run A to run B in a score (0..1, higher is better)."""

    a: float
    b: float
    low: float  # of delta
    high: float
    p: float
    mde: float  # the least difference that would probably have been found
    units: int
    clusters: int
    lost: int | None = None  # units right in A and wrong in B; None where units are not that simple
    won: int | None = None
    mid_p: float | None = None
    drawn: Floats  # the difference in each bootstrap resample
    swapped: Floats  # the difference in each permutation

    @property
    def delta(self) -> float:
        """Return b - a."""
        return self.b - self.a

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        facts: dict[str, Any] = {
            "a": self.a, "b": self.b, "delta": self.delta, "low": self.low, "high": self.high,
            "p": self.p, "mde": self.mde, "units": self.units, "clusters": self.clusters,
        }  # fmt: skip
        if self.lost is not None:
            facts |= {"lost": self.lost, "won": self.won, "mid_p": self.mid_p}
        return facts


def paired_effects(
    block: Block,
    others: Mapping[str, Columns],
    metrics: Mapping[str, Metric],
    *,
    samples: int,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, Effect]:
    """Return the effect on each task of a block; `others` are run B's rows, in A's order."""
    units = {
        task: _both(block, task, others[task], metric)
        for task, metric in metrics.items()
        if task in block.tasks
    }
    units = {task: found for task, found in units.items() if len(found[0])}
    if not units:
        return {}
    sums = [
        (add_up(a, cluster, block.size), add_up(b, cluster, block.size))
        for a, b, cluster in units.values()
    ]
    both = np.concatenate([np.concatenate(pair, axis=1) for pair in sums], axis=1)
    drawn = products(draws(block.size, samples, block.generator(seed, "bootstrap")), both)

    change = np.concatenate([np.concatenate([b - a, a - b], axis=1) for a, b in sums], axis=1)
    moved = np.flatnonzero(change.any(axis=1))  # swapping equal answers changes nothing
    sides = swaps(len(moved), permutations, block.generator(seed, "permutation"))
    swapped = both.sum(axis=0) + products(sides, change[moved])

    effects, start = {}, 0
    for (task, found), (a, _) in zip(units.items(), sums, strict=True):
        place = slice(start, start := start + 2 * a.shape[1])
        effects[task] = _effect(metrics[task], found, drawn[:, place], swapped[:, place])
    return effects


_Both = tuple[Floats, Floats, Any]  # counts of A, counts of B, clusters: the same units in order


def _both(block: Block, task: str, other: Columns, metric: Metric) -> _Both:
    """Return the units that both runs count."""
    a, rows_a = metric.parts(block.tasks[task])
    b, rows_b = metric.parts(other)
    rows, in_a, in_b = np.intersect1d(rows_a, rows_b, assume_unique=True, return_indices=True)
    return a[in_a], b[in_b], block.clusters[task][rows]


def _deltas(metric: Metric, sums: Floats) -> Floats:
    """Return B's score less A's, from sums of A and B side by side."""
    a, b = np.split(sums, 2, axis=-1)
    known = metric.combine(b) + metric.combine(a)
    delta = score(metric, metric.combine(b)) - score(metric, metric.combine(a))
    return np.where(np.isnan(known), 0.0, delta)


def _effect(metric: Metric, found: _Both, drawn: Floats, swapped: Floats) -> Effect:
    a, b, cluster = found
    value_a, value_b = (
        float(score(metric, metric.combine(counts.sum(axis=0)))) for counts in (a, b)
    )
    clusters = len(np.unique(cluster))
    facts: dict[str, Any] = {
        "a": value_a, "b": value_b, "units": len(a), "clusters": clusters,
        "drawn": _deltas(metric, drawn), "swapped": _deltas(metric, swapped),
    }  # fmt: skip
    if metric.proportion:
        sign = 1 if metric.higher_is_better else -1
        step = sign * (b[:, 0] - a[:, 0])
        facts["lost"], facts["won"] = int((step < 0).sum()), int((step > 0).sum())
        if clusters == len(a):
            return _exact(facts)
    return resampled(**facts)


def _exact(facts: dict[str, Any]) -> Effect:
    lost, won, n = facts["lost"], facts["won"], facts["units"]
    p, mid = mcnemar(lost, won)
    low, high = paired(lost, won, n)
    delta = facts["b"] - facts["a"]
    least = mde(np.sqrt(lost + won) / n, n)
    ends = {"low": min(low, delta), "high": max(high, delta)}
    return Effect(**facts, **ends, p=p, mid_p=mid, mde=least)


def resampled(*, a: float, b: float, clusters: int, drawn: Floats, **facts: Any) -> Effect:
    """Return an effect with its interval from bootstrap and its p from permutation."""
    delta, swapped = b - a, facts["swapped"]
    beyond = int((np.abs(swapped) >= abs(delta) - ROUNDING).sum())
    low, high = percentiles(drawn, clusters)
    if still(drawn):  # no cluster differs: fewer than 3 in n do, most probably
        low, high = max(-1.0, delta - 3 / clusters), min(1.0, delta + 3 / clusters)
    interval = Interval(min(low, delta), max(high, delta))
    return Effect(
        a=a, b=b, clusters=clusters, drawn=drawn, **facts, **interval._asdict(),
        p=(1 + beyond) / (1 + len(swapped)), mde=mde(float(np.std(drawn)), facts["units"]),
    )  # fmt: skip


def mean_effect(effects: Sequence[Effect]) -> Effect:
    """Return the effect on an axis: the mean over its tasks, in the same resamples."""
    if len(effects) == 1:
        return effects[0]
    return resampled(
        a=float(np.mean([one.a for one in effects])),
        b=float(np.mean([one.b for one in effects])),
        units=sum(one.units for one in effects),
        clusters=sum(one.clusters for one in effects),
        drawn=np.mean([one.drawn for one in effects], axis=0),
        swapped=np.mean([one.swapped for one in effects], axis=0),
    )
