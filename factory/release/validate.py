"""Does a release hold what its manifest promises? All is looked at, nothing is believed.

    report = validate(Path("out/region-diff"))
    report.ok         True
    report.problems   (Problem(row="data/pairs/train-00000-of-00001.parquet", problem="found sha"),)

Bytes are checked first, then that `datasets` loads every view, then every row. `target` adds what
one trainer wants on top. Nothing is written into the folder or into the user's caches.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from counterfactory.errors import UserError
from counterfactory.factory.release import croissant, manifest
from counterfactory.factory.release.contents import FILE, contents
from counterfactory.factory.release.loads import loading_problems, read_header
from counterfactory.factory.release.rowcheck import row_problems
from counterfactory.factory.release.targets import TARGETS, target_problems
from counterfactory.factory.release.views import VIEWS
from counterfactory.fingerprint import digest_file

if TYPE_CHECKING:
    import pyarrow as pa

MOST = 1000  # problems told; a broken release need not fill the memory

Found = Iterator[tuple[str, str]]  # where, what


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One broken promise: where (a row's id or a file) and what."""

    row: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What `validate` found."""

    problems: tuple[Problem, ...]

    @property
    def ok(self) -> bool:
        """Whether every promise holds."""
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """Return the answer of `release validate --json`."""
        return {"ok": self.ok, "problems": [asdict(problem) for problem in self.problems]}


def validate(folder: Path, target: str | None = None) -> Report:
    """Return everything that is wrong with a release. Raises `UserError` when it is no release."""
    if target is not None and target not in TARGETS:
        raise UserError(f"target: found {target!r}, expected one of {', '.join(TARGETS)}")
    folder = folder.absolute()
    promised = manifest.read(folder)
    parts: list[tuple[str, Callable[[], Iterable[tuple[str, str]]]]] = [
        (manifest.NAME, lambda: _seal(folder)),
        (manifest.NAME, lambda: _files(folder, promised)),
        (manifest.NAME, lambda: _views(folder, promised)),
        ("data", lambda: _columns(folder)),
        ("README.md", lambda: _card(folder, promised)),
        (manifest.NAME, lambda: _funnel(folder, promised)),
        ("croissant.json", lambda: (("croissant.json", e) for e in croissant.check(folder))),
        ("data", lambda: loading_problems(folder, promised["views"])),
        ("data", lambda: row_problems(folder)),
    ]
    if target is not None:
        parts.append((target, lambda: target_problems(folder, target)))
    found = (problem for place, part in parts for problem in _guarded(place, part))
    problems = [Problem(row=row, problem=text) for row, text in islice(found, MOST)]
    return Report(problems=tuple(dict.fromkeys(problems)))


def sealed_problems(folder: Path) -> list[Problem]:
    """Return what is wrong with the bytes of a release, its views and its card: no row is read."""
    folder = folder.absolute()
    promised = manifest.read(folder)
    parts: tuple[Callable[[], Iterable[tuple[str, str]]], ...] = (
        lambda: _seal(folder),
        lambda: _files(folder, promised),
        lambda: _views(folder, promised),
        lambda: _card(folder, promised),
    )
    found = (problem for part in parts for problem in _guarded(manifest.NAME, part))
    return [Problem(row=row, problem=text) for row, text in islice(found, MOST)]


def _guarded(place: str, part: Callable[[], Iterable[tuple[str, str]]]) -> Found:
    """Yield a part's problems. A part that breaks off on broken data is a problem, not a crash."""
    try:
        yield from part()
    except Exception as error:
        text = " ".join(str(error).split())[:300]
        yield place, f"cannot be read: {type(error).__name__}: {text}"


def _seal(folder: Path) -> Found:
    if (broken := manifest.broken_seal(folder)) is not None:
        yield manifest.NAME, broken


