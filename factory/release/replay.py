"""One row or reject of a release, made again from what the release records: does the same come out?

    found = replay(Path("out/region-diff"), "4f0c")
    found.same      True: every column of every row that was made from this candidate is equal
    str(found)      what was compared, what differs and where that begins
    found.data      the same as JSON types

The recipe is the release's own, and an id is a digest of what was done to which sample, so it leads
back to the sample. What a build makes as one is a batch: ops share edits out over it, and models
see it together. So the batch of the row is made, in a worker like any, in a temporary folder and
with an empty cache. Checks of scope "global" look at all rows of a release: they are not replayed,
and `not_replayed` names them.
"""

import io
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.environment import variable
from counterfactory.errors import UserError
from counterfactory.factory.recipe import Recipe
from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import picked
from counterfactory.factory.release.equal import Difference, differences
from counterfactory.factory.release.explain import identities, resolve
from counterfactory.factory.release.facts import library_versions
from counterfactory.factory.release.views import VIEWS, base_id
from counterfactory.factory.run.chain import chain_digest, sample_key, slot_key
from counterfactory.factory.run.local import LocalCrew
from counterfactory.factory.run.maker import Made, Work, indexes
from counterfactory.factory.run.schedule import Schedule
from counterfactory.factory.run.site import provenance_of

if TYPE_CHECKING:
    from counterfactory.factory.sources.base import OpenSource
    from counterfactory.records import ModelRef

Data = dict[str, Any]
Rows = dict[tuple[str, str], Data]  # (view, id) -> row

