"""LLaMA-Factory trains on a release as it is: `dataset_info.json` names the views it reads.

    python tests/contract/others/check_llamafactory.py INPUTS

Its own loader and template are asked first (no row lost, as many pictures as placeholders), then
its own command trains two steps of SFT and of DPO, which is where rows are collated.
"""

import math
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from said import checked, same, told

COMMON = {
    "template": "qwen2_vl", "cutoff_len": 2048, "report_to": "none", "max_steps": 2,
    "per_device_train_batch_size": 4, "logging_steps": 1, "save_strategy": "no", "do_train": True,
    "finetuning_type": "full", "freeze_vision_tower": False, "use_cpu": True, "seed": 0,
    "overwrite_output_dir": True, "preprocessing_num_workers": 1, "learning_rate": 1e-4,
    "trust_remote_code": False, "image_max_pixels": 4096, "image_min_pixels": 256,
}  # fmt: skip


def arguments(inputs: Path, out: str, stage: str) -> dict[str, Any]:
    view = {"sft": "sft", "dpo": "dpo"}[stage]
    return {
        **COMMON, "stage": stage, "model_name_or_path": str(inputs / "models/qwen25"),
        "dataset_dir": str(inputs / "release"), "dataset": f"tiny_{view}", "output_dir": out,
    }  # fmt: skip


def loaded(inputs: Path, stage: str, out: str) -> None:
    """Read a view as its trainer does and count what arrives."""
    from llamafactory.data import get_dataset, get_template_and_fix_tokenizer
    from llamafactory.hparams import get_train_args
    from llamafactory.model import load_tokenizer

    model, data, training, _, _ = get_train_args(arguments(inputs, out, stage))
    module = load_tokenizer(model)
    template = get_template_and_fix_tokenizer(module["tokenizer"], data)
    kind = "rm" if stage == "dpo" else "sft"
    rows = get_dataset(template, model, data, training, stage=kind, **module)["train_dataset"]
    stored = pq.read_table(inputs / "release/data" / stage, columns=["images"])["images"]
    same(len(rows), len(stored), f"{stage}: rows")
    same(sorted(len(row["images"]) for row in rows), sorted(map(len, stored.to_pylist())), "images")
    token = module["tokenizer"].convert_tokens_to_ids("<|vision_start|>")
    for row in rows:
        for ids in (row[name] for name in row if name.endswith("input_ids")):
            same(list(ids).count(token), len(row["images"]), f"{stage}: placeholders in a row")
    total = sum(len(row["images"]) for row in rows)
    checked(f"{stage}: all rows read, as many placeholders as images", rows=len(rows), images=total)


def trained(inputs: Path, stage: str, out: str) -> None:
    """Train two steps with its own trainer and collator."""
    import json

    from llamafactory.train.tuner import run_exp

    run_exp(arguments(inputs, out, stage))
    log = [json.loads(line) for line in (Path(out) / "trainer_log.jsonl").read_text().splitlines()]
    losses = [entry["loss"] for entry in log if "loss" in entry]
    same((len(losses), all(map(math.isfinite, losses))), (2, True), f"{stage}: losses {losses}")
    checked(f"{stage}: 2 steps of training")


def main() -> None:
    inputs = Path(sys.argv[1])
    for stage in ("sft", "dpo"):
        out = tempfile.mkdtemp()
        loaded(inputs, stage, out)
        trained(inputs, stage, out)
        shutil.rmtree(out)
    told("llamafactory")


if __name__ == "__main__":
    main()
