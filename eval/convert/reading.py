"""Reading what authors publish: JSON, JSON lines, TSV, and pictures in folders.

    entries = records(source, "test.json")
    pictures = Pictures(source)
    pictures.cell("images/42.png")     ->  {"bytes": b"...", "path": "42.png"}

What is missing or damaged is a `UserError` that names it. A name never leads out of the source folder.
"""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.base import picture
from counterfactory.fingerprint import digest_file

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}


def find(source: Path, *names: str) -> Path | None:
    """Return the first file below a folder that has one of the names; the shallowest, then by name."""
    for name in names:
        found = sorted(source.rglob(name), key=lambda path: (len(path.parts), str(path)))
        if found:
            return found[0]
    return None


def need(source: Path, *names: str) -> Path:
    """Return a file that must be there. Raises `UserError`."""
    found = find(source, *names)
    if found is None:
        raise UserError(f"{source}: {names[0]} is not there, nor in a folder below")
    return found


def read_json(path: Path) -> Any:
    """Return a JSON file's content. Raises `UserError` when it is damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UserError(f"{path}: no JSON: {error}") from None


def records(path: Path) -> list[dict[str, Any]]:
    """Return the entries of a JSON list, a JSON object of entries, or JSON lines."""
    if path.suffix == ".jsonl":
        lines = path.read_text(encoding="utf-8").splitlines()
        try:
            return [json.loads(line) for line in lines if line.strip()]
        except ValueError as error:
            raise UserError(f"{path}: no JSON lines: {error}") from None
    content = read_json(path)
    entries = list(content.values()) if isinstance(content, dict) else content
    if not isinstance(entries, list):
        raise UserError(f"{path}: found {type(content).__name__}, expected a list of entries")
    return entries


def field(entry: Any, name: str, path: Path, number: object) -> Any:
    """Return a field of an entry. Raises `UserError` with the place when it is not there."""
    if not isinstance(entry, dict) or name not in entry:
        known = ", ".join(entry) if isinstance(entry, dict) else type(entry).__name__
        raise UserError(f"{path}: entry {number}: {name!r} is missing, found {known}")
    return entry[name]


def read_tsv(path: Path, *needed: str) -> Iterator[tuple[dict[str, str], bytes]]:
    """Yield the rows of VLMEvalKit's TSV files with their pictures.

    The column `image` holds base64, or the `index` of the row that holds it. Raises `UserError`.
    """
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    seen: dict[str, str] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t")
        for name in ("index", "image", *needed):
            if name not in (reader.fieldnames or ()):
                raise UserError(f"{path}: column {name!r} is missing")
        for row in reader:
            seen[row["index"]] = row["image"] = seen.get(row["image"], row["image"])
            yield row, picture({"image": row["image"], "_row": row["index"]}, "image")


class Pictures:
    """The pictures below a folder, found by the end of their path."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.by_name: dict[str, list[Path]] = {}
        for path in sorted(root.rglob("*")):
            if path.suffix.lower() in ENDINGS:
                self.by_name.setdefault(path.name, []).append(path)

    def path(self, name: str, folders: int = 1) -> Path:
        """Return the file that a name means: the one that shares most of its folders.

        The last `folders` of the name's own must be shared: `ads/1.png` never means `other/1.png`.
        """
        wanted = PurePosixPath(name.replace("\\", "/")).parts
        least = 1 + min(folders, len(wanted) - 1)
        shared = {
            path: count
            for path in self.by_name.get(wanted[-1], [])
            if (count := _shared_end(path.parts, wanted)) >= least
        }
        if not shared:
            raise UserError(f"{self.root}: the picture {name!r} is not there")
        best = [path for path, count in shared.items() if count == max(shared.values())]
        if len({digest_file(path) for path in best} if len(best) > 1 else best) > 1:
            raise UserError(f"{self.root}: the picture {name!r} may be {best[0]} or {best[1]}")
        return best[0]

    def cell(self, name: str, folders: int = 1) -> dict[str, Any]:
        """Return a picture as a parquet cell. Raises `UserError` when it cannot be opened."""
        path = self.path(name, folders)
        return cell_of(path.read_bytes(), path.name, path)


def cell_of(data: bytes, name: str, place: object) -> dict[str, Any]:
    """Return encoded pixels as a parquet cell, once it is known that they are a picture."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()
    except Exception as error:  # PIL's readers raise nearly anything on damaged data
        raise UserError(f"{place}: no readable picture ({type(error).__name__})") from None
    return {"bytes": data, "path": name}


def _shared_end(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
