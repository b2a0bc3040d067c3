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
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from counterfactory.errors import UserError
from counterfactory.factory.run.assemble import assemble
from counterfactory.factory.run.disk import disk_errors, sync
from counterfactory.factory.run.fit import check_chain
from counterfactory.factory.run.local import LocalCrew
from counterfactory.factory.run.maker import Work
from counterfactory.factory.run.result import BuildResult, facts_of, result_of, standing_of
from counterfactory.factory.run.schedule import Crew
from counterfactory.factory.run.site import Site, site_of

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.run.shelf import Shelf


class TooFew(UserError):
    """The work is done and too little was kept: the recipe's gates do not hold."""


Engine = Literal["local", "ray"]
Oracle = Callable[[Path], Mapping[str, Any]]


def build(
    recipe: "Recipe", out: Path, *, workers: int | None = None, engine: Engine = "local",
    budget: float | None = None, progress: bool = True, oracle: Oracle | None = None,
    shelf: "Shelf | None" = None, since: Path | None = None,
) -> BuildResult:  # fmt: skip
    """Make the release of `recipe` in the folder `out`, or go on with it.

    `budget`: seconds; no batch is begun that would end later. The result is then not `finished`,
    and the same call goes on. Once all batches are there, the release is written whatever it takes.
    `oracle` scores the release folder before its card is written. `shelf` keeps finished batches
    elsewhere too. `since` is an earlier release: CHANGELOG.md says what differs from it. Raises
    `UserError` for all that the user must change.
    """
    started = time.monotonic()
    out = out.absolute()
    if (manifest := standing(out, recipe)) is not None:
        report = oracle(out) if oracle else manifest.get("oracle")
        return result_of(manifest, out, seconds=time.monotonic() - started, oracle=report)
    if problems := check_chain(recipe):
        raise UserError("\n".join(f"{recipe.name}: {problem}" for problem in problems))
    folder = out.with_name(f"{out.name}.build")
    deadline = float("inf") if budget is None else started + budget
    with disk_errors(folder), site_of(recipe, folder, shelf) as site:
        resumed = site.ledger.count()
        work = Work(recipe=recipe, workdir=folder, provenance=site.provenance)
        site.make(
            lambda: _crew(engine, work, workers),
            stop=lambda ahead: time.monotonic() + ahead > deadline, show=progress,
        )  # fmt: skip
        result = standing_of(site, out, resumed=resumed)
        if result.finished:
            result = _released(site, out, result, oracle, since)
    return replace(result, seconds=time.monotonic() - started)


def standing(out: Path, recipe: "Recipe") -> dict[str, Any] | None:
    """Return the manifest of the finished release in `out`; None when nothing is there yet."""
    from counterfactory.factory.release import manifest

    with disk_errors(out):
        if not out.exists() or (out.is_dir() and not any(out.iterdir())):
            return None
    if not (out / manifest.NAME).is_file():
        raise UserError(f"{out}: found files that are no release, expected a new or empty folder")
    found = manifest.read(out)
    return of_recipe(found, recipe, out)


def of_recipe(found: dict[str, Any], recipe: "Recipe", out: Path | str) -> dict[str, Any]:
    """Return the manifest found in `out`. Raises `UserError` when it is that of another recipe."""
    if found["fingerprint"] != recipe.fingerprint:
        raise UserError(
            f"{out}: found the release of another recipe ({found['name']}, fingerprint {found['fingerprint'][:12]}; "
            f"this one is {recipe.name}, {recipe.fingerprint[:12]}); choose another --out"
        )
    return found


def _crew(engine: Engine, work: Work, workers: int | None) -> Crew:
    if engine == "ray":
        from counterfactory.factory.run.ray import RayCrew

        return RayCrew(work, workers)
    return LocalCrew(work, workers)


def _released(
    site: Site, out: Path, result: BuildResult, oracle: Oracle | None, since: Path | None
) -> BuildResult:
    """Write the release beside; put it in place when all of it is there and the gates hold."""
    from counterfactory.factory.release.measures import Measures
    from counterfactory.factory.release.write import write_release

    folder = site.folder / "release.tmp"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        with site.ledger.transaction():
            measures = Measures()
            views = assemble(
                site.recipe, site.ledger, site.segments, folder, site.provenance, [measures]
            )
            result = replace(standing_of(site, out, resumed=result.resumed), rows=views)
            _hold_gates(site, result)
            result = replace(result, oracle=oracle(folder) if oracle else None)
            write_release(folder, facts_of(site, result, measures.result()), since)
        sync(folder)
        folder.rename(out)
        sync(out.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _hold_gates(site: Site, result: BuildResult) -> None:
    """Raise `TooFew` when too little was kept."""
    gates = site.recipe.gates
    found = {"min_yield": result.kept / max(1, result.candidates), "min_rows": result.kept}
    for name, value in found.items():
        least = getattr(gates, name)
        if value < least:
            raise TooFew(
                f"gates.{name}: found {value:g} ({result.kept} of {result.candidates} candidates kept), expected "
                f"at least {least:g}; nothing was released, the work is kept in {site.folder}"
            )
    if not result.rows:
        raise TooFew(
            f"{site.recipe.name}: found no row for any of its views, expected at least one; "
            f"the ledger in {site.folder} tells why each candidate was rejected"
        )
