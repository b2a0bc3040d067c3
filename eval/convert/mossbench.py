"""MOSSBench's information.json and pictures -> `mossbench`.

SOURCE/images_information/information.json   {"1": {"pid": "1", "question": ..., "image": "images/1.png",
                                              "metadata": {"over": "type 1", ...}}}
SOURCE/images/1.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.eval.convert.reading import Pictures, field, need, records
from counterfactory.eval.convert.writing import Table

COLUMNS = {"pid": "text", "question": "text", "image": "image", "metadata_over": "text"}


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    path = need(source, "information.json")
    yield Table("mossbench", _rows(path, Pictures(source)), COLUMNS, split="oversensitivity")


def _rows(path: Path, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        yield {
            "pid": str(field(entry, "pid", path, number)),
            "question": field(entry, "question", path, number),
            "image": pictures.cell(field(entry, "image", path, number)),
            "metadata_over": str((entry.get("metadata") or {}).get("over") or ""),
        }
