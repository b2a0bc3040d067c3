"""Metadata files of an image folder: file_name -> caption and licence.

    {"file_name": "cat.jpg", "text": "A cat on a chair.", "license": "cc0-1.0"}   one line of metadata.jsonl

The caption is in the column the recipe names, else in the first of CAPTION_COLUMNS that is there. A
list of captions (as COCO has) gives its first. A `file_name` may not leave the folder.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.sources.base import nearest

CAPTION_COLUMNS = ("caption", "text", "captions", "description", "sentences")
NAME_COLUMN = "file_name"


@dataclass(frozen=True, slots=True)
class Notes:
    """What a metadata file says of one image."""

    caption: str
    license: str


def read_metadata(root: Path, path: Path, column: str) -> dict[str, Notes]:
    """Return the notes of one metadata file, by path below `root`.

    Raises `UserError` naming file, line and column when the file does not hold what it should.
    """
    notes: dict[str, Notes] = {}
    caption_column: str | None = None
    for number, row in enumerate(_rows(path), start=1):
        if number == 1:
            caption_column = choose_column(row, column, where=str(path))
        name = row.get(NAME_COLUMN)
        if not isinstance(name, str) or not name:
            raise UserError(f"{path}: row {number}: no '{NAME_COLUMN}'" + nearest(NAME_COLUMN, row))
        caption = first_text(row.get(caption_column)) if caption_column else ""
        licence = row.get("license")
        inside = _inside(root, path, name, number)
        notes[inside] = Notes(caption, licence if isinstance(licence, str) else "")
    return notes


def choose_column(row: Mapping[str, Any], column: str, *, where: str) -> str | None:
    """Return the caption column: the one asked for, else a usual one, else None."""
    if column and column not in row:
        raise UserError(
            f"{where}: source.caption_column: no column '{column}'" + nearest(column, row)
        )
    return column or next((name for name in CAPTION_COLUMNS if name in row), None)


def first_text(value: object) -> str:
    """Return a caption as one line of text; "" when there is none.

    >>> first_text(["A cat.", "The same cat."])
    'A cat.'
    """
    if isinstance(value, list | tuple):
        return next((text for item in value if (text := first_text(item))), "")
    return " ".join(value.split()) if isinstance(value, str) else ""


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        yield from {".jsonl": _json_rows, ".csv": _csv_rows, ".parquet": _parquet_rows}[
            path.suffix
        ](path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not readable as UTF-8 {path.suffix[1:]}: {error}") from error


def _json_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{path}:{number}: not JSON: {error}") from error
            if not isinstance(row, dict):
                raise UserError(
                    f"{path}:{number}: found a {type(row).__name__}, expected an object"
                )
            yield row


def _csv_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        yield from csv.DictReader(stream)


def _parquet_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1024):
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file: {error}") from error


def _inside(root: Path, path: Path, name: str, number: int) -> str:
    """Return the file's path below `root`; refuse one that leads outside."""
    beside = PurePosixPath(path.parent.relative_to(root).as_posix(), name)
    target = (root / beside).resolve()
    if PurePosixPath(name).is_absolute() or "\0" in name or not target.is_relative_to(root):
        raise UserError(f"{path}: row {number}: file_name '{name}' leads outside {root}")
    return PurePosixPath(*target.relative_to(root).parts).as_posix()
