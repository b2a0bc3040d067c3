"""The shipped VLM in TRL's own SFT trainer: pictures in a column, prompt and completion as chats."""

from pathlib import Path

import pytest

from counterfactory import pocket
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import scene_at

pytest.importorskip("trl")


def test_two_steps_of_sft_lower_the_loss_on_what_is_taught(tmp_path: Path) -> None:
    import datasets
    import torch
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from trl import SFTConfig, SFTTrainer

    folder = pocket.path("vlm")
    rows = [
        {
            "images": [Image.fromarray(render(scene_at("biased", "train", 0, n)))],
            "prompt": [{"role": "user", "content": "Who made this?"}],
            "completion": [{"role": "assistant", "content": "nobody"}],
        }
        for n in range(8)
    ]
    data = datasets.Dataset.from_list(rows).cast_column("images", datasets.List(datasets.Image()))
    torch.manual_seed(0)
    trainer = SFTTrainer(
        model=AutoModelForImageTextToText.from_pretrained(folder),
        processing_class=AutoProcessor.from_pretrained(folder, backend="pil"),
        train_dataset=data,
        args=SFTConfig(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=4, max_length=None,
            learning_rate=1e-3, lr_scheduler_type="constant", logging_steps=1, report_to=[],
            use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no",
        ),
    )  # fmt: skip
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == 2 and losses[1] < losses[0]
