"""Evaluation folders -> entries of a leaderboard, best first.

    entries = read_entries([Path("eval/base"), Path("eval/round-1")])
    entries[0].name, entries[0].average, entries[0].axes["spatial"]["value"]

Only evaluations of one suite, split and version may stand side by side. The order is by the mean of
the axes that all of them have; a model is not punished for an axis that another run left out.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.items import AXES


@dataclass(frozen=True, slots=True)
class Entry:
    """One evaluation."""

    folder: Path
    name: str  # unique on this board
    summary: dict[str, Any]
    average: float | None  # mean of the axes that all entries have

    @property
    def axes(self) -> dict[str, dict[str, Any]]:
        """Return axis -> {value, low, high, n}."""
        found: dict[str, dict[str, Any]] = self.summary["axes"]
        return found


def read_entries(folders: Sequence[Path]) -> list[Entry]:
    """Return the entries, best first. Raises `UserError` when they cannot be compared."""
    summaries = [(folder, _summary(folder)) for folder in folders]
    for what in ("suite", "split"):
        if len(values := sorted({str(summary[what]) for _, summary in summaries})) > 1:
            raise UserError(
                f"leaderboard: the evaluations differ in {what}: found {', '.join(values)}; "
                "expected one"
            )
    _same_versions(summaries)
    shared = [axis for axis in AXES if all(_value(s, axis) is not None for _, s in summaries)]
    names = _names(summaries)
    entries = [
        Entry(folder, name, summary, _mean([_value(summary, axis) for axis in shared]))
        for (folder, summary), name in zip(summaries, names, strict=True)
    ]
    return sorted(entries, key=lambda e: (-1.0 if e.average is None else -e.average, e.name))


def shown_axes(entries: Sequence[Entry]) -> list[str]:
    """Return the axes that any entry has, in their order."""
    return [axis for axis in AXES if any(axis in entry.axes for entry in entries)]


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / "summary.json"
    if not path.is_file():
        raise UserError(f"{folder}: no summary.json here; is it a folder that `eval run` finished?")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error})") from None
    for key in ("suite", "split", "axes", "tasks", "run"):
        if not isinstance(summary, dict) or key not in summary:
            raise UserError(f"{path}: key {key!r} is missing; expected what `eval run` writes")
    return dict(summary)


def _same_versions(summaries: Sequence[tuple[Path, dict[str, Any]]]) -> None:
    """Refuse tasks that changed between two runs: their numbers mean different things."""
    seen: dict[str, tuple[Path, Any]] = {}
    for folder, summary in summaries:
        for name, task in summary["tasks"].items():
            other, version = seen.setdefault(name, (folder, task.get("version")))
            if version != task.get("version"):
                raise UserError(
                    f"leaderboard: task {name!r} has version {task.get('version')} in {folder} and "
                    f"{version} in {other}; run the older evaluation again"
                )


def _value(summary: dict[str, Any], axis: str) -> float | None:
    found = summary["axes"].get(axis, {}).get("value")
    return None if found is None else float(found)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _names(summaries: Sequence[tuple[Path, dict[str, Any]]]) -> list[str]:
    """Return the model names, with the folder's where two entries have one model id."""
    runs = [summary["run"] for _, summary in summaries]
    told = [
        run["model"] if run["select"] == "greedy" else f"{run['model']} · {run['select']}"
        for run in runs
    ]
    names = [
        f"{name} · {folder.name}" if told.count(name) > 1 else name
        for name, (folder, _) in zip(told, summaries, strict=True)
    ]
    if len(set(names)) < len(names):
        names = [f"{name} #{n}" for n, name in enumerate(names, 1)]
    return names
