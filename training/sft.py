"""Supervised fine-tuning on the `sft` view: prompt, images, completion; loss on the completion only.

    counterfactory train sft pocket --data runs/world-qa --out runs/sft
    counterfactory train sft llava-hf/llava-1.5-7b-hf --data ... --set lora=true --set lr=2e-4

TRL's SFTTrainer does the work. `--replay RELEASE` mixes in rows that keep old abilities. The rows of a
step have like lengths (lengths.py): little is computed for padding.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from counterfactory.training.data import check_rows, load_view, mixed
from counterfactory.training.lengths import in_order
from counterfactory.training.outfit import Outfit
from counterfactory.training.record import Recorder
from counterfactory.training.settings import Common, Replay
from counterfactory.training.trainer import arguments, run

if TYPE_CHECKING:
    from datasets import Dataset


class Settings(Replay, Common):
    """Defaults for the pocket model.

    LLaVA-1.5-7B as published: one epoch, lr 2e-5 (LoRA rank 128, alpha 256: 2e-4), 128 rows a step,
    cosine, warmup 0.03, no weight decay. R3V's for Qwen-VL: LoRA rank 64, alpha 16, lr 3e-5, vision
    frozen, 64 rows, constant, warmup 0.1.
    """


def sft(
    outfit: Outfit, rows: "Dataset", settings: Settings, work: Path, recorder: Recorder
) -> dict[str, float]:
    """Train on prompt and completion."""
    from trl import SFTConfig, SFTTrainer

    if settings.replay:
        old = load_view(settings.replay, "sft")
        rows = mixed(rows, old, settings.replay_share, settings.seed)
    check_rows(rows, outfit.image_token)
    rows = in_order(rows, settings)
    trainer = SFTTrainer(
        model=outfit.model,
        processing_class=outfit.processor,
        train_dataset=rows.select_columns(["images", "prompt", "completion"]),
        args=arguments(
            SFTConfig,
            outfit,
            settings,
            work,
            max_length=settings.max_length,
            train_sampling_strategy="sequential",
        ),  # fmt: skip
    )
    # Every token weighs the same in all of a step's batches and processes. Qwen2.5-VL and Gemma 3 say
    # that their own loss cannot; here the loss is TRL's, which can.
    trainer.model_accepts_loss_kwargs = True
    return run(trainer, outfit, recorder)
