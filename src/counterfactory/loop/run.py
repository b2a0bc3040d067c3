"""`loop run`: rounds of stages, each done once; the promoted model is where the next round starts.

    result = run_loop(resolve_loop("loop/pocket-quick"), Path("runs/loop"))
    result["rounds"][0]["promoted"]      True

The same call continues a loop that was killed, and does nothing for one that is finished. A rejected
round keeps all it made, says why in gate.json, and the next one starts from the last promoted model.
"""

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Set
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import disk_errors, write_whole
from counterfactory.loop.changed import said
from counterfactory.loop.engine import BESIDE, Engine, Stage, remove
from counterfactory.loop.generators import GENERATOR
from counterfactory.loop.journal import LOCK, NAME, Journal, held
from counterfactory.loop.layout import (
    RECIPE,
    REPORT,
    Round,
    promoted_in,
    read,
    recipe_in,
    round_of,
    rounds_of,
    write_changed,
)
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, point, released, skipped
from counterfactory.loop.stages import STAGES
from counterfactory.models.devices import choose
from counterfactory.models.ids import models_below
from counterfactory.progress import clock_text

IDENTITY = ("name", "model", "suite", "seed")  # a recipe that differs in one is another loop's
Parts = Mapping[str, Callable[[Work], Iterable[Stage[Work]]]]


def run_loop(
    recipe: LoopRecipe, out: Path, *, workers: int | None = None, device: str = "auto",
    parts: Parts = STAGES, page: Callable[[Path], object] | None = None,
    say: Callable[[str], None] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Run all rounds of a recipe in the folder `out`, or go on with them."""
    started = time.monotonic()
    out = out.absolute()
    choose(device)
    claim(out)
    say = say or _to_stderr
    with disk_errors(out), held(out), models_below(out):
        journal = Journal(out)
        _keep(recipe, out / RECIPE, journal, say)
        ran = 0
        for number in range(1, recipe.rounds + 1):
            work = Work(recipe, out, round_of(out, number), workers=workers, device=device)
            ran += _round(work, journal, parts, say)
        if ran or not _told(out):
            (page or _page)(out)
            say(f"report: {out / REPORT}")
    return {
        **result_of(out, recipe.rounds),
        "ran": ran,
        "seconds": round(time.monotonic() - started, 1),
    }


def _keep(recipe: LoopRecipe, path: Path, journal: Journal, say: Callable[[str], None]) -> None:
    """Write the recipe; say what differs from the one that the finished stages were done with.

    Raises `UserError` where they are another loop's.
    """
    text = recipe.yaml()
    was = path.read_text(encoding="utf-8") if path.is_file() else ""
    if was == text:
        return
    if was and journal.lines:
        before, now = recipe_in(path.parent), recipe.values()
        for key in IDENTITY:
            if before.get(key) != now[key]:
                found = f"found a loop of {key} {before.get(key)!r}, expected {now[key]!r}"
                raise UserError(f"{path.parent}: {found}; choose another --out")
        if line := said(before, now):
            say(line)
    write_whole(path, text.encode())


def claim(out: Path) -> None:
    """Make the folder. Raises `UserError` where something else is in it, or its name cannot be used."""
    if os.pathsep in str(out):  # a loop's models go by their place below it: models_below
        raise UserError(f"--out {out}: found {os.pathsep!r} in it, expected a folder without")
    try:
        out.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in out.iterdir()}
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}") from None
    if names <= {f"{RECIPE}.tmp", LOCK}:  # killed before it wrote its recipe
        return
    if RECIPE not in names:
        raise UserError(f"{out}: found files that are no loop, expected a new or empty folder")
    recipe_in(out)


def _told(out: Path) -> bool:
    """Say whether the report is of what the journal holds: a kill may come between the two."""
    try:
        return (out / REPORT).stat().st_mtime_ns >= (out / NAME).stat().st_mtime_ns
    except OSError:
        return False


def _round(work: Work, journal: Journal, parts: Parts, say: Callable[[str], None]) -> int:
    """Do the stages of one round that are not done; return how many ran."""
    number, folder = work.round.number, work.round.folder
    folder.mkdir(exist_ok=True)

    def tell(name: str, begins: bool, seconds: float) -> None:
        if begins:
            write_changed(work.round.recipe, work.recipe.yaml())
        head = f"round {number}/{work.recipe.rounds}  {name}"
        say(
            f"{head} ..."
            if begins
            else f"{head}: done in {clock_text(seconds)}{_found(work, name)}"
        )

    engine = Engine(journal, tell)
    for stages in parts.values():
        for stage in stages(work):
            engine.do(number, stage, work, folder)
    _clear(work.round, engine.given)
    decision = work.round.decision()
    if number == work.recipe.rounds:  # the last gate that ran may be of an earlier round
        point(work.folder, [*work.earlier, work.round])
    if engine.ran:
        word = "promoted" if work.round.promoted else "rejected"
        say(f"round {number}/{work.recipe.rounds}  {word}: {decision.get('reason', '')}")
    return engine.ran


def _clear(one: Round, given: Set[Path]) -> None:
    """Remove what another recipe's stages left and none of this one's leaves.

    It would still be used, or told of in the report.
    """
    told = (one.after, one.unlabelled)
    for path in (*told, one.filter, one.folder / GENERATOR, *one.models.glob("[0-9]*-*")):
        if path not in given and path.suffix not in BESIDE:
            remove(path)


def _found(work: Work, name: str) -> str:
    """Return what a stage found, in a few words."""
    if name == "mine":
        found = read(work.round.slices)
        return f", {len(found.get('slices', []))} slices of {found.get('errors', 0)} errors"
    if name == "plan":
        rows = [f"{one['name']} {one.get('rows', '')}".strip() for one in work.builds]
        return f", {', '.join(rows) or 'nothing to build'}"
    if name == "data":
        return ", passed" if read(work.round.data).get("passed") else ", rejected"
    if name.startswith("build/"):
        why = skipped(work.round.release(name.removeprefix("build/")))
        return f", nothing was kept: {why}" if why else ""
    if name.startswith("train/"):
        made = next(
            (out for stage, out in work.trainings() if f"train/{stage.title}" == name), None
        )
        why = skipped(made) if made else ""
        return f", nothing was learned: {why}" if why else ""
    if name == "generator":
        found = read(work.round.folder / GENERATOR)
        return f", the {found.get('chosen')} one edits from here on: {found.get('why')}"
    return ""


def result_of(out: Path, rounds: int | None = None) -> dict[str, Any]:
    """Return what `loop run --json` prints, from what lies in the folder."""
    told = []
    for one in rounds_of(out):
        decision = one.decision()
        if not decision or (rounds is not None and one.number > rounds):
            continue
        before = out / str(decision.get("compared_with", ""))
        told.append(
            {
                "round": one.number, "release": [str(path) for path in released(one)],
                "promoted": one.promoted,
                "reason": decision.get("reason", ""), "axes_before": _axes(before),
                "axes_after": _axes(one.after), "model": one.answers or None,
            }
        )  # fmt: skip
    return {
        "out": str(out), "rounds": told, "report": str(out / REPORT),
        "promoted": promoted_in(out),
    }  # fmt: skip


def _axes(folder: Path) -> dict[str, Any]:
    axes = read(folder / "summary.json").get("axes", {})
    keys = ("value", "low", "high", "n")
    return {name: {key: one.get(key) for key in keys} for name, one in axes.items()}


def _page(out: Path) -> object:
    from counterfactory.loop.report import write_report

    return write_report(out)


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()
