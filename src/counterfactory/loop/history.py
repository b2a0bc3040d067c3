"""What past rounds put behind each slice, and what came of it: the memory of the bandit.

    history = read_history(Path("runs/loop"), before=3)
    history.seen[0]      Seen(round=1, name="existence of leaves", build="region-diff",
                              rows=212, before=0.48, after=0.21)
    history.yields       {"region-diff": 0.95}       kept share of what was proposed
    history.speeds       {"region-diff": 0.021}      seconds a kept row

Rates are errors on the `gate` split before and after training: never on the items a slice was mined
from. Everything is read from plan.json, gate.json, the releases and their ledgers, so that a history
is what the folders say and nothing else.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.loop.layout import read, rounds_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One slice in one past round."""

    round: int
    name: str
    conditions: tuple[str, ...]
    build: str
    wanted: int  # rows planned
    rows: int  # rows kept
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
                (kept, int(manifest.get("candidates", kept)), _seconds(release))
            )
            if kept and sound:
                releases.append(Past(round=one.number, build=name, folder=str(release), rows=kept))
        seen += _seen(one.number, plan, one.decision(), made)
    return History(
        seen=tuple(seen),
        releases=tuple(releases),
        yields={name: _share(rows, 0, 1) for name, rows in counts.items() if _sum(rows, 1)},
        speeds={name: _share(rows, 2, 0) for name, rows in counts.items() if _sum(rows, 0)},
    )


def measured(gate: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return each slice's (error rate before, after) on the gate's own items."""
    found = {}
    for one in gate.get("slices", ()) or ():
        before, after = one.get("before"), one.get("after")
        if before is not None and after is not None:
            found[str(one.get("name", ""))] = (float(before), float(after))
    return found


def _seen(
    number: int, plan: Mapping[str, Any], gate: Mapping[str, Any], made: Mapping[str, float]
) -> list[Seen]:
    rates = measured(gate)
    found = []
    for one in plan.get("targets", ()):
        name, build, wanted = str(one["name"]), str(one["build"]), int(one["rows"])
        before, after = rates.get(str(one["of"]), (None, None))
        found.append(
            Seen(
                round=number, name=name, conditions=tuple(one["conditions"]), build=build, wanted=wanted,
                rows=round(wanted * made.get(build, 0.0)), before=before, after=after,
            )
        )  # fmt: skip
    return found


def _wanted(plan: Mapping[str, Any], name: str) -> int:
    return sum(int(one["rows"]) for one in plan.get("builds", ()) if one["name"] == name)


def _seconds(release: Path) -> float:
    """Return the seconds of work that the build's ledger holds, 0 where it is gone."""
    ledger = release.with_name(f"{release.name}.build") / "ledger.sqlite"
    if not ledger.is_file():
        return 0.0
    try:
        with closing(sqlite3.connect(f"{ledger.resolve().as_uri()}?mode=ro", uri=True)) as opened:
            return float(opened.execute("SELECT total(seconds) FROM batches").fetchone()[0])
    except sqlite3.Error:
        return 0.0


def _sum(rows: Sequence[tuple[int, int, float]], place: int) -> float:
    return float(sum(row[place] for row in rows))


def _share(rows: Sequence[tuple[int, int, float]], above: int, below: int) -> float:
    return _sum(rows, above) / _sum(rows, below)