ABSENT = "no such row"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What came out."""

    id: str
    same: bool
    data: Data = field(repr=False)

    def __str__(self) -> str:
        """Return it as lines for people."""
        from counterfactory.factory.release.story import replayed

        return replayed(self.data)


def replay(folder: Path, row_id: str) -> Replayed:
    """Make a row again, named by an id of any view or by the beginning of one, and compare.

    The id of one view's row (`4f0c9a-q3`) stands for that row, any other for all that was made from
    the candidate. Raises `UserError` when there is no such row, or it cannot be made again here.
    """
    started = time.monotonic()
    promised = manifest.read(folder)
    identity = resolve(folder, row_id)
    found = _recorded(folder, identity, row_id)
    try:
        recipe = _recipe(folder, promised)
        made, about = _again(recipe, promised, identity)
    except UserError as error:
        raise UserError(f"{folder}: {identity} cannot be replayed: {error}") from None
    part = row_id if {full for _, full in found} == {row_id} else identity
    if part != identity:
        made = {key: row for key, row in made.items() if key in found or key[0] == "rejects"}
    whole_set = [check.name for check in recipe.checks if check.scope == "global"]
    up_to = _up_to(found, made, whole_set)
    differs = [] if up_to else list(_differs(identity, found, made, whole_set))
    data = {
        "id": part,
        "release": promised["name"], "version": promised["version"],
        "same": not differs, "differs": differs, "up_to": up_to,
        "compared": {} if up_to else _compared(found, differs),
        "begins": _begins(recipe, found, differs),
        "fate": {"found": _fate(found), "made": _fate(made)},
        "not_replayed": whole_set, **about, "versions": _other_versions(promised),
        "seconds": round(time.monotonic() - started, 3),
    }  # fmt: skip
    return Replayed(id=part, same=not differs, data=data)


def _recorded(folder: Path, identity: str, row_id: str) -> Rows:
    """Return the rows of the release that were made from a candidate, or the one that is meant."""
    held = [(view, full) for view, full in identities(folder) if base_id(view, full) == identity]
    if row_id != identity and row_id in (full for _, full in held):
        held = [(view, full) for view, full in held if full == row_id]
    wanted: dict[str, set[str]] = {}
    for view, full in held:
        wanted.setdefault(view, set()).add(full)
    return {
        (view, row["id"]): row for view, ids in wanted.items() for row in picked(folder, view, ids)
    }


def _recipe(folder: Path, promised: Mapping[str, Any]) -> Recipe:
    """Return the recipe in the release. Raises `UserError` when it is not the one that made it."""
    path = folder / "recipe.yaml"
    try:
        recipe = Recipe.from_yaml(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name}: cannot be read ({type(error).__name__})") from None
    if recipe.fingerprint != promised["fingerprint"]:
        raise UserError(
            f"{path.name}: found fingerprint {recipe.fingerprint[:12]}, expected "
            f"{promised['fingerprint'][:12]} as in {manifest.NAME}{_made_with(promised)}"
        )
    return recipe


def _again(recipe: Recipe, promised: Mapping[str, Any], identity: str) -> tuple[Rows, Data]:
    """Make the candidate's batch; return the candidate's rows, and what was done for them."""
    shared = provenance_of(recipe)
    _same_models(shared.models, promised["models"])
    prefix = "counterfactory-replay-"
    with (
        tempfile.TemporaryDirectory(prefix=prefix) as place,
        variable("COUNTERFACTORY_CACHE", f"{place}/cache"),  # no reply that was kept before
    ):
        workdir = Path(place, "work")
        workdir.mkdir()
        source = recipe.source.open(workdir, recipe.seed)
        _same_files(source.describe(), promised["sources"])
        index = _index(recipe, source, identity)
        if index is None:
            raise UserError(
                "found no sample whose id this is: a picture of the source, or the version of an op, is "
                f"not what it was{_made_with(promised)}"
            )
        work = Work(recipe=recipe, workdir=workdir, provenance=shared)
        batch, chain = index // recipe.source.batch, chain_digest(recipe)
        schedule = Schedule(
            LocalCrew(work, 1), workers=1, todo=[batch], samples=len(source), size=recipe.source.batch,
            key=lambda one: sample_key(chain, source.key(one)),
        )  # fmt: skip
        with closing(schedule.run(lambda ahead: False)) as finished:
            made = next(finished)
    about = {
        "sample": source.key(index),
        "samples": len(indexes(batch, recipe.source.batch, len(source))),
        "served": [model.id for model in shared.models if model.revision == "served"],
    }
    return _rows(recipe, made, identity), about


def _same_models(here: Sequence["ModelRef"], recorded: Sequence[Mapping[str, Any]]) -> None:
    """Raise `UserError` for the first model whose weights are not those that the release names."""
    known = {(one["role"], one["id"]): str(one["revision"]) for one in recorded}
    for model in here:
        wanted = known.get((model.role, model.id), "none")
        if model.revision != wanted:
            raise UserError(
                f"{model.role} model {model.id!r}: found revision {model.revision[:12]}, expected "
                f"{wanted[:12]} as in {manifest.NAME}"
            )


def _same_files(here: Mapping[str, Any], recorded: Sequence[Mapping[str, Any]]) -> None:
    """Raise `UserError` when the source lists other files than it did: batches would be others."""
    for told in recorded:
        wanted, found = str(told.get("listing", "")), str(here.get("listing", ""))
        if found != wanted:
            raise UserError(
                f"source: found other files ({here.get('images')}, listing {found[:12]}), expected those of "
                f"the build ({told.get('images')}, listing {wanted[:12]})"
            )


def _index(recipe: Recipe, source: "OpenSource", identity: str) -> int | None:
    """Return which sample a candidate's id is made from; None when it is none of them."""
    chain = chain_digest(recipe)
    slots = max((getattr(op, "per_sample", 1) for op in recipe.ops if op.fan_out), default=0)
    for index in range(len(source)):
        bare = sample_key(chain, source.key(index))
        if identity in (bare, *(slot_key(bare, slot) for slot in range(slots))):
            return index
    return None


