"""Pocket inpainting: its crops, a training that goes on where it stopped, and a folder that diffusers loads."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from counterfactory.factory.world.scene import COLOURS, KINDS
from counterfactory.training.pocket import crops, inpaint

TINY = {
    "inpaint-vae": replace(inpaint.VAE_PLAN, steps=3, batch=2),
    "inpaint-unet": replace(inpaint.UNET_PLAN, steps=3, batch=2),
}


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make both stages three steps long."""
    monkeypatch.setattr(inpaint, "VAE_PLAN", TINY["inpaint-vae"])
    monkeypatch.setattr(inpaint, "UNET_PLAN", TINY["inpaint-unet"])


def test_crops_show_usual_and_unusual_colours_about_equally_often() -> None:
    drawn = list(itertools.islice(crops.crops(0), 1500))
    named = [crop.prompt.split() for crop in drawn if crop.prompt not in crops.EMPTY_PROMPTS]
    suns = Counter(w for words in named if "sun" in words for w in words if w in COLOURS)
    assert len(suns) == len(COLOURS)
    assert suns["yellow"] < 3 * sum(suns.values()) / len(COLOURS)
    assert 0.1 < 1 - len(named) / len(drawn) < 0.3
    assert all(any(kind in words for kind in KINDS) for words in named)


def test_the_hole_of_a_crop_covers_what_its_prompt_names() -> None:
    for crop in itertools.islice(crops.crops(1), 60):
        around = crop.image[~crop.mask].astype(int)
        inside = crop.image[crop.mask].astype(int)
        ground = np.median(around, axis=0)
        differs = np.abs(inside - ground).max(axis=1) > 60
        assert (differs.mean() > 0.03) != (crop.prompt in crops.EMPTY_PROMPTS), crop.prompt


def test_every_word_of_the_world_is_one_token() -> None:
    tokenizer = inpaint.build_tokenizer()
    assert all(len(tokenizer(word).input_ids) == 3 for word in inpaint.WORDS)


def test_a_training_that_was_stopped_ends_with_the_same_weights(tmp_path: Path) -> None:
    place = torch.device("cpu")
    plan, steps = TINY["inpaint-vae"], TINY["inpaint-unet"]
    vae, _ = inpaint.train_vae(plan, tmp_path / "vae.pt", place, quiet=True)
    for _ in range(plan.steps):
        again, _ = inpaint.train_vae(plan, tmp_path / "vae2.pt", place, quiet=True, stop_after=1)
    assert same(vae, again)
    whole, _ = inpaint.train_unet(steps, vae, tmp_path / "unet.pt", place, quiet=True)
    for _ in range(steps.steps):
        parts, _ = inpaint.train_unet(
            steps, vae, tmp_path / "unet2.pt", place, quiet=True, stop_after=1
        )
    assert same(whole["unet"], parts["unet"]) and same(whole["text_encoder"], parts["text_encoder"])


def same(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Whether two modules hold equal weights, but for the last bits that a convolution's rounding decides.

    Three steps move a weight by about 1e-4; a training that began anew each time would lie that far off.
    """
    weights = other.state_dict()
    gaps = torch.cat(
        [(value - weights[name]).abs().flatten() for name, value in one.state_dict().items()]
    )
    return float(gaps.mean()) < 5e-6


def test_the_folder_loads_and_repaints_only_the_hole(tiny: None, tmp_path: Path) -> None:
    from counterfactory.models.inpaint import load_inpainter

    inpaint.train(
        out=tmp_path / "m", checkpoint=tmp_path / "c" / "inpaint.pt", device="cpu", quiet=True
    )
    inpainter = load_inpainter(str(tmp_path / "m"))
    image = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)
    mask = np.zeros((128, 128), bool)
    mask[40:80, 30:70] = True
    made = inpainter.inpaint(
        [image], [mask], ["a large red sun"], [7], steps=2, guidance=1.5, crop_padding=8
    )[0]
    again = inpainter.inpaint(
        [image], [mask], ["a large red sun"], [7], steps=2, guidance=1.5, crop_padding=8
    )[0]
    back = inpainter.round_trip([image], [mask], crop_padding=8)[0]
    assert inpainter.native_size == crops.CROP
    assert (made == again).all()
    assert (made[~mask] == image[~mask]).all() and (back[~mask] == image[~mask]).all()
    assert (made[mask] != image[mask]).any()
