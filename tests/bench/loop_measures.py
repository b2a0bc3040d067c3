"""What the evidence of a loop measures.

    measures = measures_of(read_pair(base, base), mined)
    found = over_seeds(measures["CHAIRs, balanced"], [pair])
    as_told(measures["CHAIRs, balanced"], found.b)      ->  0.15, of the pair's second run

A measure is the mean of its parts, each a metric on some rows; a part that counts twice stands there
twice.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.answers import UNPARSED
from counterfactory.eval.columns import Columns
from counterfactory.eval.compare import Paired
from counterfactory.eval.counting import Units, shares
from counterfactory.eval.metrics import METRICS, Metric
from counterfactory.factory.world.scene import USUAL
from counterfactory.loop.gate_effects import members
from counterfactory.loop.slices import Mined

Rows = NDArray[np.bool_]
KINDS = ("balanced", "shifted")
ERRORS = "errors on the slices"
HALLUCINATION = "hallucination, three measures"
AREAS = {  # of reasoning, each as much as the others
    "arithmetic": ("arithmetic_one", "arithmetic_two"),
    "relations": ("relation", "relation"),
    "commonsense": ("usual", "usual"),
}
UTILITY = ("hallucination", "attribute", "math", "spatial", "commonsense", "helpfulness")


@dataclass(frozen=True, slots=True)
class Part:
    """A metric on the rows of a table that it is about."""

    metric: Metric
    rows: Callable[[Columns], Rows]


Measure = Sequence[Part]


def measures_of(start: Paired, mined: Mined) -> dict[str, Measure]:
    """Return the measures by name; `start` tells which tasks there are and their headlines."""
    tasks = start.a.summary["tasks"]
    return {
        **_slices(mined),
        **_hallucination(),
        **{
            f"reasoning, {kind}": _headlines(tasks, [f"{task}/{kind}" for task in _reasoning()])
            for kind in KINDS
        },
        **{
            f"all tasks but requests, {kind}": _headlines(
                tasks, [name for name in tasks if name.endswith(f"/{kind}") and not _request(name)]
            )
            for kind in KINDS
        },
        **{name: _headlines(tasks, names) for name, names in _axes(tasks).items()},
    }


def as_told(measure: Measure, score: float) -> float:
    """Return a score as it is usually told: an error rate is an error rate."""
    return 1 - score if of_errors(measure) else score


def of_errors(measure: Measure) -> bool:
    """Say whether lower is better."""
    return not any(part.metric.higher_is_better for part in measure)


def covered(mined: Mined, rows: Columns) -> Rows:
    """Return the rows that lie in any slice."""
    return np.asarray(members(mined, rows).any(axis=0), dtype=np.bool_)


def _slices(mined: Mined) -> dict[str, Measure]:
    def wrong(also: Callable[[Columns], Rows]) -> Measure:
        return [Part(WRONG, lambda rows: covered(mined, rows) & also(rows))]

    return {
        ERRORS: wrong(lambda rows: np.ones(len(rows["task"]), np.bool_)),
        f"{ERRORS}, requests left out": wrong(lambda rows: rows["verifier"] != "refusal"),
        f"{ERRORS}, balanced": wrong(partial(_of_kind, "balanced")),
        f"{ERRORS}, shifted": wrong(partial(_of_kind, "shifted")),
    }


def _hallucination() -> dict[str, Measure]:
    """Return its measures, and the mean of the three, each as much as the others."""
    yes = Part(_among_read("yes", says_yes), adversarial)
    follows = Part(_among_read("usual", says_usual), odd)
    chairs = [Part(METRICS["chair_s"], in_task(f"description/{kind}")) for kind in KINDS]
    told = {"CHAIRs": "chair_s", "CHAIRi": "chair_i", "things told": "chair_recall"}
    return {
        HALLUCINATION: [yes, yes, follows, follows, *chairs],
        "adversarial yes to no": [yes],
        "adversarial unread": [Part(METRICS["parse_failure"], adversarial)],
        "follows the usual": [follows],
        "usual unread": [Part(METRICS["parse_failure"], odd)],
        **{
            f"{name}, {kind}": [Part(METRICS[metric], in_task(f"description/{kind}"))]
            for name, metric in told.items()
            for kind in KINDS
        },
    }


def _reasoning() -> list[str]:
    return [task for area in AREAS.values() for task in area]


def _request(task: str) -> bool:
    return task.startswith(("request_", "benign_"))


def _axes(tasks: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the tasks of each axis of utility, whole and by kind."""
    of = {axis: [name for name in tasks if tasks[name]["axis"] == axis] for axis in UTILITY}
    kinds = {
        f"axis {axis}, {kind}": [name for name in names if name.endswith(f"/{kind}")]
        for axis, names in of.items()
        for kind in KINDS
    }
    return {f"axis {axis}": names for axis, names in of.items()} | kinds


def _of_kind(kind: str, rows: Columns) -> Rows:
    return np.asarray(np.char.endswith(rows["task"].astype(str), f"/{kind}"))


def in_task(*names: str) -> Callable[[Columns], Rows]:
    """Return a chooser of the rows of these tasks."""
    return lambda rows: np.isin(rows["task"].astype(str), names)


def adversarial(rows: Columns) -> Rows:
    """Return the adversarial existence questions that want a no."""
    return np.asarray((rows["category"] == "adversarial") & (rows["gold"] == "no"))


def odd(rows: Columns) -> Rows:
    """Return the questions for the colour of a thing here that has another than its usual one."""
    asked = np.char.startswith(rows["task"].astype(str), "usual") & (rows["category"] == "here")
    return np.asarray(asked & (rows["gold"] != usual(rows)))


def says_yes(rows: Columns) -> Rows:
    """Return the answers that are yes."""
    return np.asarray(rows["parsed"] == "yes")


def says_usual(rows: Columns) -> Rows:
    """Return the answers that name the usual colour of the thing asked about."""
    return np.asarray(rows["parsed"] == usual(rows))


def usual(rows: Columns) -> NDArray[np.object_]:
    """Return the usual colour of the kind that each row asks about, "" for none."""
    kinds = (dict(label.split(":", 1) for label in one).get("kind", "") for one in rows["slices"])
    return np.array([USUAL.get(kind, "") for kind in kinds], dtype=object)


def _headlines(tasks: Mapping[str, Any], names: Sequence[str]) -> Measure:
    return [Part(METRICS[tasks[name]["headline"]], in_task(name)) for name in names]


def _among_read(name: str, hit: Callable[[Columns], Rows]) -> Metric:
    """Return a rate among the answers that could be read: an unread one says nothing, good or bad."""

    def parts(columns: Columns) -> Units:
        read = columns["verdict"] != UNPARSED
        counts = np.stack([hit(columns) & read, read], axis=1).astype(np.float64)
        return counts, np.arange(len(read))

    return Metric(
        name=name, about="of the answers read", parts=parts, higher_is_better=False,
        combine=METRICS["accuracy"].combine,
    )  # fmt: skip


WRONG = replace(
    METRICS["accuracy"], name="wrong", about="items answered wrong", higher_is_better=False,
    parts=partial(shares, wrong=True),
)  # fmt: skip
