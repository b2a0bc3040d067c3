"""One build's working folder, `OUT.build/`: what is made there, and whether it is the same work.

with site_of(recipe, out, out.with_name("out.build")) as site:      # locked
    site.make(lambda: LocalCrew(work), stop=never, show=True)       # the batches that are missing
    site.missing()  ->  []
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from counterfactory.errors import UserError
from counterfactory.factory.run.chain import chain_digest, described, models_of, sample_key
from counterfactory.factory.run.disk import locked
from counterfactory.factory.run.ledger import Ledger
from counterfactory.factory.run.maker import batches, indexes, samples_digest
from counterfactory.factory.run.schedule import Crew, Schedule
from counterfactory.factory.run.segments import Segments
from counterfactory.fingerprint import digest
from counterfactory.progress import Progress

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.release.rows import Provenance
    from counterfactory.factory.run.shelf import Shelf
    from counterfactory.factory.sources.base import OpenSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A working folder, locked and opened."""

    recipe: "Recipe"
    folder: Path
    ledger: Ledger
    segments: Segments
    source: "OpenSource"
    provenance: "Provenance"
    shelf: "Shelf | None" = None  # where finished batches are kept as well

    def missing(self) -> list[int]:
        """Return the batches that are not in the ledger yet."""
        finished = self.ledger.finished()
        total = batches(len(self.source), self.recipe.source.batch)
        return [batch for batch in range(total) if batch not in finished]

    def make(self, hire: Callable[[], Crew], *, stop: Callable[[float], bool], show: bool) -> None:
        """Make the missing batches: rows to a segment first, then fates to the ledger."""
        todo = self.missing()
        if not todo:
            return
        samples, size = len(self.source), self.recipe.source.batch
        chain = chain_digest(self.recipe)
        crew = hire()
        schedule = Schedule(
            crew, workers=crew.workers, todo=todo, samples=samples, size=size,
            key=lambda index: sample_key(chain, self.source.key(index)),
        )  # fmt: skip
        done = samples - sum(len(indexes(batch, size, samples)) for batch in todo)
        with (
            Progress(samples, self.recipe.name, unit="samples", done=done, quiet=not show) as bar,
            closing(schedule.run(stop)) as finished,
        ):
            for made in finished:
                self.segments.write(made.batch, made.rows)
                self.ledger.add(made.batch, made.fates, made.seconds)
                if self.shelf is not None:
                    self.shelf.keep(made)
                bar.advance(len(indexes(made.batch, size, samples)))
        if self.shelf is not None:
            self.shelf.settle()


@contextmanager
def site_of(recipe: "Recipe", folder: Path, shelf: "Shelf | None" = None) -> Iterator[Site]:
    """Open the working folder, or make it; one for a build that cannot begin is removed again."""
    fresh = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    begun = False
    try:
        with locked(folder / "lock"), Ledger(folder / "ledger.sqlite") as ledger:
            site = _opened(recipe, folder, ledger, shelf)
            try:
                yield site
            finally:
                begun = bool(ledger.finished())
    finally:
        if fresh and not begun:
            shutil.rmtree(folder, ignore_errors=True)


def _opened(recipe: "Recipe", folder: Path, ledger: Ledger, shelf: "Shelf | None") -> Site:
    """Open the source, and make sure that what lies here was begun for the same work."""
    source = recipe.source.open(folder, recipe.seed)
    if not len(source):
        raise UserError("source: found no samples, expected at least one")
    provenance = provenance_of(recipe)
    claimed = identity(recipe, source, provenance)
    ledger.claim(claimed, folder)
    segments = Segments(folder / "segments")
    for batch, rows in ledger.finished().items():
        if rows and not segments.path(batch).is_file():
            ledger.forget(batch)
    if shelf is not None:
        shelf.meet(claimed, ledger, segments)
    return Site(
        recipe=recipe, folder=folder, ledger=ledger, segments=segments, source=source, provenance=provenance,
        shelf=shelf,
    )  # fmt: skip


def provenance_of(recipe: "Recipe") -> "Provenance":
    """Return what all rows share. Hashes the weights of every model that the recipe names."""
    from counterfactory.factory.release.rows import Provenance
    from counterfactory.models import identify

    return Provenance(
        recipe=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        round=recipe.release.made_for.round if recipe.release.made_for else 0,
        models=tuple(identify(role, model) for role, model in models_of(recipe)),
    )


def identity(recipe: "Recipe", source: "OpenSource", provenance: "Provenance") -> dict[str, str]:
    """Return what decides the segments.

    Gates, views and global checks do not: they may change between runs.
    """
    settings = {
        "chain": chain_digest(recipe),
        "checks": [described(check) for check in recipe.checks if check.scope == "candidate"],
        "batch": recipe.source.batch,
        "focus": [one.model_dump(mode="json") for one in recipe.focus],
    }
    return {
        "recipe": digest(settings),
        "set of samples": samples_digest(source),
        "set of models": digest([[one.role, one.id, one.revision] for one in provenance.models]),
    }
