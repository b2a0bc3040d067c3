"""What one trainer would silently drop, change or crash on, row by row.

    list(target_problems(folder, "axolotl"))
        -> [("sft/4f0c-diff", "has 2 images; axolotl takes the first alone"), ...]

    chat.py         trainers of chat models: counts of images and placeholders, roles, texts
    tables.py       trainers of CLIP and detectors: captions, negatives, boxes
    columns.py      what TRL and LLaMA-Factory want of columns and of dataset_info.json

A target that does not read Hub datasets is asked about the rows of its export, which are the same.
Each rule was read in the trainer's source; tests/contract shows the most important ones with its
own code. A release without a view that a target reads has nothing to tell it, which is a problem.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from counterfactory.factory.release.contents import contents
from counterfactory.factory.release.targets import chat, columns, tables
from counterfactory.factory.release.targets.rules import Rules, row_problems

Found = Iterator[tuple[str, str]]

WHOLE: dict[str, Callable[[Path], Found]] = {
    "trl": columns.trl,
    "llamafactory": columns.llamafactory,
}
"""Rules on the release as a whole, before its rows."""

TARGETS: dict[str, Rules] = {
    "trl": chat.TRL,
    "llamafactory": chat.LLAMAFACTORY,
    "swift": chat.SWIFT,
    "axolotl": chat.AXOLOTL,
    "verl": chat.VERL,
    "openrlhf": chat.OPENRLHF,
    "llava": chat.LLAVA,
    "internvl": chat.INTERNVL,
    "webdataset": tables.WEBDATASET,
    "openclip-csv": tables.OPENCLIP,
    "negclip": tables.NEGCLIP,
    "coco": tables.COCO,
}


def target_problems(folder: Path, target: str) -> Found:
    """Yield what keeps a trainer from reading the release, or from reading all of it."""
    rules, found = TARGETS[target], contents(folder)
    wanted = [view for view in rules if view in found]
    if not wanted:
        yield "manifest.json", f"holds none of the views that {target} reads: {', '.join(rules)}"
    if target in WHOLE:
        told = list(WHOLE[target](folder))
        yield from told
        wanted = [view for view in wanted if view not in {place for place, _ in told}]
    for view in wanted:
        yield from row_problems(folder, view, rules[view])
