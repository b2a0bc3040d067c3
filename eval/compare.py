"""Two evaluations of the same items, side by side: what changed, and whether it is more than luck.

    result = compare(Path("runs/base"), Path("runs/round-01"))
    result["axes"]["math"]    ->  {"a": 0.41, "b": 0.47, "delta": 0.06, "low": 0.03, "high": 0.09,
                                   "p": 0.0004, "p_holm": 0.0028, "mde": 0.04, ...}
    print(table(result))

Only headline axes are tested as a family (Holm); what is said of single tasks describes. `mean` is one
test more: of the mean over the axes, all of them alike. An item
that a judge could not decide in one run is left out of both.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError
from counterfactory.eval.answers import MISSING, UNJUDGED
from counterfactory.eval.columns import Columns, by_task, read_columns, size, take
from counterfactory.eval.items import AXES
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.paired import PERMUTATIONS, Effect, mean_effect, paired_effects
from counterfactory.eval.resample import blocks, one_block
from counterfactory.eval.stats import LEVEL, holm
from counterfactory.eval.summary import SAMPLES

SAME = (  # columns that must be equal, row by row
    ("prompt_hash", "was asked differently"),
    ("image_hashes", "has other images"),
    ("gold", "has another right answer"),
    ("verifier", "was marked by another rule"),
    ("cluster_id", "lies in another cluster"),
    ("group_id", "lies in another group"),
    ("judge", "was judged by another judge"),
    ("judge_prompt_hash", "was judged with another prompt"),
)
TASK = ("axis", "headline", "version")  # of each task, in summary.json


@dataclass(frozen=True, slots=True)
class Run:
    """One evaluation folder."""

    folder: Path
    summary: dict[str, Any]
    columns: Columns

    @classmethod
    def read(cls, folder: Path) -> "Run":
        """Read a folder. Raises `UserError` when `eval run` has not finished it."""
        path = folder / "summary.json"
        if not path.is_file():
            raise UserError(f"{folder}: no summary.json here; is it a finished `eval run` folder?")
        try:
            summary = json.loads(path.read_text(encoding="utf-8"))
            tasks = {name: [task[key] for key in TASK] for name, task in summary["tasks"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{path}: not a summary of an evaluation ({error!r})") from None
        for name, (_, headline, _) in tasks.items():
            if headline not in METRICS:
                raise UserError(f"{path}: tasks.{name}.headline: no metric is named {headline!r}")
        columns = read_columns(folder)
        if lost := sorted(set(columns["task"]) - tasks.keys()):
            raise UserError(f"{path}: says nothing of task {lost[0]!r}, which has answers")
        if missing := int((columns["verdict"] == MISSING).sum()):
            raise UserError(f"{folder}: {missing} items have no answer; run `eval run` again")
        return cls(folder, summary, columns)

    def card(self) -> dict[str, Any]:
        """Return what names the run."""
        run = self.summary.get("run")
        return {
            "out": str(self.folder),
            "model": str(run.get("model", "")) if isinstance(run, dict) else "",
            "weights_hash": self.summary.get("weights_hash", ""),
        }


@dataclass(frozen=True, slots=True)
class Paired:
    """Two runs, their rows side by side in A's order; what either left unjudged is so in both."""

    a: Run
    b: Run
    rows_a: Columns
    rows_b: Columns
    unjudged: int


def read_pair(a: Path, b: Path) -> Paired:
    """Read two runs. Raises `UserError` when they did not answer the same items."""
    run_a, run_b = Run.read(a), Run.read(b)
    rows_a, rows_b = _aligned(run_a, run_b)
    unjudged = _unjudged(rows_a, rows_b)
    for rows in (rows_a, rows_b):
        rows["verdict"] = np.where(unjudged, UNJUDGED, rows["verdict"])
    return Paired(run_a, run_b, rows_a, rows_b, int(unjudged.sum()))


def effects_of(pair: Paired, **options: Any) -> dict[str, Effect]:
    """Return the effect on each task's headline; `options` are those of `paired_effects`."""
    tasks = pair.a.summary["tasks"]
    metrics = {name: METRICS[task["headline"]] for name, task in tasks.items()}
    metrics = {name: m for name, m in metrics.items() if m.higher_is_better is not None}
    others = by_task(pair.rows_b)
    effects: dict[str, Effect] = {}
    for block in blocks(by_task(pair.rows_a)):
        effects |= paired_effects(block, others, metrics, **options)
    return effects


