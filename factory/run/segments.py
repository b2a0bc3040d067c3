"""The rows of one finished batch: one small Parquet file, written whole.

    folder = Segments(work / "segments")
    folder.write(12, pack(rows))                  # segments/000012.parquet
    for row in folder.rows(12): ...

A worker packs its rows into bytes, the parent writes them: so workers need no shared disk.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterfactory.factory.release.rows import table
from counterfactory.factory.run.disk import TEMPORARY, write_whole

ROWS_AT_ONCE = 16  # read back in small pieces: a row of photographs can hold megabytes


def pack(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Return canonical rows as the bytes of a Parquet file; no rows are no bytes."""
    return _bytes(table(list(rows))) if rows else b""


def join(parts: Sequence[bytes]) -> bytes:
    """Return several packed files as one."""
    tables = [pq.read_table(io.BytesIO(part)) for part in parts if part]
    return _bytes(pa.concat_tables(tables)) if tables else b""


def _bytes(rows: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(rows, stream, compression="none", use_dictionary=False, write_statistics=False)
    return stream.getvalue()


class Segments:
    """The folder of a build's segments."""

    def __init__(self, folder: Path) -> None:
        """Open it, and sweep what a killed build left half-written."""
        self.folder = folder
        folder.mkdir(exist_ok=True)
        for path in folder.glob(f"*{TEMPORARY}"):
            path.unlink()

    def path(self, batch: int) -> Path:
        """Return the file of a batch."""
        return self.folder / f"{batch:06d}.parquet"

    def write(self, batch: int, data: bytes) -> None:
        """Write a batch's rows; a batch without rows has no file."""
        if data:
            write_whole(self.path(batch), data)

    def rows(self, batch: int) -> Iterator[dict[str, Any]]:
        """Yield a batch's rows in order."""
        if self.path(batch).exists():
            with pq.ParquetFile(self.path(batch)) as file:
                for piece in file.iter_batches(batch_size=ROWS_AT_ONCE, use_threads=False):
                    yield from piece.to_pylist()
