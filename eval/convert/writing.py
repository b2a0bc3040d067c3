"""Rows -> parquet files with an Image feature, in the layout that a Hub repository has.

    write(Table("vsr", rows, {"caption": "text", "label": "int", "image": "image"}), Path("mirror"))
    ->  mirror/vsr/test-00000-of-00001.parquet

Rows stream through; a file appears under its name when it is whole.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError

GROUP_BYTES = 64 * 2**20  # of pictures in one row group


@dataclass(frozen=True, slots=True)
class Table:
    """One split of one benchmark: its rows and what each column holds."""

    benchmark: str  # the folder's name
    rows: Iterable[Mapping[str, Any]]
    columns: Mapping[str, str]  # name -> "text", "int", "image", "texts"
    split: str = "test"
    config: str = ""


def features(columns: Mapping[str, str]) -> Any:
    """Return the columns as `datasets.Features`."""
    import datasets

    kinds = {
        "text": datasets.Value("string"),
        "int": datasets.Value("int64"),
        "image": datasets.Image(),
        "texts": datasets.List(datasets.Value("string")),
    }
    return datasets.Features({name: kinds[kind] for name, kind in columns.items()})


def write(table: Table, out: Path) -> tuple[Path, int]:
    """Write a table; return its file and the number of rows. Raises `UserError` for no rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = features(table.columns).arrow_schema
    path = out / table.benchmark / table.config / f"{table.split}-00000-of-00001.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    part, count = path.with_suffix(".part"), 0
    images = [name for name, kind in table.columns.items() if kind == "image"]
    batch: list[dict[str, Any]] = []
    held = 0
    try:
        with pq.ParquetWriter(part, schema) as writer:
            for row in table.rows:
                batch.append({name: row[name] for name in table.columns})
                held += sum(len(row[name]["bytes"]) for name in images)
                count += 1
                if held > GROUP_BYTES or len(batch) >= 1000:
                    writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                    batch, held = [], 0
            if batch:
                writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        if not count:
            raise UserError(f"{table.benchmark}: the source holds no rows")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path, count