def _files(folder: Path, promised: Mapping[str, Any]) -> Found:
    """Compare every file's size and digest with the manifest."""
    entries = [*promised["files"]]
    for view in promised["views"].values():
        entries += view["files"]
    listed = {entry["path"]: entry for entry in entries}
    present = set(manifest.paths_of(folder)) - {manifest.NAME}
    for path in sorted(present - set(listed)):
        yield path, "is in the folder, but not in the manifest"
    for path, entry in listed.items():
        if not inside(folder, path):
            yield path, "leads out of the folder"
        elif path not in present:
            yield path, "is in the manifest, but not in the folder"
        else:
            size = (folder / path).stat().st_size
            if size != entry["bytes"]:
                yield path, f"found {size} bytes, the manifest says {entry['bytes']}"
            elif (found := digest_file(folder / path)) != entry["sha256"]:
                yield path, f"found sha256 {found[:12]}, the manifest says {entry['sha256'][:12]}"


def inside(folder: Path, path: str) -> bool:
    """Say whether a path of the manifest stays in the folder, links followed."""
    pure = PurePosixPath(path)
    if pure.is_absolute() or ".." in pure.parts or "\\" in path:
        return False
    return (folder / path).resolve().is_relative_to(folder.resolve())


def _views(folder: Path, promised: Mapping[str, Any]) -> Found:
    """Compare views and rows with the manifest."""
    found = contents(folder)
    for view in sorted(set(promised["views"]) ^ set(found)):
        where = "data/" if view in found else "the manifest"
        yield view, f"is in {where} only"
    for path in sorted((folder / "data").rglob("*.parquet")):
        if not FILE.match(path.name):
            yield path.relative_to(folder).as_posix(), "is not named <split>-00000-of-00001.parquet"
    for view, content in found.items():
        if view not in promised["views"]:
            continue
        entry = promised["views"][view]
        if content.rows != entry["rows"] or content.splits != entry["splits"]:
            yield view, f"found {content.rows} rows, the manifest says {entry['rows']}"


def _columns(folder: Path) -> Found:
    """Compare columns and types with what a view must be."""
    for view, content in contents(folder).items():
        if not _same_columns(content.schema, VIEWS[view].schema()):
            yield view, f"columns or types differ from those of a {view} view"


def _same_columns(found: "pa.Schema", wanted: "pa.Schema") -> bool:
    """Compare names, types and features; Parquet renames the items of lists, which is nothing."""
    from datasets import Features

    key = b"huggingface"
    if (found.metadata or {}).get(key) != wanted.metadata[key]:
        return False
    bare = (Features.from_arrow_schema(schema.remove_metadata()) for schema in (found, wanted))
    return bool(next(bare) == next(bare))


def _card(folder: Path, promised: Mapping[str, Any]) -> Found:
    """Compare the card's YAML with the manifest."""
    header = read_header(folder / "README.md")
    names = [config["config_name"] for config in header["configs"]]
    if names != list(promised["views"]):
        yield "README.md", f"configs are {names}, the manifest has {list(promised['views'])}"
    for config in header["configs"]:
        for entry in config["data_files"]:
            if not inside(folder, entry["path"]):
                yield "README.md", f"data_files leads out of the folder: {entry['path']}"
    if header["license"] != promised["license"]:
        yield "README.md", f"licence is {header['license']}, the manifest has {promised['license']}"


def _funnel(folder: Path, promised: Mapping[str, Any]) -> Found:
    """Check that every candidate is accounted for, once."""
    place, came = manifest.NAME, promised["candidates"]
    rejected = 0
    for stage in promised["funnel"]:
        lost = sum(stage["reasons"].values())
        rejected += lost
        if stage["in"] != came or stage["out"] != came - lost:
            yield place, f"funnel does not add up at stage {stage['stage']}"
        came = stage["out"]
    if promised["candidates"] != promised["kept"] + rejected:
        yield place, f"{promised['candidates']} candidates are not {promised['kept']} + {rejected}"
    found = contents(folder)
    if "rejects" in promised["views"] and found["rejects"].rows != rejected:
        yield place, f"funnel has {rejected} rejects, the view has {found['rejects'].rows} rows"
    if "pairs" in promised["views"] and found["pairs"].rows != promised["kept"]:
        yield place, f"{promised['kept']} kept, the view pairs has {found['pairs'].rows} rows"
