"""VSR's zero-shot test lines and the COCO pictures that they name -> `vsr`.

    SOURCE/test.jsonl    {"image": "000000050403.jpg", "caption": "The teddy bear is ...", "label": 1,
                          "relation": "in front of", "subj": "teddy bear", "obj": "person"}
    SOURCE/images/000000050403.jpg

VLMEvalKit's TSV (`index, image, question/caption, answer/label ...`) is read as well.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.eval.convert.reading import (
    Pictures,
    cell_of,
    field,
    need,
    read_tsv,
    records,
)
from counterfactory.eval.convert.writing import Table
from counterfactory.fingerprint import digest_bytes

COLUMNS = {"image_file": "text", "caption": "text", "label": "int", "relation": "text",
           "subj": "text", "obj": "text", "image": "image"}  # fmt: skip


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    if source.suffix == ".tsv":
        yield Table("vsr", _from_tsv(source), COLUMNS)
        return
    path = need(source, "test.jsonl", "zeroshot_test.jsonl")
    yield Table("vsr", _rows(path, Pictures(source)), COLUMNS)


def _rows(path: Path, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        name = field(entry, "image", path, number)
        yield {
            "image_file": name,
            "caption": field(entry, "caption", path, number),
            "label": int(field(entry, "label", path, number)),
            "relation": field(entry, "relation", path, number),
            "subj": entry.get("subj") or "",
            "obj": entry.get("obj") or "",
            "image": pictures.cell(name),
        }


def _from_tsv(path: Path) -> Iterator[dict[str, Any]]:
    for row, data in read_tsv(path):
        place = f"{path}: row {row['index']}"
        truth = row.get("label") or row.get("answer") or ""
        name = row.get("image_path") or digest_bytes(data)[:16]
        yield {
            "image_file": name,
            "caption": row.get("caption") or row["question"],
            "label": int(truth.strip().lower() in ("1", "yes", "true")),
            "relation": row.get("relation") or row.get("category") or "",
            "subj": row.get("subj") or "",
            "obj": row.get("obj") or "",
            "image": cell_of(data, name, place),
        }
