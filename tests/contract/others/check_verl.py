"""verl reads an export: questions for reinforcement learning, conversations for SFT.

    python tests/contract/others/check_verl.py INPUTS

Its own datasets are asked: no row may be filtered out, and each row must hold as many pictures as
placeholders. What `release validate --target verl` warns of is shown to be so: a row whose text
holds `<video>` is gone without an error.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf
from said import checked, same, told
from transformers import AutoProcessor
from verl.utils.dataset.multiturn_sft_dataset import MultiTurnSFTDataset
from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn


def questions(path: Path, processor: Any, cache: str) -> Any:
    config = OmegaConf.create(
        {"cache_dir": cache, "max_prompt_length": 2048, "filter_overlong_prompts": True,
         "filter_overlong_prompts_workers": 1, "image_key": "images", "prompt_key": "prompt"}
    )  # fmt: skip
    return RLHFDataset(str(path), processor.tokenizer, config, processor)


def read_questions(export: Path, processor: Any, cache: str) -> None:
    path = export / "grpo-train.parquet"
    stored = pq.read_table(path).to_pylist()
    rows = questions(path, processor, cache)
    same(len(rows), len(stored), "grpo: rows")
    total = 0
    for number, row in enumerate(stored):
        blocks = [
            b
            for m in rows[number]["raw_prompt"]
            if isinstance(m["content"], list)
            for b in m["content"]
        ]
        found = [block for block in blocks if block["type"] == "image"]
        same(len(found), len(row["images"]), "grpo: images in a prompt")
        same(rows[number]["reward_model"]["ground_truth"], row["answer"], "grpo: ground truth")
        total += len(found)
    batch = collate_fn([rows[0], rows[1]])
    same(len(batch["raw_prompt"]), 2, "grpo: a collated batch")
    checked("grpo: all rows read, as many placeholders as images", rows=len(rows), images=total)


def read_talks(export: Path, processor: Any) -> None:
    path = export / "sft-train.parquet"
    stored = pq.read_table(path).to_pylist()
    config = OmegaConf.create(
        {"max_length": 2048, "pad_mode": "no_padding", "truncation": "error", "messages_key": "messages"}
    )  # fmt: skip
    rows = MultiTurnSFTDataset(str(path), processor.tokenizer, config, processor)
    same(len(rows), len(stored), "sft: rows")
    total = 0
    for number, row in enumerate(stored):
        made = rows[number]
        grids = made["multi_modal_inputs"]["image_grid_thw"]
        same(len(grids), len(row["images"]), "sft: images in a row")
        same(bool(made["loss_mask"].sum() > 0), True, "sft: something to learn from")
        total += len(grids)
    checked("sft: all rows read, as many placeholders as images", rows=len(rows), images=total)


def lost(export: Path, processor: Any, cache: str) -> None:
    """Show that a row whose text holds `<video>` is dropped without an error."""
    table = pq.read_table(export / "grpo-train.parquet")
    rows = table.slice(0, 2).to_pylist()
    rows[0]["prompt"][0]["content"] += " <video>"
    path = Path(cache) / "planted.parquet"
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    same(len(questions(path, processor, cache)), 1, "planted: rows left of two")
    checked("as told by validate: a text with <video> is dropped")


def main() -> None:
    inputs = Path(sys.argv[1])
    processor = AutoProcessor.from_pretrained(inputs / "models/qwen25")
    with tempfile.TemporaryDirectory() as cache:
        read_questions(inputs / "export/verl", processor, cache)
        lost(inputs / "export/verl", processor, cache)
    read_talks(inputs / "export/verl", processor)
    told("verl")


if __name__ == "__main__":
    main()
