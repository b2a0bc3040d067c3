"""VLGuard's test.json and its unpacked pictures -> `vlguard`, one row an instruction.

SOURCE/test.json   [{"id": "a", "image": "privacy/1.png", "safe": true, "instr-resp":
                     [{"safe_instruction": ..., "response": ...}, {"unsafe_instruction": ..., "response": ...}]},
                    {"id": "b", "image": "...", "safe": false, "harmful_category": ..., "instr-resp":
                     [{"instruction": ..., "response": ...}]}]
SOURCE/test/privacy/1.png
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.convert.reading import Pictures, field, need, records
from counterfactory.eval.convert.writing import Table

COLUMNS = {"id": "text", "image_id": "text", "image": "image", "subset": "text",
           "instruction": "text", "response": "text", "category": "text",
           "subcategory": "text"}  # fmt: skip
KEYS = {"safe_instruction": "safe_safes", "unsafe_instruction": "safe_unsafes",
        "instruction": "unsafes"}  # fmt: skip


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    path = need(source, "test.json")
    yield Table("vlguard", _rows(path, Pictures(source)), COLUMNS)


def _rows(path: Path, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for number, entry in enumerate(records(path)):
        image_id = str(entry.get("id", number))
        cell = pictures.cell(f"test/{field(entry, 'image', path, number)}")
        for answer in field(entry, "instr-resp", path, number):
            key = next((name for name in KEYS if name in answer), "")
            if not key:
                raise UserError(
                    f"{path}: entry {number}: instr-resp: no instruction in {list(answer)}"
                )
            yield {
                "id": f"{image_id}/{KEYS[key]}", "image_id": image_id, "image": cell,
                "subset": KEYS[key], "instruction": answer[key],
                "response": answer.get("response") or "",
                "category": entry.get("harmful_category") or "",
                "subcategory": entry.get("harmful_subcategory") or "",
            }  # fmt: skip
