"""Answers -> a summary: each task's metrics with 95 % intervals, rolled up into axes.

    summary = summarise(read_columns(folder), suite.tasks)
    summary["axes"]["spatial"]        ->  {"value": 0.61, "low": 0.58, "high": 0.64, "n": 2000, ...}
    summary["tasks"]["count/shifted"]["metrics"]["accuracy"]["value"]

An axis is the unweighted mean of its tasks' scores: their headline metric, turned round where lower
is better. Proportions have Wilson's interval, cluster-robust where items share an image (its
coverage stays near 95 % close to 0 and 1, where a bootstrap's falls below 80 %); F1, CHAIR, means
over categories and axes have a cluster bootstrap, joint over tasks that share images.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.answers import MISSING, UNJUDGED, UNPARSED, VERDICTS
from counterfactory.eval.columns import Columns, Floats, by_task, size
from counterfactory.eval.counting import Units
from counterfactory.eval.estimates import (
    Estimate,
    estimate,
    known,
    mean_of,
    score,
    score_of,
    worst_case,
)
from counterfactory.eval.items import AXES, Task
from counterfactory.eval.metrics import METRICS, Metric, by_category
from counterfactory.eval.resample import Block, add_up, blocks, draws, one_block, products
from counterfactory.eval.slicing import slices

_Key = tuple[str, Callable[[Columns], Units]]
_Score = tuple[Estimate, Floats] | None  # of a task on an axis: the score, and in each resample

SAMPLES = 2000
MOST_CATEGORIES = 64


def summarise(
    columns: Columns, tasks: Sequence[Task], *, samples: int = SAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Return the summary of one evaluation. Raises `UserError` for unknown tasks, missing answers.

    A run may hold some of the tasks only; the others are not in the summary.
    """
    rows = by_task(columns)
    _check(columns, rows, tasks)
    asked = [task for task in tasks if task.name in rows]
    found: dict[str, dict[str, Any]] = {}
    scores: dict[str, _Score] = {}
    for block in blocks({task.name: rows[task.name] for task in asked}):
        ours = [task for task in asked if task.name in block.tasks]
        summed = _Sums(block, ours, samples, seed)
        for task in ours:
            found[task.name], scores[task.name] = _task(task, block.tasks[task.name], summed)
    unread = one_block({"": columns}).units("", METRICS["parse_failure"])
    return {
        "suite": _one(columns, "suite"),
        "split": _one(columns, "split"),
        "weights_hash": _one(columns, "weights_hash"),
        "items": size(columns),
        "axes": _axes(asked, rows, scores),
        "tasks": {task.name: found[task.name] for task in asked},
        "slices": slices(columns),
        "parse_failures": int((columns["verdict"] == UNPARSED).sum()),
        "parse_failure": estimate(METRICS["parse_failure"], *unread).as_dict(),
        "unjudged": int((columns["verdict"] == UNJUDGED).sum()),
        "samples": samples,
        "seed": seed,
    }


class _Sums:
    """What the tasks of a block add up to, and what that becomes in each resample."""

    def __init__(self, block: Block, tasks: Sequence[Task], samples: int, seed: int) -> None:
        self.units: dict[_Key, Units] = {}  # (task, parts) -> counts, clusters
        self.places: dict[_Key, slice] = {}  # and where in `resampled`
        matrices, width = [], 0
        for task in tasks:
            headline = METRICS[task.headline]
            for metric in [*_metrics(task), _categories_of(headline)]:
                key = (task.name, metric.parts)
                if key not in self.units:
                    self.units[key] = block.units(task.name, metric)
                needed = not metric.proportion or (metric is headline and task.axis)
                if needed and key not in self.places:
                    matrix = add_up(*self.units[key], block.size)
                    self.places[key] = slice(width, width := width + matrix.shape[1])
                    matrices.append(matrix)
        self.resampled = np.zeros((samples, 0))
        if width:
            weights = draws(block.size, samples, block.generator(seed, "bootstrap"))
            self.resampled = products(weights, np.concatenate(matrices, axis=1))

    def values(self, task: str, metric: Metric) -> Floats:
        """Return a metric in each resample."""
        return metric.combine(self.resampled[:, self.places[task, metric.parts]])

    def estimate(self, task: str, metric: Metric) -> Estimate:
        """Return a metric with its interval."""
        resampled = None if metric.proportion else self.values(task, metric)
        return estimate(metric, *self.units[task, metric.parts], resampled)

    def categories(self, task: str, metric: Metric, names: Sequence[str]) -> dict[str, Any]:
        """Return the metric of each category, `names` in order."""
        base, spread = METRICS[metric.base or metric.name], _categories_of(metric)
        counts, cluster = self.units[task, spread.parts]
        width = counts.shape[1] // max(len(names), 1)
        found = {}
        for number, name in enumerate(names):
            block = slice(number * width, (number + 1) * width)
            rows = counts[:, block].any(axis=1)
            resampled = None
            if not base.proportion:
                place = self.places[task, spread.parts].start
                low = place + number * width
                resampled = base.combine(self.resampled[:, low : low + width])
            found[name] = estimate(base, counts[rows][:, block], cluster[rows], resampled).as_dict()
        return found


