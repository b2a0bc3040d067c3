"""InternVL: JSON lines and a meta file that names them.

    sft  {"id": ..., "image": "images/4f/4f0c.png", "conversations": [...]}
    dpo  {"image": "images/4f/4f0c.png", "question": "<image>\\nWhat is it?", "chosen": "a box",
          "rejected": "a ball"}                                      # MPO reads these

    meta-sft.json  {"region-diff-sft-train": {"root": "", "annotation": "sft-train.jsonl", ...}}

Paths are joined to `root`, which is the prefix of the export: empty, InternVL is started from the
export's folder. A picture that cannot be opened there is replaced by another row without an error.
"""

import json
from typing import Any

from counterfactory.factory.release.export.llava import llava_row
from counterfactory.factory.release.export.talk import led
from counterfactory.factory.release.export.work import Row, Work


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `sft` or `dpo`; return the names of the files."""
    name, meta = f"{view}-{split}.jsonl", f"meta-{view}.json"
    make = _talk if view == "sft" else _preference
    prefix, work.prefix = work.prefix, ""  # InternVL joins root and path itself
    with work.lines(name) as lines:
        for row in work.rows(view, split, COLUMNS[view]):
            lines.add(make(work, row))
    work.prefix = prefix
    path = work.out / meta
    entries = json.loads(path.read_bytes()) if path.exists() else {}
    entries[f"{work.name}-{view}-{split}"] = {
        "root": prefix, "annotation": prefix + name, "data_augment": False, "repeat_time": 1,
        "length": lines.count,
    }  # fmt: skip
    path.write_text(json.dumps(entries, indent=2) + "\n", encoding="utf-8", newline="\n")
    return [name, meta]


COLUMNS = {
    "sft": ["id", "images", "conversations"],
    "dpo": ["id", "images", "prompt_text", "chosen_text", "rejected_text"],
}


def _talk(work: Work, row: Row) -> dict[str, Any]:
    return llava_row(work, "sft", row)


def _preference(work: Work, row: Row) -> dict[str, Any]:
    paths = [work.picture(cell, f"dpo/{row['id']}") for cell in row["images"]]
    return {
        "id": row["id"],
        **({"image": paths[0] if len(paths) == 1 else paths} if paths else {}),
        "question": led(row["prompt_text"], len(paths)),
        "chosen": row["chosen_text"],
        "rejected": row["rejected_text"],
    }
