"""What TRL wants of columns, and LLaMA-Factory of `dataset_info.json`.

list(trl(folder))           -> [] or [("sft", "has no column images")]
list(llamafactory(folder))  -> [] or [("dataset_info.json", "tiny_dpo: chosen is no text; ...")]
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.factory.release.contents import contents, data_files, scan

Found = Iterator[tuple[str, str]]

TRL = {
    "sft": ("images", "prompt", "completion", "messages"),
    "dpo": ("images", "prompt", "chosen", "rejected"),
    "kto": ("images", "prompt", "completion", "label"),
    "grpo": ("images", "prompt"),
}


def trl(folder: Path) -> Found:
    """Yield views without the columns that TRL reads, or whose pictures would arrive as dicts."""
    found = contents(folder)
    for view in (view for view in TRL if view in found):
        schema = found[view].schema
        if missing := [name for name in TRL[view] if name not in schema.names]:
            yield view, f"has no column {', '.join(missing)}"
        elif b"huggingface" not in (schema.metadata or {}):
            yield view, "has no Image features; TRL would be given dicts for images and fail"
    if "grpo" in found:
        yield from _mixture(folder)


def _mixture(folder: Path) -> Found:
    """Yield a problem when some questions have images and some have none."""
    counts = {True: 0, False: 0}
    for row in scan(folder, "grpo", ["images.list.element.path"]):
        counts[bool(row["images"])] += 1
    if all(counts.values()):
        yield (
            "data/grpo",
            f"{counts[True]} rows have images and {counts[False]} have none; TRL's GRPO fails on "
            "a batch with both (TypeError)",
        )


def llamafactory(folder: Path) -> Found:
    """Yield entries of dataset_info.json that name files or columns which are not there."""
    place = "dataset_info.json"
    entries = json.loads((folder / place).read_text(encoding="utf-8"))
    if not entries:
        yield place, "names no view that LLaMA-Factory trains on: sft, dpo"
    found = contents(folder)
    for name, entry in entries.items():
        view = Path(entry.get("file_name", entry.get("subset", ""))).name
        if view not in found or not data_files(folder, view):
            yield place, f"{name} reads {view or 'nothing'}, which is no view of this release"
            continue
        schema = found[view].schema
        for role, column in entry["columns"].items():
            if column not in schema.names:
                yield place, f"{name} reads {column}, which is no column of {view}"
            elif entry.get("ranking") and role != "images" and not _is_text(schema, column):
                yield place, f"{name}: {column} is no text; rankings of lists are dropped"


def _is_text(schema: Any, column: str) -> bool:
    return str(schema.field(column).type) == "string"
