"""OpenRLHF reads the export for verl and EasyR1: `problem` as input, `answer` as label, `images`.

    python tests/contract/others/check_openrlhf.py INPUTS

Its prompt dataset and its image loader are asked; each prompt must come out with as many pictures
as placeholders, and its collator must keep them together.
"""

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

from datasets import load_dataset
from openrlhf.datasets import PromptDataset
from openrlhf.utils.vlm_utils import process_prompt_with_images
from said import checked, same, told
from transformers import AutoProcessor


def main() -> None:
    inputs = Path(sys.argv[1])
    processor = AutoProcessor.from_pretrained(inputs / "models/qwen25")
    mark = processor.tokenizer.convert_tokens_to_ids("<|vision_start|>")
    asked = SimpleNamespace(
        input_key="problem", label_key="answer", image_key="images", apply_chat_template=True
    )
    strategy = SimpleNamespace(args=SimpleNamespace(data=asked), is_rank_0=lambda: True)
    with tempfile.TemporaryDirectory() as cache:
        path = str(inputs / "export/verl/grpo-train.parquet")
        stored = load_dataset("parquet", data_files=path, split="train", cache_dir=cache)
        rows = PromptDataset(stored, processor, strategy)
        same(len(rows), len(stored), "grpo: rows")
        total = 0
        for number, row in enumerate(stored):
            _, prompt, label, images = rows[number]
            ids, pictures, loaded = process_prompt_with_images(processor, prompt, images)
            same(len(loaded), len(row["images"]), "images loaded")
            same(list(ids).count(mark), len(row["images"]), "placeholders in a prompt")
            same(len(pictures["image_grid_thw"]), len(row["images"]), "images encoded")
            same(label, row["answer"], "label")
            total += len(loaded)
        _, _, _, together = rows.collate_fn([rows[0], rows[1]])
        same([len(images) for images in together], [1, 1], "a collated batch")
    checked("grpo: all rows read, as many placeholders as images", rows=len(rows), images=total)
    told("openrlhf")


if __name__ == "__main__":
    main()