def _rows(recipe: Recipe, made: Made, identity: str) -> Rows:
    """Return all rows of one candidate of a batch, as its views hold them; none when it is not in it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fate = next((one for one in made.fates if one.key == identity), None)
    if fate is None:
        return {}
    origin, views = fate.view(), ["rejects"]
    if fate.segment_row is not None:
        origin = pq.read_table(io.BytesIO(made.rows)).slice(fate.segment_row, 1).to_pylist()[0]
        views = [view for view in recipe.views if view != "rejects"]
    return {
        (view, row["id"]): row
        for view in views
        for row in pa.Table.from_pylist(
            list(VIEWS[view].rows(origin)), schema=VIEWS[view].schema()
        ).to_pylist()
    }


def _up_to(found: Rows, made: Rows, whole_set: Collection[str]) -> str:
    """Return the check of scope "global" that rejected a candidate which passes all before it."""
    reject = next((row for (view, _), row in found.items() if view == "rejects"), None)
    passed = made and all(view != "rejects" for view, _ in made)
    return reject["stage"] if reject and passed and reject["stage"] in whole_set else ""


def _differs(
    identity: str, found: Rows, made: Rows, whole_set: Collection[str]
) -> Iterator[Difference]:
    """Yield what differs; what checks of scope "global" said of a pair is not compared."""
    before, after = found.get(("rejects", identity)), made.get(("rejects", identity))
    if not made or (before is None) != (after is None):
        told = {"found": _fate(found), "made": _fate(made)}
        yield {"view": "", "id": identity, "column": "fate", **told}
        return
    for view, full in dict.fromkeys((*found, *made)):
        one, other = found.get((view, full)), made.get((view, full))
        about = {"view": view, "id": full}
        if one is None or other is None:
            told = {"found": full if one else ABSENT, "made": full if other else ABSENT}
            yield {**about, "column": "id", **told}
            continue
        if view == "pairs":
            own = [said for said in one["verdicts"] if _check(said) not in whole_set]
            one = one | {"verdicts": own}
        for difference in differences(one, other):
            yield about | difference


def _check(verdict: Mapping[str, Any]) -> str:
    """Return the name of the check that gave a verdict: "locality" of "locality.outside"."""
    return str(verdict["check"]).partition(".")[0]


def _compared(found: Rows, differs: Sequence[Difference]) -> dict[str, dict[str, bool]]:
    """Return for each view and column whether it is equal in all rows that were compared."""
    compared = {view: dict.fromkeys(row, True) for (view, _), row in found.items()}
    for one in differs:
        if one["view"]:
            compared.setdefault(one["view"], {})[_column(one)] = False
        else:
            compared = {}
    return compared


def _column(difference: Difference) -> str:
    return str(difference["column"]).partition(".")[0]


def _fate(rows: Rows) -> str:
    """Return what became of a candidate, in words."""
    reject = next((row for (view, _), row in rows.items() if view == "rejects"), None)
    if reject is not None:
        return f"rejected by {reject['stage']}: {reject['reason']}"
    return "kept" if rows else ABSENT


def _begins(recipe: Recipe, found: Rows, differs: Sequence[Difference]) -> str:
    """Return the first step of a pair whose output differs; empty where that is not recorded."""
    pair = next((row for (view, _), row in found.items() if view == "pairs"), None)
    places = [one["column"] for one in differs if one["view"] == "pairs"]
    columns = {place.partition(".")[0] for place in places}
    if pair is None or not columns:
        return ""
    done = [op for op in recipe.ops if op.name in pair["provenance"]["ops"]]
    encoded = any("original" in op.writes_of() for op in done)
    of_source = {"group_id", "license", *(() if encoded else ("image_a",))}
    if columns & of_source:
        return "source"
    for op in done:
        written = {"image_a" if name == "original" else name for name in op.writes_of()}
        if columns & written:
            return op.name
    numbers = [int(place.split(".")[1]) for place in places if place.startswith("verdicts.")]
    return _check(pair["verdicts"][min(numbers)]) if numbers else ""


def _other_versions(promised: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the libraries that are not of the version that made the release: [then, here]."""
    here = library_versions()
    then = {str(name): str(version) for name, version in promised["versions"].items()}
    return {
        name: [version, here.get(name, "none")]
        for name, version in then.items()
        if here.get(name) != version
    }


def _made_with(promised: Mapping[str, Any]) -> str:
    """Return which version made the release, where this is another."""
    other = _other_versions(promised).get("counterfactory")
    return f" (made with counterfactory {other[0]}, this is {other[1]})" if other else ""
