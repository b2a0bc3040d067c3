"""SPA-VL's evaluation questions as lists with pictures -> `spa_vl`, splits harm and help.

SOURCE/harm.json    [{"image": "0.png", "question": ..., "classes": ...}, ...]   or harm.jsonl
SOURCE/help.json    the same with "reference": the answer of the model that is compared with
SOURCE/harm/0.png   SOURCE/help/0.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.convert.reading import Pictures, field, find, records
from counterfactory.eval.convert.writing import Table

COLUMNS = {"image": "image", "question": "text", "classes": "text"}
COMPARED = {**COLUMNS, "reference": "text"}


def tables(source: Path) -> Iterator[Table]:
    """Yield the tables that are there."""
    pictures, some = Pictures(source), False
    for split in ("harm", "help"):
        path = find(source, f"{split}.json", f"{split}.jsonl", f"spa_vl_{split}.json")
        if path:
            some = True
            columns = COLUMNS if split == "harm" else COMPARED
            rows = _rows(path, split, pictures)
            yield Table("spa_vl", rows, columns, split=split, config="test")
    if not some:
        raise UserError(f"{source}: neither harm.json nor help.json is there")


def _rows(path: Path, split: str, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        more = {"reference": field(entry, "reference", path, number)} if split == "help" else {}
        yield {
            **more,
            "image": pictures.cell(f"{split}/{field(entry, 'image', path, number)}"),
            "question": field(entry, "question", path, number),
            "classes": str(entry.get("classes") or ""),
        }
