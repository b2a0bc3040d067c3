"""Rows from releases: pictures decode, releases follow each other, what is missing is named."""

from collections import Counter
from pathlib import Path

import pytest
from PIL.Image import Image as Picture
from tests import releases, tiny_vlm

from counterfactory.errors import UserError
from counterfactory.training.data import by_release, check_rows, describe, load_view, mixed
from counterfactory.training.replayed import drawn
from counterfactory.training.train import rows_for


def test_a_view_loads_with_decoded_pictures_and_its_release(world_qa: Path) -> None:
    rows = load_view([str(world_qa)], "sft")
    assert isinstance(rows[0]["images"][0], Picture) and rows[0]["prompt"][0]["role"] == "user"
    assert set(rows["release"]) == {str(world_qa)}


def test_releases_follow_each_other_in_the_order_given(world_qa: Path, world_safety: Path) -> None:
    both = load_view([str(world_safety), str(world_qa)], "dpo")
    one, two = (load_view([str(folder)], "dpo") for folder in (world_safety, world_qa))
    assert both["id"] == [*one["id"], *two["id"]]
    assert both[len(one)]["release"] == str(world_qa)


def test_a_missing_view_is_named_with_those_there_are(world_safety: Path) -> None:
    with pytest.raises(UserError, match=r"world-safety'?: found no view 'sft', it has dpo \(\d+"):
        load_view([str(world_safety)], "sft")


@pytest.mark.parametrize("release", ["no/such/folder/here", "./nowhere", "nowhere"])
def test_a_folder_that_is_not_there_is_named(release: str) -> None:
    with pytest.raises(UserError, match="nowhere|no/such/folder/here"):
        load_view([release], "sft")


def test_a_release_on_the_hub_that_cannot_be_had_is_one_line() -> None:
    with pytest.raises(UserError, match=r"release 'nobody/nothing@v1': cannot be had") as raised:
        load_view(["nobody/nothing@v1"], "sft")
    assert "\n" not in str(raised.value)


def test_a_view_is_read_from_the_releases_that_hold_it(
    world_qa: Path, world_safety: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both = [str(world_safety), str(world_qa)]
    assert set(rows_for(both, ("sft",))["release"]) == {str(world_qa)}
    assert caplog.messages == [f"{world_safety}: holds no view sft, nothing is read from it"]
    with pytest.raises(UserError, match="found no view 'clip'"):
        rows_for(both, ("clip",))


def test_several_views_come_as_a_mapping_and_optional_ones_may_be_missing(
    world_qa: Path, world_safety: Path
) -> None:
    rows = rows_for([str(world_qa), str(world_safety)], ("grpo", "kto?", "clip?"))
    assert set(rows) == {"grpo", "kto"}
    assert set(rows["kto"]["release"]) == {str(world_safety)}
    with pytest.raises(UserError, match="found no view 'kto'"):
        rows_for([str(world_qa)], ("grpo", "kto"))


def test_replay_makes_up_its_share_and_is_repeatable(world_qa: Path) -> None:
    rows = load_view([str(world_qa)], "sft")
    few, old = rows.select(range(30)), rows.select(range(100, 110))
    made = mixed(few, old, 0.4, seed=1)
    assert len(made) == 50 and made["id"][:30] == few["id"]
    assert all(made["id"][30:].count(name) == 2 for name in old["id"])
    assert made["id"] == mixed(few, old, 0.4, seed=1)["id"] != mixed(few, old, 0.4, seed=2)["id"]
    assert len(mixed(few, old, 0.0, seed=1)) == 30


def test_replay_takes_as_much_of_a_small_release_as_of_a_large_one(
    world_qa: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    small = releases.built(tmp_path_factory, "world-qa", samples=6)
    both = load_view([str(world_qa), str(small)], "sft")
    some = load_view([str(world_qa)], "sft").select(range(40))
    assert Counter(mixed(some, both, 0.5, seed=1)["release"][40:]) == {
        str(world_qa): 20,
        str(small): 20,
    }
    places = by_release(both)
    assert len(places[0]) > 2 * len(places[1])
    for step in range(20):
        assert sum(at in places[1] for at in drawn(places, 7, 0, step)) in (3, 4)


def test_an_empty_set_is_one_line(world_qa: Path) -> None:
    with pytest.raises(UserError, match="no rows to train on"):
        check_rows(load_view([str(world_qa)], "sft").select([]))


def said(*texts: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text} for text in texts]


def test_the_models_image_token_in_a_text_is_refused_with_its_row(world_qa: Path) -> None:
    from datasets import Dataset

    row = {"images": [], "prompt": said("What is <image>?"), "completion": said("a"), "id": "r7"}
    with pytest.raises(UserError, match=r"row r7: its text holds '<image>', the model's own"):
        check_rows(Dataset.from_list([row]), tiny_vlm.IMAGE)
    check_rows(Dataset.from_list([row]), "<|image_pad|>")


def test_a_wrong_image_count_is_refused_with_its_row() -> None:
    from datasets import Dataset

    blocks = [
        {"role": "user", "content": [{"type": "image", "text": ""}, {"type": "image", "text": ""}]}
    ]
    rows = Dataset.from_list([{"images": ["one.png"], "messages": blocks, "id": "r8"}])
    with pytest.raises(UserError, match=r"row r8: found 2 image blocks for 1 images"):
        check_rows(rows, talks=("messages",))


def test_a_run_knows_its_data_by_content_not_by_place(world_qa: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(world_qa, copy)
    one, two = describe(str(world_qa), ["sft"]), describe(str(copy), ["sft"])
    assert one["data"] == two["data"] != describe(str(world_qa), ["dpo"])["data"]
    assert one["contamination"] == ["shipped"] and one["views"]["sft"] > 100
