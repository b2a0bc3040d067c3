"""One view's Parquet files, written row by row in bounded memory.

    shards = Shards(folder / "data" / "pairs", VIEWS["pairs"].schema())
    shards.add(row)
    shards.close()  ->  812        data/pairs/train-00000-of-00001.parquet

Groups and files end by the bytes of their rows alone, so the same rows give the same files.
Settings follow `datasets`: a page index, and pages cut by content, so that a new version re-uploads
only what changed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterfactory.factory.run.disk import TEMPORARY, sync

# of a row group: viewers and readers load one at a time (100 MB is their limit)
GROUP_BYTES = 32 * 2**20
GROUP_ROWS = 1000
FILE_BYTES = 480 * 2**20  # of a file


class Shards:
    """Writes one view. No row, no file."""

    def __init__(self, folder: Path, schema: pa.Schema) -> None:
        self.folder, self.schema = folder, schema
        self.rows = 0
        self._files: list[Path] = []
        self._writer: pq.ParquetWriter | None = None
        self._group: list[Mapping[str, Any]] = []
        self._group_bytes = self._file_bytes = 0

    def add(self, row: Mapping[str, Any]) -> None:
        """Add one row."""
        size = weight(row)
        full = self._group_bytes + size > GROUP_BYTES or len(self._group) >= GROUP_ROWS
        if self._group and full:
            self._write_group()
        self._group.append(row)
        self._group_bytes += size
        self.rows += 1

    def close(self) -> int:
        """Write what is left, give the files their final names, return the number of rows."""
        if self._group:
            self._write_group()
        self._end_file()
        for number, path in enumerate(self._files):
            path.rename(self.folder / f"train-{number:05d}-of-{len(self._files):05d}.parquet")
        if self._files:
            sync(self.folder)
        return self.rows

    def _write_group(self) -> None:
        if self._writer is not None and self._file_bytes + self._group_bytes > FILE_BYTES:
            self._end_file()
        if self._writer is None:
            self._writer = self._new_file()
        table = pa.Table.from_pylist(self._group, schema=self.schema)
        self._writer.write_table(table, row_group_size=max(1, table.num_rows))
        self._file_bytes += self._group_bytes
        self._group, self._group_bytes = [], 0

    def _new_file(self) -> pq.ParquetWriter:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._files.append(self.folder / f"{len(self._files):05d}{TEMPORARY}")
        self._file_bytes = 0
        return pq.ParquetWriter(
            self._files[-1], self.schema, compression="zstd", compression_level=3, use_dictionary=False,
            write_page_index=True, use_content_defined_chunking=True,
        )  # fmt: skip

    def _end_file(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            sync(self._files[-1])


def weight(value: Any) -> int:
    """Return about how many bytes a row takes.

    >>> weight({"caption": "a sun", "image": {"bytes": b"123", "path": None}, "score": 0.5})
    16
    """
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(map(weight, value.values()))
    if isinstance(value, list | tuple):
        return sum(map(weight, value))
    return 0 if value is None else 8
