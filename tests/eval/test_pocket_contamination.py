"""No release can hold what the pocket suites ask about: split by split, scene by scene, by looks."""

from itertools import islice
from pathlib import Path

import pytest

from counterfactory.eval.items import SPLITS, Item, Suite
from counterfactory.eval.suites.index import main, scenes, write_index
from counterfactory.eval.suites.pocket import pocket, pocket_quick
from counterfactory.factory.checks.contamination import SHIPPED, read_index
from counterfactory.factory.checks.likeness import signature
from counterfactory.factory.sources.world import World
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import SPLITS as BUCKETS
from counterfactory.factory.world.scene import scene_at
from counterfactory.images import decode, png

Drawn = dict[str, list[Item]]  # task -> its items


def bucket(fingerprint: str) -> int:
    return int(fingerprint[:8], 16) % 100


def all_of(suite: Suite, split: str) -> Drawn:
    return {task.name: list(task.items(split)) for task in suite.tasks}


@pytest.fixture(scope="module")
def quick() -> dict[str, Drawn]:
    return {split: all_of(pocket_quick(), split) for split in SPLITS}


@pytest.fixture(scope="module")
def full() -> Drawn:
    return all_of(pocket(), "gate")


def test_splits_share_no_scene_with_each_other_nor_with_the_training_split(
    quick: dict[str, Drawn], full: Drawn
) -> None:
    for split, drawn in (*quick.items(), ("gate", full)):
        low, high = BUCKETS[split]
        found = {f for items in drawn.values() for item in items for f in item.fingerprints}
        assert len(found) > 100
        assert all(low <= bucket(fingerprint) < high for fingerprint in found)


def test_no_recipe_source_can_draw_a_scene_of_a_suite() -> None:
    index = read_index("shipped", 4).scenes
    assert len(index) > 5000
    low, high = BUCKETS["train"]
    assert not any(low <= bucket(fingerprint) < high for fingerprint in index)
    for setting in ({}, {"requests": True}, {"distribution": "shifted", "oracle": True}):
        opened = World(n=60, questions=0, **setting).open(Path(), seed=1)
        for number in range(60):
            drawn = opened.load(number).fingerprint
            assert low <= bucket(drawn) < high and drawn not in index


def test_the_shipped_index_names_the_scenes_of_both_suites(
    quick: dict[str, Drawn], full: Drawn
) -> None:
    index = read_index("shipped", 4).scenes
    for drawn in (*quick.values(), full):
        missing = {
            f for items in drawn.values() for item in items for f in item.fingerprints
        } - index
        assert not missing, "run python -m counterfactory.eval.suites.index"


def test_the_shipped_index_is_small_and_knows_the_pictures_by_their_looks(full: Drawn) -> None:
    assert SHIPPED.stat().st_size < 1_500_000
    pictures = read_index("shipped", 4).pictures
    for item in full["request_image/shifted"][:40]:
        assert pictures.near(signature(decode(item.images[0])))[0][0] == 0


@pytest.mark.slow
def test_the_shipped_index_is_what_the_suites_give(tmp_path: Path) -> None:
    write_index(tmp_path / "again.jsonl.gz")
    shipped, again = read_index("shipped", 4), read_index(str(tmp_path / "again.jsonl.gz"), 4)
    assert shipped.scenes == again.scenes and len(shipped.pictures) == len(again.pictures)


def test_each_scene_is_in_the_index_once() -> None:
    found = list(islice(scenes("pocket-quick"), 200))
    assert len({fingerprint for *_, fingerprint in found}) == 200


def test_any_suite_can_have_an_index(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos, out = tmp_path / "photos", tmp_path / "photos.jsonl.gz"
    photos.mkdir()
    pixels = render(scene_at("biased", "train", 5, 1))
    for name, data in (("a", png(pixels)), ("again", png(pixels)), ("torn", b"no picture")):
        (photos / f"{name}.png").write_bytes(data)
    assert main([f"folder:{photos}", str(out)]) == 0
    index = read_index(str(out), 4)
    assert len(index.pictures) == 1 and index.pictures.near(signature(pixels)) and not index.scenes
    assert main(["pockt", str(out)]) == 2
    assert "did you mean 'pocket'" in capsys.readouterr().err
    with pytest.raises(SystemExit):  # the shipped one stays what it is
        main([f"folder:{photos}"])


def test_few_pictures_that_recipes_draw_look_like_one_of_a_suite() -> None:
    pictures = read_index("shipped", 4).pictures
    alike = sum(
        bool(pictures.near(signature(render(scene_at("biased", "train", 5, i)))))
        for i in range(400)
    )
    assert alike <= 6
