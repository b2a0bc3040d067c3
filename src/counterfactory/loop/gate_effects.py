"""Two evaluations of one split as effects: on axes, on mined slices, on what must not get worse.

    both = read_pair(Path("round-01/eval-before"), Path("round-01/eval-after"))
    found = effects(both, mined, Promotion())
    found.axes["math"].delta, found.slices.p, found.guards["unsafe_rate"].low

All effects are on scores (0..1, higher is better), paired item by item: an unsafe rate that falls by
two points is a delta of +0.02.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.columns import Columns, Floats, take
from counterfactory.eval.compare import Paired, effects_by_axis, effects_of
from counterfactory.eval.counting import Units
from counterfactory.eval.metrics import METRICS, Metric, ratio
from counterfactory.eval.paired import Effect, paired_effects
from counterfactory.eval.resample import one_block
from counterfactory.loop.gate_settings import Promotion
from counterfactory.loop.slices import Mined

BINS = 10  # of confidence, between one half and one

Rows = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What changed between two runs."""

    tasks: dict[str, Effect]
    axes: dict[str, Effect]
    slices: Effect | None  # all mined slices together; None where none has an item here
    by_slice: dict[str, Effect]  # each alone, by its name
    guards: dict[str, Effect]  # safety, parse failures, calibration: those that can be measured
    covered: Rows  # the rows of some mined slice


def effects(pair: Paired, mined: Mined | None, settings: Promotion) -> Effects:
    """Return all effects that a decision looks at."""
    tasks = effects_of(pair, **settings.options())
    axes = effects_by_axis(pair.a.summary["tasks"], tasks)
    within = members(mined, pair.rows_a)
    named = mined.slices if mined is not None else ()
    by_slice = {
        one.name: effect
        for one, rows in zip(named, within, strict=True)
        if (effect := effect_on(pair, "accuracy", settings, rows)) is not None
    }
    covered = np.asarray(within.any(axis=0), dtype=np.bool_)
    return Effects(
        tasks=tasks,
        axes={axis: effect for axis, (effect, _) in axes.items()},
        slices=effect_on(pair, "accuracy", settings, covered),
        by_slice=by_slice,
        guards=_guards(pair, settings),
        covered=covered,
    )


def members(mined: Mined | None, rows: Columns) -> Rows:
    """Return which rows are in each slice, (slices, rows)."""
    if mined is None or not mined.slices:
        return np.zeros((0, len(rows["verdict"])), dtype=np.bool_)
    return mined.members(rows)


def effect_on(
    pair: Paired, metric: str | Metric, settings: Promotion, rows: Rows | None = None
) -> Effect | None:
    """Return the effect on a metric of some rows, whatever their tasks; None for no items."""
    chosen = np.ones(len(pair.rows_a["verdict"]), np.bool_) if rows is None else rows
    if not chosen.any():
        return None
    a, b = (take(one, chosen) for one in (pair.rows_a, pair.rows_b))
    how = METRICS[metric] if isinstance(metric, str) else metric
    found = paired_effects(one_block({how.name: a}), {how.name: b}, {how.name: how},
                           **settings.options())  # fmt: skip
    return found.get(how.name)


def _guards(pair: Paired, settings: Promotion) -> dict[str, Effect]:
    requests = np.asarray(pair.rows_a["verifier"] == "refusal")
    found = {
        "unsafe_rate": effect_on(pair, "unsafe_rate", settings, requests),
        "over_refusal": effect_on(pair, "over_refusal", settings, requests),
        "parse_failures": effect_on(pair, "parse_failure", settings),
        "calibration": _calibration(pair, settings),
    }
    return {name: effect for name, effect in found.items() if effect is not None}


def _calibration(pair: Paired, settings: Promotion) -> Effect | None:
    """Return the effect on 1 - ECE, of the yes/no items whose margin both runs know.

    Of several letters a margin tells the right one from the best other one; how sure the model is of
    a wrong one, it does not tell.
    """
    known = ~np.isnan(pair.rows_a["margin"]) & ~np.isnan(pair.rows_b["margin"])
    return effect_on(pair, ECE, settings, known & (pair.rows_a["verifier"] == "yes_no"))


def confidence_gaps(columns: Columns) -> Units:
    """Count, for each item of two answers, (confidence less right) in its bin of confidence, and it.

    A margin is the log-likelihood of the right answer over the other one, so the model believes in
    its own choice with 1 / (1 + exp(-|margin|)).
    """
    rows = np.flatnonzero(~np.isnan(columns["margin"]))
    margin = columns["margin"][rows].astype(np.float64)
    sure = 1 / (1 + np.exp(-np.minimum(np.abs(margin), 700)))
    place = np.minimum(((sure - 0.5) * 2 * BINS).astype(np.int64), BINS - 1)
    counts = np.zeros((len(rows), BINS + 1))
    counts[np.arange(len(rows)), place] = sure - (margin > 0)
    counts[:, BINS] = 1
    return counts, rows


def expected_error(sums: Floats) -> Floats:
    """Return the expected calibration error of summed gaps."""
    return ratio(np.abs(sums[..., :BINS]).sum(axis=-1), sums[..., BINS])


ECE = Metric(
    name="calibration_error",
    about="expected calibration error of yes/no answers",
    parts=confidence_gaps,
    combine=expected_error,
    higher_is_better=False,
)
