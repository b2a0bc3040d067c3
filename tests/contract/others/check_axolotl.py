"""axolotl reads the views as they are: `sft` by its collator for chats, `dpo` and `kto` by those for TRL.

    python tests/contract/others/check_axolotl.py INPUTS

Each batch must hold as many pictures as placeholders. What `release validate --target axolotl`
warns of is shown to be so: it takes the first picture of a row only, and a row without any fails.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from axolotl.processing_strategies import ProcessingStrategy
from axolotl.utils.collators.mm_chat import MultiModalChatDataCollator
from axolotl.utils.collators.mm_rl import (
    AxolotlVisionPreferenceCollator,
    AxolotlVisionUnpairedPreferenceCollator,
)
from datasets import load_dataset
from said import checked, same, told
from transformers import AutoProcessor


def view(inputs: Path, name: str, cache: str) -> list[dict[str, Any]]:
    rows = load_dataset(str(inputs / "release"), name, split="train", cache_dir=cache)
    return list(rows)


def talks(rows: list[dict[str, Any]], processor: Any) -> None:
    collator = MultiModalChatDataCollator(processor.tokenizer, ProcessingStrategy(processor))
    mark = processor.tokenizer.convert_tokens_to_ids("<|vision_start|>")
    one = [row for row in rows if len(row["images"]) == 1]
    for start in range(0, len(one), 4):
        batch = collator(one[start : start + 4])
        size = len(one[start : start + 4])
        same(len(batch["image_grid_thw"]), size, "sft: images in a batch")
        same(int((batch["input_ids"] == mark).sum()), size, "sft: placeholders in a batch")
        same(bool((batch["labels"] != -100).any()), True, "sft: something to learn from")
    checked("sft: rows with one image collated, as many placeholders as images", rows=len(one))
    several = [row for row in rows if len(row["images"]) > 1]
    for what, row in (("two images", several[0]), ("no image", {**one[0], "images": []})):
        try:
            batch = collator([row])
            found = len(batch["image_grid_thw"])
        except (ValueError, IndexError, StopIteration, TypeError):
            found = -1
        same(found in (-1, 1), True, f"planted: a row with {what} is not read in full")
    checked(
        "as told by validate: rows with two images or none are not read in full", rows=len(several)
    )


def preferences(inputs: Path, processor: Any, cache: str) -> None:
    for name, make in (
        ("dpo", AxolotlVisionPreferenceCollator),
        ("kto", AxolotlVisionUnpairedPreferenceCollator),
    ):
        rows = view(inputs, name, cache)
        collator = make(processor=processor)
        for start in range(0, len(rows), 4):
            batch = collator(rows[start : start + 4])
            branches = len(batch["input_ids"])
            same(len(batch["image_grid_thw"]), branches, f"{name}: images in a batch")
        checked(f"{name}: all rows collated, as many placeholders as images", rows=len(rows))


def main() -> None:
    inputs = Path(sys.argv[1])
    processor = AutoProcessor.from_pretrained(inputs / "models/qwen25")
    with tempfile.TemporaryDirectory() as cache:
        talks(view(inputs, "sft", cache), processor)
        preferences(inputs, processor, cache)
    told("axolotl")


if __name__ == "__main__":
    main()
