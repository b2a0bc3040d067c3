"""A build on one screen: make the batches that are missing, then write the release beside and
rename it.

    result = build(resolve("region-diff"), Path("out/region-diff"), workers=2)
    result.rows        {'pairs': 812, 'sft': 2436, ...}
    result.resumed     0; after a kill and the same call again, what the first had finished

The same call continues an unfinished build and does nothing for a finished one. The release folder
appears by one rename; what is needed to go on lies in `<out>.build/`.
"""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from counterfactory.errors import UserError
from counterfactory.factory.run.assemble import assemble
from counterfactory.factory.run.chain import chain_digest, described, models_of, sample_key
from counterfactory.factory.run.disk import disk_errors, locked, sync
from counterfactory.factory.run.fit import check_chain
from counterfactory.factory.run.ledger import Ledger
from counterfactory.factory.run.local import LocalCrew, default_workers
from counterfactory.factory.run.maker import Work, batches, indexes
from counterfactory.factory.run.result import BuildResult, facts_of, result_of
from counterfactory.factory.run.schedule import Crew, Schedule
from counterfactory.factory.run.segments import Segments
from counterfactory.fingerprint import digest
from counterfactory.progress import Progress

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.release.rows import Provenance
    from counterfactory.factory.sources.base import OpenSource

Engine = Literal["local", "ray"]
Oracle = Callable[[Path], Mapping[str, Any]]


def build(
    recipe: "Recipe", out: Path, *, workers: int | None = None, engine: Engine = "local",
    budget: float | None = None, progress: bool = True, oracle: Oracle | None = None,
) -> BuildResult:  # fmt: skip
    """Make the release of `recipe` in the folder `out`, or go on with it.

    `budget`: stop after so many seconds, ready to go on; the result is then not `finished`.
    `oracle` scores the release folder before its card is written. Raises `UserError` for all that
    the user must change.
    """
    started = time.monotonic()
    out = out.absolute()
    if (manifest := standing(out, recipe)) is not None:
        report = oracle(out) if oracle else manifest.get("oracle")
        return result_of(manifest, out, seconds=time.monotonic() - started, oracle=report)
    if problems := check_chain(recipe):
        raise UserError("\n".join(f"{recipe.name}: {problem}" for problem in problems))
    work = out.with_name(f"{out.name}.build")
    with disk_errors(work), _site(recipe, out, work) as site:
        resumed = site.ledger.count()
        deadline = started + budget if budget is not None else float("inf")
        crew = _crew(engine, Work(recipe=recipe, workdir=work, provenance=site.provenance))
        site.make(
            crew, workers or default_workers(recipe), lambda: time.monotonic() > deadline, progress
        )
        if site.missing():
            return site.result(started, resumed, {}, None)
        return site.release(started, resumed, oracle)


