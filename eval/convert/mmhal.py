"""MMHal-Bench's response template and its pictures -> `mmhal`.

SOURCE/response_template.json   [{"question_type": ..., "question_topic": ..., "image_id": ...,
                                  "image_src": "https://.../1.jpg", "image_content": ["cat"],
                                  "question": ..., "gt_answer": ...}]
SOURCE/images/1.jpg             named like the end of image_src, or like image_id
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.eval.convert.reading import Pictures, field, need, records
from counterfactory.eval.convert.writing import Table

COLUMNS = {"question_type": "text", "question_topic": "text", "question": "text", "gt_answer": "text",
           "image_content": "texts", "image_id": "text", "image": "image"}  # fmt: skip


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    path = need(source, "response_template.json", "test_data.json")
    yield Table("mmhal", _rows(path, Pictures(source)), COLUMNS, split="train")


def _rows(path: Path, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        name = str(field(entry, "image_src", path, number)).rsplit("/", 1)[-1]
        if name not in pictures.by_name:
            name = f"{field(entry, 'image_id', path, number)}.jpg"
        yield {
            **{key: str(field(entry, key, path, number)) for key in
               ("question_type", "question_topic", "question", "gt_answer", "image_id")},
            "image_content": [str(thing) for thing in entry.get("image_content") or ()],
            "image": pictures.cell(name),
        }  # fmt: skip
