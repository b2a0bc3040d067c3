"""What the evidence of a loop measures, and what changed in it over all seeds of an arm.

    measures = measures_of(read_pair(base, base), mined)
    value(measures["CHAIRs, balanced"], pair)           ->  0.15, of the pair's second run
    found = over_seeds(measures["CHAIRs, balanced"], [seed_0, seed_1, seed_2])
    found.delta, found.low, found.p                     ->  a score: higher is better

A measure is the mean of its parts, each a metric on some rows. Seeds answered the same pictures, so a
picture is drawn, or swapped, in all of them at once. The interval and p are about items, given these
trained models; how far trainings differ is told by the seeds themselves.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.answers import UNPARSED
from counterfactory.eval.columns import Columns, take
from counterfactory.eval.compare import Paired
from counterfactory.eval.counting import Units, shares
from counterfactory.eval.metrics import METRICS, Metric
from counterfactory.eval.paired import Effect, mean_effect, paired_effects
from counterfactory.eval.resample import one_block
from counterfactory.factory.world.scene import USUAL
from counterfactory.loop.gate_effects import members
from counterfactory.loop.gate_settings import Promotion
from counterfactory.loop.slices import Mined

Rows = NDArray[np.bool_]
KINDS = ("balanced", "shifted")
ERRORS = "errors on the slices"
REASONING = ("arithmetic_one", "arithmetic_two", "relation", "usual")


@dataclass(frozen=True, slots=True)
class Part:
    """A metric on the rows of a table that it is about."""

    metric: Metric
    rows: Callable[[Columns], Rows]


Measure = Sequence[Part]


def measures_of(start: Paired, mined: Mined) -> dict[str, Measure]:
    """Return the measures by name; `start` tells which tasks there are and their headlines."""
    heads = {
        name: METRICS[task["headline"]]
        for name, task in start.a.summary["tasks"].items()
        if METRICS[task["headline"]].higher_is_better is not None
    }
    reasoning = {kind: [f"{task}/{kind}" for task in REASONING] for kind in KINDS}
    tasks = {kind: [name for name in heads if name.endswith(f"/{kind}")] for kind in KINDS}
    return {
        ERRORS: [Part(WRONG, lambda rows: covered(mined, rows))],
        **{f"{ERRORS}, {kind}": [Part(WRONG, _covered_of(mined, kind))] for kind in KINDS},
        "adversarial yes to no": [Part(_among_read("yes", says_yes), adversarial)],
        "adversarial unread": [Part(METRICS["parse_failure"], adversarial)],
        **{
            f"{told}, {kind}": [Part(METRICS[name], in_task(f"description/{kind}"))]
            for told, name in (("CHAIRs", "chair_s"), ("CHAIRi", "chair_i"))
            for kind in KINDS
        },
        "follows the usual": [Part(_among_read("usual", says_usual), odd)],
        "usual unread": [Part(METRICS["parse_failure"], odd)],
        **{f"reasoning, {kind}": _headlines(heads, reasoning[kind]) for kind in KINDS},
        **{f"all tasks, {kind}": _headlines(heads, tasks[kind]) for kind in KINDS},
    }


def value(measure: Measure, pair: Paired) -> float:
    """Return a measure of the second run, as it is usually told (an error rate is an error rate)."""
    return as_told(measure, over_seeds(measure, [pair]).b)


def as_told(measure: Measure, score: float) -> float:
    """Return a score as it is usually told: turned round where one metric is lower for better."""
    turned = len(measure) == 1 and not measure[0].metric.higher_is_better
    return 1 - score if turned else score


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


def covered(mined: Mined, rows: Columns) -> Rows:
    """Return the rows that lie in any slice."""
    return np.asarray(members(mined, rows).any(axis=0), dtype=np.bool_)


def _covered_of(mined: Mined, kind: str) -> Callable[[Columns], Rows]:
    return lambda rows: (
        covered(mined, rows) & np.char.endswith(rows["task"].astype(str), f"/{kind}")
    )


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


def _headlines(heads: Mapping[str, Metric], names: Sequence[str]) -> Measure:
    return [Part(heads[name], in_task(name)) for name in names]


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
