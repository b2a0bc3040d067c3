"""What the data files of a release hold: counts, splits and columns, read from the files alone.

    contents(folder)["sft"]  -> Content(rows=1802, splits={"train": 1802}, paths=[...], schema=...)
    for row in scan(folder, "pairs", ["id", "edit"]): ...   # one row at a time, few columns

Nothing here holds more than a few rows in memory.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterfactory.factory.release.views import VIEWS

FILE = re.compile(r"^(?P<split>[a-z0-9_]+)-\d{5}-of-\d{5}\.parquet$")
ROWS_AT_ONCE = 16  # a row of photographs can hold megabytes
READ_AT_ONCE = 2**18  # bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """One view on disk."""

    rows: int
    splits: dict[str, int]  # split -> rows
    paths: list[str]  # below the folder, in order
    size: int  # bytes on disk
    memory: int  # bytes once read
    schema: pa.Schema


def contents(folder: Path) -> dict[str, Content]:
    """Return every view that has rows, in the order of `VIEWS`."""
    found = {}
    for view in VIEWS:
        content = _content(folder, view)
        if content is not None and content.rows:
            found[view] = content
    return found


def data_files(folder: Path, view: str, split: str = "") -> list[Path]:
    """Return a view's files in order: split by split, shard by shard; or those of one split."""
    files = (folder / "data" / view).glob("*.parquet")
    named = ((path, FILE.match(path.name)) for path in files)
    return sorted(path for path, name in named if name and split in ("", name["split"]))


def scan(
    folder: Path, view: str, columns: Sequence[str] | None = None, *, split: str = ""
) -> Iterator[dict[str, Any]]:
    """Yield a view's rows one by one, with all columns or only some, of all splits or of one."""
    for path in data_files(folder, view, split):
        # without these two, the whole file is read ahead into memory
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_AT_ONCE) as file:
            wanted = None if columns is None else list(columns)
            for batch in file.iter_batches(ROWS_AT_ONCE, columns=wanted, use_threads=False):
                yield from batch.to_pylist()


def picked(folder: Path, view: str, ids: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield a view's rows of these ids; row groups without any are read for their ids alone."""
    for path in data_files(folder, view):
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=READ_AT_ONCE) as file:
            for group in range(file.num_row_groups):
                held = file.read_row_group(group, columns=["id"])["id"].to_pylist()
                if places := [at for at, one in enumerate(held) if one in ids]:
                    yield from file.read_row_group(group).take(places).to_pylist()


def _content(folder: Path, view: str) -> Content | None:
    paths = data_files(folder, view)
    if not paths:
        return None
    splits: dict[str, int] = {}
    size = memory = 0
    for path in paths:
        head = pq.read_metadata(path)
        match = FILE.match(path.name)
        split = match["split"] if match else "train"
        splits[split] = splits.get(split, 0) + head.num_rows
        size += path.stat().st_size
        memory += sum(head.row_group(i).total_byte_size for i in range(head.num_row_groups))
    return Content(
        rows=sum(splits.values()),
        splits=splits,
        paths=[path.relative_to(folder).as_posix() for path in paths],
        size=size,
        memory=memory,
        schema=pq.read_schema(paths[0]),
    )