def standing(out: Path, recipe: "Recipe") -> dict[str, Any] | None:
    """Return the manifest of the finished release in `out`; None when nothing is there yet."""
    from counterfactory.factory.release import manifest

    with disk_errors(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
    if not (out / manifest.NAME).is_file():
        raise UserError(f"{out}: found files that are no release, expected a new or empty folder")
    found = manifest.read(out)
    if found["fingerprint"] != recipe.fingerprint:
        raise UserError(
            f"{out}: found the release of another recipe ({found['name']}, fingerprint {found['fingerprint'][:12]}; "
            f"this one is {recipe.name}, {recipe.fingerprint[:12]}); choose another --out"
        )
    return found


@contextmanager
def _site(recipe: "Recipe", out: Path, work: Path) -> Iterator["Site"]:
    """Open the working folder, or make it; one made for a build that cannot begin is removed again."""
    fresh = not work.exists()
    work.mkdir(parents=True, exist_ok=True)
    begun = False
    try:
        with locked(work / "lock"), Ledger(work / "ledger.sqlite") as ledger:
            site = Site.open(recipe, out, work, ledger)
            try:
                yield site
            finally:
                begun = bool(ledger.finished())
    finally:
        if fresh and not begun:
            shutil.rmtree(work, ignore_errors=True)


def _crew(engine: Engine, work: Work) -> Callable[[], Crew]:
    """Return what starts the workers, when there is anything to make."""
    if engine == "ray":
        from counterfactory.factory.run.ray import RayCrew

        return lambda: RayCrew(work)
    return lambda: LocalCrew(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One build's working folder, locked and opened."""

    recipe: "Recipe"
    out: Path
    work: Path
    ledger: Ledger
    segments: Segments
    source: "OpenSource"
    provenance: "Provenance"

    @classmethod
    def open(cls, recipe: "Recipe", out: Path, work: Path, ledger: Ledger) -> "Site":
        """Open the source, and make sure that what lies here was begun for the same work."""
        source = recipe.source.open(work, recipe.seed)
        if not len(source):
            raise UserError("source: found no samples, expected at least one")
        provenance = _provenance(recipe)
        ledger.claim(identity(recipe, source, provenance), work)
        segments = Segments(work / "segments")
        for batch, rows in ledger.finished().items():
            if rows and not segments.path(batch).is_file():
                ledger.forget(batch)
        return cls(
            recipe=recipe, out=out, work=work, ledger=ledger, segments=segments, source=source,
            provenance=provenance,
        )  # fmt: skip

    def missing(self) -> list[int]:
        """Return the batches that are not in the ledger yet."""
        finished = self.ledger.finished()
        total = batches(len(self.source), self.recipe.source.batch)
        return [batch for batch in range(total) if batch not in finished]

    def make(
        self, crew: Callable[[], Crew], workers: int, stop: Callable[[], bool], show: bool
    ) -> None:
        """Make the missing batches: rows to a segment first, then fates to the ledger."""
        todo = self.missing()
        if not todo:
            return
        samples, size = len(self.source), self.recipe.source.batch
        chain = chain_digest(self.recipe)
        schedule = Schedule(
            crew(), workers=workers, todo=todo, samples=samples, size=size,
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
                bar.advance(len(indexes(made.batch, size, samples)))

    def release(self, started: float, resumed: int, oracle: Oracle | None) -> BuildResult:
        """Write the release beside, and put it in place when all of it is there and the gates hold."""
        from counterfactory.factory.release.measures import Measures
        from counterfactory.factory.release.write import write_release

        folder = self.work / "release.tmp"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            with self.ledger.transaction():
                measures = Measures()
                views = assemble(
                    self.recipe, self.ledger, self.segments, folder, self.provenance, [measures]
                )
                if not views:
                    raise UserError(
                        f"{self.recipe.name}: found no row for any view, nothing was released"
                    )
                result = self.result(started, resumed, views, oracle(folder) if oracle else None)
                self._hold_gates(result)
                facts = facts_of(
                    self.recipe, result, source=self.source, provenance=self.provenance,
                    stages=self.ledger.stages(), measures=measures.result(),
                )  # fmt: skip
                write_release(folder, facts)
            sync(folder)
            folder.rename(self.out)
            sync(self.out.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return self.result(started, resumed, views, result.oracle)

    def result(
        self,
        started: float,
        resumed: int,
        views: Mapping[str, int],
        oracle: Mapping[str, Any] | None,
    ) -> BuildResult:
        """Return where the build stands."""
        stages = self.ledger.stages()
        rejects: dict[str, int] = {}
        for (_, reason), number in stages.items():
            rejects[reason] = rejects.get(reason, 0) + number
        candidates = self.ledger.count()
        return BuildResult(
            release=self.out, name=self.recipe.name, fingerprint=self.recipe.fingerprint,
            finished=not self.missing(), candidates=candidates, resumed=resumed,
            kept=candidates - sum(rejects.values()), rows=views, rejects=rejects,
            seconds=time.monotonic() - started, oracle=oracle,
        )  # fmt: skip

    def _hold_gates(self, result: BuildResult) -> None:
        """Raise `UserError` when too little was kept."""
        gates = self.recipe.gates
        share = result.kept / result.candidates if result.candidates else 0.0
        for name, found, least in (
            ("min_yield", share, gates.min_yield), ("min_rows", result.kept, gates.min_rows)
        ):  # fmt: skip
            if found < least:
                raise UserError(
                    f"gates.{name}: found {found:g} ({result.kept} of {result.candidates} candidates kept), expected "
                    f"at least {least:g}; nothing was released, the work is kept in {self.work}"
                )


def _provenance(recipe: "Recipe") -> "Provenance":
    """Return what all rows share. Hashes the weights of every model that the recipe names."""
    from counterfactory.factory.release.rows import Provenance
    from counterfactory.models import identify

    return Provenance(
        recipe=recipe.name,
        recipe_fingerprint=recipe.fingerprint,
        models=tuple(identify(role, model) for role, model in models_of(recipe)),
    )


def identity(recipe: "Recipe", source: "OpenSource", provenance: "Provenance") -> dict[str, str]:
    """Return what decides the segments.

    Gates, views and global checks do not: they may change between runs.
    """
    keys = sha256()
    for index in range(len(source)):
        keys.update(f"{source.key(index)}\n".encode())
    local = [described(check) for check in recipe.checks if check.scope == "candidate"]
    settings = {
        "chain": chain_digest(recipe),
        "checks": local,
        "batch": recipe.source.batch,
        "focus": [one.model_dump(mode="json") for one in recipe.focus],
    }
    return {
        "recipe": digest(settings),
        "set of samples": keys.hexdigest(),
        "set of models": digest([[one.role, one.id, one.revision] for one in provenance.models]),
    }