def compare(
    a: Path,
    b: Path,
    *,
    samples: int = SAMPLES,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare run B with run A. Raises `UserError` when they did not answer the same items."""
    pair = read_pair(a, b)
    run_a, run_b, rows_a, rows_b = pair.a, pair.b, pair.rows_a, pair.rows_b
    tasks = run_a.summary["tasks"]
    options: dict[str, Any] = {"samples": samples, "permutations": permutations, "seed": seed}
    effects = effects_of(pair, **options)
    by_axis = effects_by_axis(tasks, effects)
    axes = _axes(by_axis)
    unread = {"": METRICS["parse_failure"]}
    read = paired_effects(one_block({"": rows_a}), {"": rows_b}, unread, **options)[""]
    return {
        "a": run_a.card(),
        "b": run_b.card(),
        "suite": run_a.summary["suite"],
        "split": run_a.summary["split"],
        "items": size(rows_a),
        "unjudged": pair.unjudged,
        "axes": axes,
        "mean": mean_effect([one for one, _ in by_axis.values()]).as_dict() if by_axis else None,
        "regressions": [name for name, axis in axes.items() if worse(axis)],
        "improvements": [name for name, axis in axes.items() if better(axis)],
        "tasks": {
            name: {"axis": tasks[name]["axis"], "headline": tasks[name]["headline"]}
            | effects[name].as_dict()
            for name in tasks
            if name in effects
        },
        "parse_failure": _failures(read),
        "samples": samples,
        "permutations": permutations,
        "seed": seed,
    }


def worse(axis: dict[str, Any]) -> bool:
    """Say whether an axis of a comparison got worse by more than luck."""
    return bool(axis["p_holm"] <= LEVEL and axis["delta"] < 0)


def better(axis: dict[str, Any]) -> bool:
    """Say whether an axis of a comparison got better by more than luck."""
    return bool(axis["p_holm"] <= LEVEL and axis["delta"] > 0)


def effects_by_axis(
    tasks: dict[str, Any], effects: dict[str, Effect]
) -> dict[str, tuple[Effect, list[str]]]:
    """Return the effect on each axis that has one, and its tasks."""
    found = {}
    for axis in AXES:
        if names := [name for name in effects if tasks[name]["axis"] == axis]:
            found[axis] = mean_effect([effects[name] for name in names]), names
    return found


def _axes(by_axis: dict[str, tuple[Effect, list[str]]]) -> dict[str, Any]:
    found = {axis: one.as_dict() | {"tasks": names} for axis, (one, names) in by_axis.items()}
    whole = holm({axis: facts["p"] for axis, facts in found.items()})
    return {axis: facts | {"p_holm": whole[axis]} for axis, facts in found.items()}


def _failures(effect: Effect) -> dict[str, Any]:
    """Return the change of the share of unread answers; an effect is about scores, so turn it."""
    return {
        "a": 1 - effect.a, "b": 1 - effect.b, "delta": -effect.delta,
        "low": -effect.high, "high": -effect.low, "p": effect.p, "mde": effect.mde,
    }  # fmt: skip


def _aligned(a: Run, b: Run) -> tuple[Columns, Columns]:
    """Return both runs' rows in A's order. Raises `UserError` where they are not comparable."""

    def refuse(why: str) -> UserError:
        return UserError(f"{a.folder} and {b.folder} cannot be compared: {why}")

    for key in ("suite", "split"):
        if a.summary.get(key) != b.summary.get(key):
            raise refuse(f"{key}: {a.summary.get(key)!r} and {b.summary.get(key)!r}")
    rows = [_by_name(run) for run in (a, b)]
    for one, other, run in ((rows[0], rows[1], a), (rows[1], rows[0], b)):
        if lost := [name for name in one if name not in other]:
            raise refuse(f"{len(lost)} items are only in {run.folder}, first {_say(lost[0])}")
    for task in dict.fromkeys(a.columns["task"]):
        for key in TASK:
            found = [run.summary["tasks"][task][key] for run in (a, b)]
            if found[0] != found[1]:
                raise refuse(f"task {task!r}: {key}: {found[0]!r} and {found[1]!r}")
    rows_b = take(b.columns, np.array([rows[1][name] for name in rows[0]]))
    left_out = _unjudged(a.columns, rows_b)
    for key, what in SAME:
        equal = [x == y for x, y in zip(a.columns[key], rows_b[key], strict=True)]
        differs = np.flatnonzero(~(np.array(equal) | left_out))
        if len(differs):
            name = (a.columns["task"][differs[0]], a.columns["item_id"][differs[0]])
            raise refuse(f"{key}: {_say(name)} {what} ({len(differs)} items)")
    return dict(a.columns), rows_b


def _unjudged(a: Columns, b: Columns) -> NDArray[np.bool_]:
    return np.asarray((a["verdict"] == UNJUDGED) | (b["verdict"] == UNJUDGED))


def _by_name(run: Run) -> dict[tuple[str, str], int]:
    names = list(zip(run.columns["task"], run.columns["item_id"], strict=True))
    found = {name: row for row, name in enumerate(names)}
    if len(found) < len(names):
        twice = next(name for row, name in enumerate(names) if found[name] != row)
        raise UserError(f"{run.folder / 'answers.parquet'}: {_say(twice)} is there twice")
    return found


def _say(name: tuple[str, str]) -> str:
    return f"{name[0]} {name[1]}"


def table(result: dict[str, Any], *, tasks: bool = False) -> str:
    """Return a comparison as a table for people."""
    from counterfactory.eval.compare_text import table as written

    return written(result, tasks=tasks)
