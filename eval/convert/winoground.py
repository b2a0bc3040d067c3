"""Winoground's examples.jsonl and images -> `winoground`.

SOURCE/examples.jsonl           {"id": 0, "image_0": "ex_0_img_0", "image_1": "ex_0_img_1",
                                 "caption_0": ..., "caption_1": ..., "tag": ..., "collapsed_tag": ...}
SOURCE/images/ex_0_img_0.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.eval.convert.reading import Pictures, field, need, records
from counterfactory.eval.convert.writing import Table

COLUMNS = {"id": "int", "image_0": "image", "image_1": "image", "caption_0": "text",
           "caption_1": "text", "tag": "text", "secondary_tag": "text",
           "collapsed_tag": "text"}  # fmt: skip


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    path = need(source, "examples.jsonl")
    yield Table("winoground", _rows(path, Pictures(source)), COLUMNS)


def _rows(path: Path, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        row = {name: str(entry.get(name) or "") for name in COLUMNS}
        images = {
            name: pictures.cell(_named(field(entry, name, path, number)))
            for name in ("image_0", "image_1")
        }
        captions = {name: field(entry, name, path, number) for name in ("caption_0", "caption_1")}
        yield {**row, "id": int(entry.get("id", number)), **images, **captions}


def _named(name: str) -> str:
    return name if Path(name).suffix else f"{name}.png"
