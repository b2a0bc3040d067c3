"""A build whose release lands in object storage: `counterfactory build R --out s3://acme/region-diff`.

    s3://acme/region-diff/            the release; it is one once manifest.json is there, written last
    s3://acme/region-diff.build/      its finished batches (shelf.py) and, at the end, its ledger

The work itself is done in a folder of this machine below COUNTERFACTORY_CACHE, which may be lost:
the same command, here or on another machine, goes on with every batch that was finished.
"""

import json
import shutil
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.buckets import Bucket
from counterfactory.cache import cache_folder
from counterfactory.errors import UserError
from counterfactory.factory.run.build import build, of_recipe
from counterfactory.factory.run.result import BuildResult, result_of
from counterfactory.factory.run.shelf import Shelf
from counterfactory.fingerprint import digest_bytes
from counterfactory.mirror import mirrored

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe

BUILD, MANIFEST, LANDING, LEDGER = ".build", "manifest.json", "landing", "ledger.sqlite"


def build_at(recipe: "Recipe", url: str, **how: Any) -> BuildResult:
    """Make the release of `recipe` at a URL, or go on with it; `how` is that of `build`."""
    place = Bucket(url)
    found = _standing(place, recipe)
    folder = workplace(place.url)
    if found is not None:
        shutil.rmtree(folder.parent, ignore_errors=True)  # of a run that was killed at its very end
        oracle = how.get("oracle")
        report = oracle(mirrored(place.url)) if oracle else found.get("oracle")
        return result_of(found, place.url, seconds=0.0, oracle=report)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with closing(Shelf(place.beside(BUILD))) as shelf:
        result = build(recipe, folder, shelf=shelf, **how)
    if result.finished:
        land(folder, place)
        shutil.rmtree(folder.parent)
    return replace(result, release=place.url)


def workplace(url: str) -> Path:
    """Return the folder of this machine in which the release of a URL is made."""
    url = Bucket(url).url
    return cache_folder() / "builds" / digest_bytes(url.encode())[:16] / url.rpartition("/")[2]


def land(folder: Path, place: Bucket) -> None:
    """Copy a finished release, its manifest last; what an earlier landing left over is removed."""
    work = place.beside(BUILD)
    mark = uuid.uuid4().hex.encode()  # tells two landings apart; nothing in the release has it
    work.write(LANDING, mark)
    sizes = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    for name in sorted(sizes.keys() - {MANIFEST}):
        if work.read(LANDING) != mark:
            raise UserError(f"{place.url}: another build lands here now; let it finish")
        place.put(folder / name, name)
    there = place.files()
    for name in there.keys() - sizes.keys():
        place.remove(name)
    for name in sizes.keys() - {MANIFEST}:
        if name not in there or there[name].size != sizes[name]:
            raise UserError(f"{place.url}: {name} did not arrive whole; run the same command again")
    ledger = folder.with_name(f"{folder.name}{BUILD}") / LEDGER
    if ledger.is_file():
        work.put(ledger, LEDGER)
    place.put(folder / MANIFEST, MANIFEST)
    work.remove(LANDING)


def _standing(place: Bucket, recipe: "Recipe") -> dict[str, Any] | None:
    """Return the manifest of the release that stands there; None when there is none yet."""
    data = place.read(MANIFEST)
    if data is None:
        if place.files() and place.beside(BUILD).read(LANDING) is None:
            raise UserError(
                f"{place.url}: found files that are no release, expected a new or empty folder"
            )
        return None
    try:
        found = json.loads(data)
        return of_recipe(found, recipe, place.url)
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{place.url}: found a {MANIFEST} that is none, expected a new or empty folder"
        ) from None
