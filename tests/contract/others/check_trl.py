"""TRL trains on the views as they are: SFT, DPO, KTO and GRPO, two steps each, three kinds of model.

    python tests/contract/others/check_trl.py INPUTS [MODEL ...]

Rows come from `load_dataset` and go to the trainers without any change. Of the layouts in `sft` TRL
prefers `messages`, and refuses them under its default loss on completions: as it is, the view needs
`completion_only_loss=False`; without the column `messages` it trains on completions by default.
"""

import math
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset, load_dataset
from said import checked, same, told
from transformers import AutoModelForImageTextToText, AutoProcessor
from trl import (
    DPOConfig,
    DPOTrainer,
    GRPOConfig,
    GRPOTrainer,
    KTOConfig,
    KTOTrainer,
    SFTConfig,
    SFTTrainer,
)

COMMON = {
    "max_steps": 2, "per_device_train_batch_size": 4, "report_to": [], "use_cpu": True,
    "bf16": False, "gradient_checkpointing": False, "save_strategy": "no", "logging_steps": 1,
    "learning_rate": 1e-4, "disable_tqdm": True,
}  # fmt: skip


def named(completions: list[Any], answer: list[str], **_: Any) -> list[float]:
    """Reward the first letter: something that differs."""
    said = [one[0]["content"] for one in completions]
    return [
        float(text[:1] == right[:1]) + len(text) % 3
        for text, right in zip(said, answer, strict=True)
    ]


def sft(model: Any, processor: Any, rows: Dataset, out: str) -> Any:
    config = SFTConfig(output_dir=out, max_length=None, completion_only_loss=False, **COMMON)
    return SFTTrainer(model=model, processing_class=processor, train_dataset=rows, args=config)


def sft_completions(model: Any, processor: Any, rows: Dataset, out: str) -> Any:
    config = SFTConfig(output_dir=out, max_length=None, **COMMON)
    asked = rows.remove_columns("messages")
    return SFTTrainer(model=model, processing_class=processor, train_dataset=asked, args=config)


def dpo(model: Any, processor: Any, rows: Dataset, out: str) -> Any:
    config = DPOConfig(output_dir=out, max_length=None, **COMMON)
    return DPOTrainer(model=model, processing_class=processor, train_dataset=rows, args=config)


def kto(model: Any, processor: Any, rows: Dataset, out: str) -> Any:
    config = KTOConfig(output_dir=out, max_length=None, **COMMON)
    return KTOTrainer(model=model, processing_class=processor, train_dataset=rows, args=config)


def grpo(model: Any, processor: Any, rows: Dataset, out: str) -> Any:
    config = GRPOConfig(output_dir=out, num_generations=2, max_completion_length=6, **COMMON)
    return GRPOTrainer(
        model=model, processing_class=processor, train_dataset=rows, args=config, reward_funcs=named
    )


TRAINERS: dict[str, tuple[str, Callable[..., Any]]] = {
    "SFT on the view as it is": ("sft", sft),
    "SFT on completions": ("sft", sft_completions),
    "DPO": ("dpo", dpo),
    "KTO": ("kto", kto),
    "GRPO": ("grpo", grpo),
}


def trained(inputs: Path, name: str, trainer: str) -> None:
    view, make = TRAINERS[trainer]
    folder = inputs / "models" / name
    pinned = {} if name == "qwen25" else {"backend": "pil"}
    with tempfile.TemporaryDirectory() as out:
        rows = load_dataset(str(inputs / "release"), view, split="train", cache_dir=out)
        model = AutoModelForImageTextToText.from_pretrained(folder)
        made = make(model, AutoProcessor.from_pretrained(folder, **pinned), rows, out)
        made.train()
        same(len(made.train_dataset), len(rows), f"{trainer}: rows")
        losses = [entry["loss"] for entry in made.state.log_history if "loss" in entry]
    same((len(losses), all(map(math.isfinite, losses))), (2, True), f"{trainer}: losses {losses}")
    checked(f"{trainer}, tiny {name}: 2 steps", rows=len(rows))


def main() -> None:
    inputs, *names = Path(sys.argv[1]), *sys.argv[2:]
    for name in names or ("llava", "idefics3", "qwen25"):
        for trainer in TRAINERS:
            trained(inputs, name, trainer)
    told("trl")


if __name__ == "__main__":
    main()