@cache
def _categories_of(metric: Metric) -> Metric:
    """Return a metric's base, counted for each category apart."""
    base = METRICS[metric.base or metric.name]
    return replace(base, parts=by_category(base.parts))


def _metrics(task: Task) -> list[Metric]:
    names = dict.fromkeys([task.headline, *task.metrics, "parse_failure"])
    if unknown := [name for name in names if name not in METRICS]:
        raise ValueError(f"task {task.name!r}: unknown metric {unknown[0]!r}")
    return [METRICS[name] for name in names]


def _task(task: Task, columns: Columns, summed: _Sums) -> tuple[dict[str, Any], _Score]:
    metrics = {metric.name: summed.estimate(task.name, metric) for metric in _metrics(task)}
    headline = METRICS[task.headline]
    found = metrics[task.headline]
    entry: dict[str, Any] = {
        "axis": task.axis,
        "headline": task.headline,
        "version": task.version,
        **found.as_dict(),
        "n": size(columns),
        "units": found.n,
        "chance": headline.chance,
        "metrics": {
            name: {**one.as_dict(), "higher_is_better": METRICS[name].higher_is_better}
            for name, one in metrics.items()
        },
        "categories": _categories(task, headline, columns, summed),
        "verdicts": {name: int((columns["verdict"] == name).sum()) for name in VERDICTS},
        "parse_failure": metrics["parse_failure"].as_dict(),
    }
    if entry["verdicts"][UNJUDGED]:
        low, high = worst_case(headline, columns)
        entry["bounds"] = {"low": known(low), "high": known(high)}
    if not task.axis:
        return entry, None
    one = score_of(headline, found)
    entry["score"] = one.value
    return entry, (one, score(headline, summed.values(task.name, headline), one.value))


def _categories(task: Task, headline: Metric, columns: Columns, summed: _Sums) -> dict[str, Any]:
    names = sorted(set(columns["category"]))
    if not 2 <= len(names) <= MOST_CATEGORIES:
        return {}
    return summed.categories(task.name, headline, names)


def _axes(
    tasks: Sequence[Task], rows: Mapping[str, Columns], scores: Mapping[str, _Score]
) -> dict[str, Any]:
    axes = {}
    for axis in AXES:
        ours = [
            (task.name, one)
            for task in tasks
            if task.axis == axis and (one := scores[task.name]) and one[0].n
        ]
        if ours:
            found = mean_of([one for _, (one, _) in ours], [values for _, (_, values) in ours])
            axes[axis] = {
                **{name: getattr(found, name) for name in ("value", "low", "high")},
                "n": sum(size(rows[name]) for name, _ in ours),
                "tasks": [name for name, _ in ours],
            }
            if any((rows[name]["verdict"] == UNJUDGED).any() for name, _ in ours):
                axes[axis]["bounds"] = _bounds([name for name, _ in ours], tasks, rows)
    return axes


def _bounds(
    names: Sequence[str], tasks: Sequence[Task], rows: Mapping[str, Columns]
) -> dict[str, float]:
    """Return an axis if all that is unjudged were wrong, and right."""
    headlines = {task.name: METRICS[task.headline] for task in tasks}
    ends = [
        sorted(score(headlines[name], end) for end in worst_case(headlines[name], rows[name]))
        for name in names
    ]
    low, high = np.mean(ends, axis=0)
    return {"low": float(low), "high": float(high)}


def _check(columns: Columns, rows: Mapping[str, Columns], tasks: Sequence[Task]) -> None:
    known_names = {task.name for task in tasks}
    if unknown := [name for name in rows if name not in known_names]:
        raise UserError(f"answers.parquet: task {unknown[0]!r} is not in this suite")
    missing = np.flatnonzero(columns["verdict"] == MISSING)
    if len(missing):
        first = f"{columns['task'][missing[0]]} {columns['item_id'][missing[0]]}"
        raise UserError(
            f"answers.parquet: {len(missing)} of {size(columns)} items have no answer (first: "
            f"{first}); run the same command again to ask them"
        )


def _one(columns: Columns, name: str) -> str:
    values = sorted(set(columns[name]))
    if len(values) != 1:
        raise UserError(f"answers.parquet: {name}: expected one value, found {', '.join(values)}")
    return str(values[0])
