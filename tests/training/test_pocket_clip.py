"""The pocket CLIP: what it learns from, a tiny training, and the weights that ship."""

import os
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from counterfactory import pocket
from counterfactory.factory.world.scene import KINDS, split_of
from counterfactory.models.clip import load_clip
from counterfactory.training.pocket import clip, clip_data, clip_quality
from counterfactory.training.pocket.clip_words import LENGTH, write_tokenizer


def train(folder: Path, stop_after: int | None = None) -> None:
    clip.train(
        out=folder,
        checkpoint=folder.with_suffix(".pt"),
        steps=4,
        batch=9,
        device="cpu",
        quiet=True,
        stop_after=stop_after,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("clip") / "whole"
    train(place)
    return place


def test_only_training_scenes_are_drawn_and_unusual_colours_are_common() -> None:
    rng = np.random.default_rng(0)
    scenes = [clip_data.draw_scene(rng, 0) for _ in range(100)]
    assert {split_of(scene) for scene in scenes} == {"train"}
    rare = [any(t.usual is False for t in scene.things) for scene in scenes]
    assert 0.45 < np.mean(rare) < 0.8


def test_a_near_miss_differs_from_the_scene_in_what_is_there_or_where() -> None:
    rng, talk = np.random.default_rng(0), random.Random(0)
    for _ in range(60):
        scene = clip_data.draw_scene(rng, 0)
        assert sorted(map(str, clip_data.change(scene.things, talk))) != sorted(
            map(str, scene.things)
        ) or len({(t.kind, t.colour, t.size) for t in scene.things}) < len(scene.things)


def test_near_misses_do_not_give_themselves_away_by_their_colours() -> None:
    """A reader that trusts usual colours would be right no more often than wrong."""
    rng, talk = np.random.default_rng(0), random.Random(0)
    more = fewer = 0
    for _ in range(400):
        scene = clip_data.draw_scene(rng, 0)
        wrong = clip_data._recolour(list(scene.things), talk)
        gain = sum(bool(t.usual) for t in wrong) - sum(bool(t.usual) for t in scene.things)
        more, fewer = more + (gain > 0), fewer + (gain < 0)
    assert 0.6 < more / fewer < 1.6


def test_a_crop_keeps_its_thing_and_an_empty_crop_has_none() -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        whole = clip_data.view(clip_data.draw_scene(rng, 0))
        one, thing = clip_data.thing_crop(whole, rng)
        label = 1 + whole.things.index(thing)
        assert (one.labels == label).mean() > 0.03
        if empty := clip_data.empty_crop(whole, rng):
            assert (empty.labels > 0).mean() < 0.08


def test_patch_labels_name_the_thing_that_covers_the_patch() -> None:
    whole = clip_data.view(clip_data.draw_scene(np.random.default_rng(3), 0))
    labels = clip_data.patch_labels(whole, 8).reshape(8, 8)
    for index, thing in enumerate(whole.things):
        around = labels[
            max(0, thing.y // 16 - 1) : thing.y // 16 + 2,
            max(0, thing.x // 16 - 1) : thing.x // 16 + 2,
        ]
        assert index + 1 in around


def test_every_word_of_the_world_is_one_token(tmp_path: Path) -> None:
    import open_clip

    write_tokenizer(tmp_path)
    clip.write_folder(tmp_path)
    tokenizer = open_clip.get_tokenizer(f"local-dir:{tmp_path}")
    ids = tokenizer([f"two large purple {kind}." for kind in KINDS])
    assert ids.shape == (len(KINDS), LENGTH)
    assert (ids != 0).sum(1).tolist() == [7] * len(KINDS)
    assert not (ids == 1).any()


def test_training_sees_and_reads_as_open_clip_does(folder: Path) -> None:
    import open_clip

    model, _, _ = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    student = clip.Student(model.eval())
    pixels = torch.randint(0, 256, (3, 3, 128, 128), dtype=torch.uint8)
    ids = open_clip.get_tokenizer(f"local-dir:{folder}")(
        ["a red sun", "nothing", "two blue rings."]
    )
    with torch.no_grad():
        assert torch.allclose(
            student.see(pixels)[1],
            model.encode_image((pixels.float() / 255 - 0.5) / 0.25),
            atol=1e-5,
        )
        assert torch.allclose(student.say(ids[:, :8]), model.encode_text(ids), atol=1e-5)


def test_a_training_in_parts_ends_with_the_same_weights(folder: Path, tmp_path: Path) -> None:
    for stop in (1, 2, 1):
        train(tmp_path / "parts", stop)
    one, other = (
        load_file(f / "open_clip_model.safetensors") for f in (folder, tmp_path / "parts")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_the_folder_loads_from_any_working_directory(folder: Path, tmp_path: Path) -> None:
    here = Path.cwd()
    os.chdir(tmp_path)
    try:
        encoder = load_clip(str(folder))
    finally:
        os.chdir(here)
    assert np.allclose((encoder.texts(["a red sun", "nothing"]) ** 2).sum(1), 1, atol=1e-5)


@pytest.mark.skipif("clip" not in pocket.names(), reason="the pocket CLIP is not installed")
def test_the_shipped_weights_meet_their_mark() -> None:
    folder = pocket.path("clip")
    assert (folder / "open_clip_model.safetensors").stat().st_size <= 5_000_000
    found = clip_quality.measure(folder, num_scenes=100, seed=2)
    assert found["swap_colour"] >= 0.9
    assert found["swap_kind"] >= 0.9
    assert found["recall_1"] >= 0.7
