"""ms-swift trains on an export: JSON lines and pictures as files.

    python tests/contract/others/check_swift.py INPUTS

Its own loader and template are asked first (no row lost, as many pictures as placeholders), then
its own trainers take two steps of SFT, DPO and KTO.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from said import checked, same, told

MODEL = {"model_type": "qwen2_5_vl", "template": "qwen2_5_vl"}


def read(inputs: Path, view: str) -> list[dict[str, Any]]:
    """Load a view with ms-swift's loader; no row may be missing."""
    from swift import load_dataset

    path = inputs / f"export/swift/{view}-train.jsonl"
    rows, _ = load_dataset(
        str(path), strict=True, load_from_cache_file=False, remove_unused_columns=False
    )
    same(len(rows), len(path.read_text().splitlines()), f"{view}: rows")
    return list(rows)


def encoded(inputs: Path, view: str) -> None:
    """Encode every row as training does: one picture for each placeholder."""
    from swift import get_processor, get_template

    processor = get_processor(str(inputs / "models/qwen25"), model_type=MODEL["model_type"])
    template = get_template(processor, template_type=MODEL["template"])
    template.set_mode({"sft": "train", "grpo": "train", "dpo": "rlhf", "kto": "kto"}[view])
    mark = processor.tokenizer.convert_tokens_to_ids("<|vision_start|>")
    rows, total = read(inputs, view), 0
    for row in rows:
        count = len(row["images"])
        said = json.dumps(row["messages"], ensure_ascii=False).count("<image>")
        same(said, count, f"{view}: placeholders in messages")
        made = template.encode(dict(row))
        for name in (name for name in made if name.endswith("input_ids")):
            if made[name] is not None:
                same(list(made[name]).count(mark), count, f"{view}: {name}")
        total += count
    checked(f"{view}: all rows read, as many placeholders as images", rows=len(rows), images=total)


def lost(inputs: Path) -> None:
    """Show that a preference between two equal answers is deleted without an error."""
    from swift import load_dataset

    lines = (inputs / "export/swift/dpo-train.jsonl").read_text().splitlines()[:2]
    rows = [json.loads(line) for line in lines]
    rows[0]["rejected_response"] = rows[0]["messages"][-1]["content"]
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "planted.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        left, _ = load_dataset(str(path), load_from_cache_file=False)
        same(len(left), 1, "planted: rows left of two")
    checked("as told by validate: a preference between equal answers is deleted")


def trained(inputs: Path, view: str) -> None:
    """Take two steps with its own trainer."""
    from swift import RLHFArguments, SftArguments, rlhf_main, sft_main

    with tempfile.TemporaryDirectory() as out:
        common = {
            **MODEL, "model": str(inputs / "models/qwen25"), "torch_dtype": "float32",
            "dataset": [str(inputs / f"export/swift/{view}-train.jsonl")], "output_dir": out,
            "max_steps": 2, "per_device_train_batch_size": 4, "tuner_type": "full", "logging_steps": 1,
            "save_strategy": "no", "report_to": [], "attn_impl": "sdpa", "dataset_num_proc": 1,
            "dataloader_num_workers": 0, "add_version": False, "gradient_checkpointing": False,
            "load_from_cache_file": False, "strict": True, "freeze_vit": False, "use_cpu": True,
            "gradient_accumulation_steps": 1,
        }  # fmt: skip
        if view == "sft":
            done = sft_main(SftArguments(**common))
        else:
            done = rlhf_main(RLHFArguments(rlhf_type=view, **common))
        losses = [entry["loss"] for entry in done["log_history"] if "loss" in entry]
    same(len(losses), 2, f"{view}: losses {losses}")
    checked(f"{view}: 2 steps of training")


def main() -> None:
    inputs = Path(sys.argv[1])
    os.environ["ROOT_IMAGE_DIR"] = str(inputs / "export/swift")
    for view in ("sft", "dpo", "kto", "grpo"):
        encoded(inputs, view)
    lost(inputs)
    for view in ("sft", "dpo", "kto"):
        trained(inputs, view)
    told("ms-swift")


if __name__ == "__main__":
    main()
