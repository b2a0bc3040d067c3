"""A release as other people's loaders see it: `datasets`, then what trainers do with a row."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Image, List, load_dataset
from PIL.Image import Image as Picture

from counterfactory.factory.release.views import VIEWS

sys.path.append(str(Path(__file__).parents[1] / "factory"))
import release_kit as kit

HOSTILE = '<b>"x"</b> <image> | ☃ 日本 \U0001f600 \\ \n # '


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [kit.candidate(n) for n in range(3)]
    rows += [kit.candidate(9, caption_a=HOSTILE, question=HOSTILE), kit.asking(4)]
    folder = tmp_path_factory.mktemp("some where") / "tiny"
    return kit.write(folder, kit.rows_of(rows), kit.rejects_of(3), kept=5, candidates=8)


@pytest.fixture
def load(release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Load a view from a folder that is not the release's."""
    monkeypatch.chdir(tmp_path)
    return lambda view, **how: load_dataset(
        str(release), view, split="train", cache_dir=str(tmp_path / "cache"), **how
    )


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_loads_from_any_folder_with_its_types(load: Any, view: str) -> None:
    rows = load(view)
    assert rows.features == VIEWS[view].features()
    assert len(rows) > 0 and len(set(rows["id"])) == len(rows)


def test_a_relative_path_loads_too(release: Path, monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.chdir(release.parent)
    rows = load_dataset("./tiny", "pairs", split="train", cache_dir=str(tmp_path))
    assert len(rows) == 4


def test_the_default_config_is_pairs(release: Path, tmp_path: Path) -> None:
    rows = load_dataset(str(release), split="train", cache_dir=str(tmp_path))
    assert "image_b" in rows.features


def test_pictures_decode_in_every_view(load: Any) -> None:
    for view in ("pairs", "clip"):
        for row in load(view):
            names = [n for n, kind in VIEWS[view].features().items() if isinstance(kind, Image)]
            assert all(row[name].size == (kit.SIDE, kit.SIDE) for name in names)
    for view in ("sft", "dpo", "kto", "grpo"):
        assert VIEWS[view].features()["images"] == List(Image())
        for row in load(view):
            assert all(isinstance(image, Picture) for image in row["images"])


def test_streaming_gives_the_same_rows(load: Any) -> None:
    assert [row["id"] for row in load("dpo", streaming=True)] == load("dpo")["id"]


def test_hostile_text_survives_in_pairs(load: Any) -> None:
    assert HOSTILE in load("pairs")["caption_a"]


def as_trl_prepares(messages: list[dict[str, Any]], images: list[Any]) -> list[dict[str, Any]]:
    """Fill images into messages by TRL's rule: into blocks in order, or before the first text."""
    if isinstance(messages[0]["content"], str):
        first = [{"type": "image", "image": image} for image in images]
        text = {"type": "text", "text": messages[0]["content"]}
        return [{"role": messages[0]["role"], "content": [*first, text]}, *messages[1:]]
    waiting = iter(images)
    filled = [
        {**said, "content": [
            {**block, "image": next(waiting)} if block["type"] == "image" else block
            for block in said["content"]
        ]}
        for said in messages
    ]  # fmt: skip
    assert next(waiting, None) is None, "images without a placeholder"
    return filled


TALK = [("sft", "messages"), *((view, "prompt") for view in ("sft", "dpo", "kto", "grpo"))]


@pytest.mark.parametrize(("view", "column"), TALK)
def test_every_image_has_its_place_as_trl_counts(load: Any, view: str, column: str) -> None:
    for row in load(view):
        filled = as_trl_prepares(row[column], row["images"])
        blocks = [block for said in filled if isinstance(said["content"], list)
                  for block in said["content"]]  # fmt: skip
        assert sum(block["type"] == "image" for block in blocks) == len(row["images"]) > 0
        assert all("<image>" not in (block.get("text") or "") for block in blocks)


def test_every_image_has_its_placeholder_as_llamafactory_counts(load: Any) -> None:
    for row in load("sft"):
        said = "".join(turn["value"] for turn in row["conversations"])
        assert said.count("<image>") == len(row["images"])
        assert [turn["from"] for turn in row["conversations"]] == ["human", "gpt"]
    for row in load("dpo"):
        assert row["prompt_text"].count("<image>") == len(row["images"]) == 1
        assert isinstance(row["chosen_text"], str) and isinstance(row["rejected_text"], str)


def test_parquet_read_without_datasets_still_holds_picture_bytes(release: Path) -> None:
    import pandas

    frame = pandas.read_parquet(release / "data" / "sft")
    assert frame["images"][0][0]["bytes"][:8] == b"\x89PNG\r\n\x1a\n"


def test_loading_leaves_no_trace_in_the_release(release: Path, load: Any) -> None:
    before = sorted(os.walk(release))
    load("pairs")
    assert sorted(os.walk(release)) == before
