"""Builds within a budget of seconds: one that has to stop is released as far as it came.

    seconds_for(work, "region-diff")                      143.0: its part of what is left of the round's
    build_within(recipe, out, seconds=143.0)              a release, of fewer samples where time was short

A build that stops is made shorter: its recipe then asks for the samples that are done, all from the
first to some last one, and that recipe makes the same release again, anywhere and in any time. The
shorter recipe lies in `OUT.build/` before anything else changes, so a kill loses nothing.
"""

from pathlib import Path
from typing import Any

from counterfactory.factory.ops.edit import EditOp
from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.factory.run.build import build
from counterfactory.factory.run.disk import locked, write_whole
from counterfactory.factory.run.ledger import Ledger
from counterfactory.factory.run.maker import samples_digest
from counterfactory.loop.engine import note_of
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import read
from counterfactory.loop.rounds import Work

SHORTER = "shorter.yaml"
PAINTED = 20.0  # rows without a model's painting that take as long as one with
SAMPLES = "set of samples"  # what a ledger calls them


def seconds_for(work: Work, name: str) -> float:
    """Return how long a build of the round may still take: its share of what those before it left.

    Shares go by planned rows; where a model paints, a row counts as many. What was built for another
    plan costs nothing; attempts at this build that were killed do.
    """
    names, journal = [one["name"] for one in work.builds], Journal(work.folder)
    done = {
        one: line.seconds
        for one in names[: names.index(name)]
        if (line := journal.last(work.round.number, f"build/{one}"))
    }
    left = max(0.0, work.recipe.budget.seconds - sum(done.values()))
    open_ = {one["name"]: _weight(work, one) for one in work.builds if one["name"] not in done}
    spent: float = read(note_of(work.round.folder, f"build/{name}")).get("seconds", 0.0)
    return max(0.0, left * open_[name] / sum(open_.values()) - spent)


def _weight(work: Work, planned: dict[str, Any]) -> float:
    recipe = resolve(work.round.recipes / f"{planned['name']}.yaml")
    painted = any(isinstance(op, EditOp) for op in recipe.ops)
    return max(1.0, float(planned.get("rows", 0))) * (PAINTED if painted else 1.0)


def build_within(
    recipe: Recipe, out: Path, *, seconds: float, workers: int | None = None,
    since: Path | None = None,
) -> None:  # fmt: skip
    """Make a release, or go on with it. Raises `TooFew` and `UserError` as `build` does.

    Requests come in blocks whose scenes depend on how many there are: they are made whole, in seconds.
    """
    if getattr(recipe.source, "requests", False):
        build(recipe, out, workers=workers, since=since)
        return
    beside = out.with_name(f"{out.name}.build")
    said = beside / SHORTER
    if not said.is_file():
        result = build(recipe, out, workers=workers, budget=seconds, since=since)
        if result.finished:
            return
        write_whole(said, shorter(recipe, beside).yaml().encode())
    recipe = resolve(said)
    _claim(recipe, beside)
    build(recipe, out, workers=workers, since=since)


def shorter(recipe: Recipe, beside: Path) -> Recipe:
    """Return the recipe of the batches that are done, from the first one on without a gap."""
    with Ledger(beside / "ledger.sqlite") as ledger:
        done = ledger.finished()
    size = recipe.source.batch
    whole = next(batch for batch in range(len(done) + 1) if batch not in done)
    values = recipe.values()
    return Recipe.from_values(values | {"source": values["source"] | {"n": max(1, whole) * size}})


def _claim(recipe: Recipe, beside: Path) -> None:
    """Let the working folder be that of the shorter build. Doing it again changes nothing."""
    size = recipe.source.batch
    with locked(beside / "lock"), Ledger(beside / "ledger.sqlite") as ledger:
        for batch in ledger.finished():
            if batch * size >= recipe.source.n:
                ledger.forget(batch)
        ledger.remember(SAMPLES, samples_digest(recipe.source.open(beside, recipe.seed)))
