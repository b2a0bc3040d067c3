"""What one trainer wants of a release on top of what every release must hold.

    list(target_problems(folder, "trl"))   -> [] or ("sft", "has no column images")

`trl`: the columns each TRL trainer reads, images never null. `llamafactory`: dataset_info.json
names files and columns that exist, with text where it wants text.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from counterfactory.factory.release.contents import contents, data_files, scan

TRL = {
    "sft": ("images", "prompt", "completion", "messages"),
    "dpo": ("images", "prompt", "chosen", "rejected"),
    "kto": ("images", "prompt", "completion", "label"),
    "grpo": ("images", "prompt"),
}


def target_problems(folder: Path, target: str) -> Iterator[tuple[str, str]]:
    """Yield what keeps a trainer from reading the release."""
    yield from TARGETS[target](folder)


def _trl(folder: Path) -> Iterator[tuple[str, str]]:
    found = contents(folder)
    trainable = [view for view in TRL if view in found]
    if not trainable:
        yield "manifest.json", f"holds none of the views that TRL trains on: {', '.join(TRL)}"
    for view in trainable:
        missing = [name for name in TRL[view] if name not in found[view].schema.names]
        if missing:
            yield view, f"has no column {', '.join(missing)}"
            continue
        for row in scan(folder, view, ["id", "images"]):
            if row["images"] is None:
                yield f"{view}/{row['id']}", "images is null; TRL wants an empty list"


def _llamafactory(folder: Path) -> Iterator[tuple[str, str]]:
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


TARGETS: dict[str, Callable[[Path], Iterator[tuple[str, str]]]] = {
    "trl": _trl,
    "llamafactory": _llamafactory,
}
