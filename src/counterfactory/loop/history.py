"""What past rounds put behind each slice, and what came of it: the memory of the bandit.

    history = read_history(Path("runs/loop"), before=3)
    history.seen[0]      Seen(round=1, name="existence of leaves", build="region-diff",
                              rows=212, before=0.48, after=0.21)
    history.yields       {"region-diff": 0.95}       kept share of what was proposed
    history.speeds       {"region-diff": 0.021}      seconds a kept row, with all workers

Rates are errors on the `gate` split before and after training: never on the items a slice was mined
from. Everything is read from plan.json, gate.json, the releases, what their labels say, and the journal,
so that a history is what the folders say and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.factory.release.row_labels import kept_with
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import Round, read, rounds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One slice in one past round."""

    round: int
    name: str
    conditions: tuple[str, ...]
    build: str
    wanted: int  # rows planned
    rows: int  # rows kept that hold something of it
    before: float | None = None  # error rates on gate; None: not measured
    after: float | None = None

    @property
    def gain(self) -> float | None:
        """The relative fall of the error rate; None when it was not measured, or nothing was wrong."""
        if not self.before or self.after is None:
            return None
        return (self.before - self.after) / self.before


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A release of an earlier round: what replay draws from."""

    round: int
    build: str
    folder: str
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """All that past rounds tell. `History()` is the first round's."""

    seen: tuple[Seen, ...] = ()
    releases: tuple[Past, ...] = ()
    yields: Mapping[str, float] | None = None
    speeds: Mapping[str, float] | None = None


def read_history(out: Path, *, before: int) -> History:
    """Return the history of a loop folder's rounds below `before`."""
    seen: list[Seen] = []
    releases: list[Past] = []
    counts: dict[str, list[tuple[int, int, float]]] = {}
    journal = Journal(out)
    for one in rounds_of(out):
        plan = read(one.plan)
        if one.number >= before or not plan:
            continue
        made: dict[str, float] = {}
        sound = bool(read(one.data).get("passed", True))  # what did not pass is not replayed
        for name in (str(build["name"]) for build in plan.get("builds", ())):
            release = one.release(name)
            if not (release / "manifest.json").is_file():
                continue
            manifest = read(release / "manifest.json")
            kept = int(manifest.get("kept", 0))
            made[name] = kept / max(1, _wanted(plan, name))
            counts.setdefault(name, []).append(
                (kept, int(manifest.get("candidates", kept)), _seconds(journal, one.number, name))
            )
            if kept and sound:
                releases.append(Past(round=one.number, build=name, folder=str(release), rows=kept))
        seen += _seen(one, plan, made)
    return History(
        seen=tuple(seen),
        releases=tuple(releases),
        yields={name: _share(rows, 0, 1) for name, rows in counts.items() if _sum(rows, 1)},
        speeds={
            name: _share(timed, 2, 0)
            for name, rows in counts.items()
            if _sum(timed := [row for row in rows if row[2]], 0)
        },
    )


def measured(gate: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return each slice's (error rate before, after) on the gate's own items."""
    found = {}
    for one in gate.get("slices", ()) or ():
        before, after = one.get("before"), one.get("after")
        if before is not None and after is not None:
            found[str(one.get("name", ""))] = (float(before), float(after))
    return found


def _seen(one: Round, plan: Mapping[str, Any], made: Mapping[str, float]) -> list[Seen]:
    rates = measured(one.decision())
    targets = list(plan.get("targets", ()))
    found = []
    for aim, rows in zip(targets, _rows(one, targets, made), strict=True):
        before, after = rates.get(str(aim["of"]), (None, None))
        found.append(
            Seen(
                round=one.number, name=str(aim["name"]), conditions=tuple(aim["conditions"]),
                build=str(aim["build"]), wanted=int(aim["rows"]), rows=rows, before=before, after=after,
            )
        )  # fmt: skip
    return found


def _rows(one: Round, targets: Sequence[Mapping[str, Any]], made: Mapping[str, float]) -> list[int]:
    """Return the kept rows of each slice: counted by its labels, or its part of what the build kept
    where it has none, or where nothing is known of labels."""
    rows = [round(int(aim["rows"]) * made.get(str(aim["build"]), 0.0)) for aim in targets]
    for name in made:
        mine = [at for at, aim in enumerate(targets) if aim["build"] == name and aim["labels"]]
        labels = [tuple(targets[at]["labels"]) for at in mine]
        counts = kept_with(one.release(name), labels) if mine else None
        for at, count in zip(mine, counts or (), strict=False):
            rows[at] = count
    return rows


def _wanted(plan: Mapping[str, Any], name: str) -> int:
    return sum(int(one["rows"]) for one in plan.get("builds", ()) if one["name"] == name)


def _seconds(journal: Journal, number: int, name: str) -> float:
    """Return how long a build took, 0 where that is not written down."""
    line = journal.last(number, f"build/{name}")
    return line.seconds if line else 0.0


def _sum(rows: Sequence[tuple[int, int, float]], place: int) -> float:
    return float(sum(row[place] for row in rows))


def _share(rows: Sequence[tuple[int, int, float]], above: int, below: int) -> float:
    return _sum(rows, above) / _sum(rows, below)
