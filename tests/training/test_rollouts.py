"""Rollouts that compute a prompt once: the same answers as TRL's own, from the same seed."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tests import tiny_vlm

pytest.importorskip("trl")
BUILDERS = {
    "llava": tiny_vlm.llava, "idefics3": tiny_vlm.idefics3,
    "smolvlm": tiny_vlm.smolvlm, "qwen25": tiny_vlm.qwen25, "gemma3": tiny_vlm.gemma3,
}  # fmt: skip
GROUP = 3
ASKED = ("Is there a red ball?", "How many stars are there? One or two?")


def picture(seed: int) -> Image.Image:
    pixels = torch.randint(0, 255, (32, 32, 3), generator=torch.Generator().manual_seed(seed))
    return Image.fromarray(pixels.to(torch.uint8).numpy())


def trainer_of(model: Path, out: Path) -> Any:
    from datasets import Dataset
    from trl import GRPOConfig

    from counterfactory.training.group_trainer import GroupTrainer
    from counterfactory.training.lagrange import Multiplier
    from counterfactory.training.outfit import load_outfit

    outfit = load_outfit(str(model), device="cpu")
    return GroupTrainer(
        model=outfit.model, processing_class=outfit.processor,
        reward_funcs=[lambda completions, **_: [0.0] * len(completions)] * 2,
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Why?"}]}] * 4),
        multiplier=Multiplier(), patience=1,
        args=GRPOConfig(
            output_dir=str(out), num_generations=GROUP, per_device_train_batch_size=2 * GROUP,
            max_completion_length=7, use_cpu=True, bf16=False, report_to=[], temperature=0.7,
            gradient_checkpointing=False,
        ),
    )  # fmt: skip


def prompts_with(images: list[list[Image.Image]]) -> list[Any]:
    found = []
    for text, some in zip(ASKED, images, strict=True):
        blocks = [{"type": "image", "image": image} for image in some]
        found += [[{"role": "user", "content": [*blocks, {"type": "text", "text": text}]}]] * GROUP
    return found


@pytest.mark.parametrize("family", BUILDERS)
def test_the_same_seed_gives_the_answers_of_trl(family: str, tmp_path: Path) -> None:
    if family == "qwen25":
        pytest.importorskip("torchvision")
    from counterfactory.training.rollouts import rollouts

    trainer = trainer_of(BUILDERS[family](tmp_path), tmp_path / "out")
    for images in ([[picture(1)], [picture(2)]], [[picture(1)], []], [[], []]):
        made = []
        for rollout in (None, rollouts):
            trainer.rollout_func = rollout
            trainer.model.train()
            torch.manual_seed(5)
            asked, answers, *_ = trainer._generate(prompts_with(images))
            made.append(([list(ids) for ids in asked], [list(ids) for ids in answers]))
        assert made[0] == made[1]
        assert len({tuple(answer) for answer in made[0][1]}) > 1


def test_the_tower_sees_each_picture_once(tmp_path: Path) -> None:
    from counterfactory.training.rollouts import rollouts

    trainer = trainer_of(tiny_vlm.llava(tmp_path), tmp_path / "out")
    seen: list[int] = []
    tower = next(
        part for name, part in trainer.model.named_modules() if name.endswith("vision_tower")
    )
    tower.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(len(args[0])), with_kwargs=True
    )
    for rollout in (None, rollouts):
        trainer.rollout_func = rollout
        trainer._generate(prompts_with([[picture(1)], [picture(2)]]))
    assert seen == [2 * GROUP, 2]
