"""`validate --target` says of each row what a trainer would drop, change or crash on."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.factory.release.targets import TARGETS, target_problems
from counterfactory.factory.release.views import VIEWS

sys.path.append(str(Path(__file__).parent))
import release_kit as kit

Change = Callable[[dict[str, Any]], Any]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = kit.rows_of([kit.candidate(0), kit.candidate(1), kit.asking(5)])
    return kit.write(tmp_path_factory.mktemp("targets") / "tiny", rows)


def changed(release: Path, folder: Path, view: str, change: Change) -> str:
    """A copy of the release with the first row of a view changed; return that row's id."""
    shutil.copytree(release, folder)
    path = next((folder / "data" / view).glob("*.parquet"))
    rows = pq.read_table(path).to_pylist()
    change(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, schema=VIEWS[view].schema()), path)
    return str(rows[0]["id"])


def said(folder: Path, target: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for place, text in target_problems(folder, target):
        found[place] = f"{found[place]}\n{text}" if place in found else text
    return found


@pytest.mark.parametrize("target", ["trl", "llamafactory", "swift", "verl", "openrlhf", "internvl",
                                    "webdataset", "openclip-csv", "negclip", "coco"])  # fmt: skip
def test_a_good_release_has_nothing_to_tell(release: Path, target: str) -> None:
    assert said(release, target) == {}


@pytest.mark.parametrize("target", ["axolotl", "llava"])
def test_rows_with_two_images_are_told_of_where_one_is_read(release: Path, target: str) -> None:
    found = said(release, target)
    two = {
        row["id"]
        for row in pq.read_table(release / "data/sft").to_pylist()
        if len(row["images"]) == 2
    }
    assert found.keys() == {f"sft/{row_id}" for row_id in two}
    assert all("has 2 images" in text for text in found.values())


def test_moved_objects_are_told_of_for_coco(tmp_path: Path) -> None:
    moved = next(n for n in range(9) if kit.KINDS[n % len(kit.KINDS)] == "move")
    folder = kit.write(tmp_path / "r", kit.rows_of([kit.candidate(0), kit.candidate(moved)]))
    (text,) = said(folder, "coco").values()
    assert text.startswith("was moved")


def talk(text: str) -> Change:
    return lambda row: row["conversations"][0].update(value=text)


def ask(text: str) -> Change:
    return lambda row: row["prompt"][0].update(content=text)


LONG = "a red box beside " * 30
PLANTED = [
    ("trl", "sft", lambda row: row.update(images=None), "images is null"),
    ("trl", "sft", lambda row: row["images"].append(row["images"][0]), "2 images, but 1 image blocks"),
    ("trl", "sft", ask("<image>what?"), "TRL puts images in itself"),
    ("trl", "dpo", lambda row: row["chosen"][0].update(content="<image>"), "TRL puts images in itself"),
    ("trl", "dpo", lambda row: row.update(prompt=[]), "prompt is empty"),
    ("trl", "kto", lambda row: row.update(images=None), "images is null"),
    ("llamafactory", "sft", talk("what?"), "1 images, but 0 <image>; LLaMA-Factory raises"),
    ("llamafactory", "sft", talk("<image>what <video>?"), "<video> or <audio> in a text"),
    ("llamafactory", "sft", lambda row: row["conversations"][0].update({"from": "user"}),
     "turns are of user, gpt, expected human and gpt in turn; LLaMA-Factory skips"),
    ("llamafactory", "sft", lambda row: row["conversations"].pop(), "turns are of human"),
    ("llamafactory", "dpo", lambda row: row.update(rejected_text=""), "nothing to rank"),
    ("swift", "sft", talk("<image><image>what?"), "1 images, but 2 <image>; ms-swift fills"),
    ("swift", "dpo", lambda row: row.update(rejected_text=row["chosen_text"]), "ms-swift deletes"),
    ("swift", "kto", ask("a <image> of"), "0 images, but 1 <image>"),
    ("axolotl", "sft", lambda row: row.update(images=[]), "has no image; axolotl"),
    ("axolotl", "dpo", ask("<image>"), "TRL puts images in itself"),
    ("verl", "grpo", ask("what <audio>?"), "verl skips such a row without an error"),
    ("verl", "grpo", ask("word " * 1100), "a prompt of 1100 words; verl drops"),
    ("verl", "sft", talk("what?"), "verl fails"),
    ("verl", "sft", talk("<image>a <video>"), "verl looks for one and fails"),
    ("openrlhf", "grpo", ask("<image>"), "OpenRLHF makes an image of it"),
    ("llava", "sft", lambda row: row["conversations"].reverse(), "LLaVA fails (KeyError"),
    ("internvl", "sft", talk("what?"), "trains on another row in its place"),
    ("internvl", "dpo", lambda row: row.update(prompt_text="what?"), "another row"),
    ("webdataset", "clip", lambda row: row["image"].update(bytes=b"GIF89a..."),
     "image is gif, not png, jpg, webp; open_clip drops the row"),
    ("webdataset", "clip", lambda row: row.update(caption=" "), "open_clip trains on an empty text"),
    ("openclip-csv", "clip", lambda row: row.update(caption=""), "trains on 'nan'"),
    ("openclip-csv", "clip", lambda row: row.update(caption=LONG), "tokens; CLIP reads 77"),
    ("negclip", "clip", lambda row: row.update(neg_image=None), "has no negative image"),
    ("negclip", "clip", lambda row: row.update(neg_image=row["image"]), "is the image itself"),
    ("negclip", "clip", lambda row: row.update(neg_caption=""), "contrasts with an empty text"),
    ("coco", "pairs", lambda row: row.update(boxes=[]), "has no boxes"),
    ("coco", "pairs", lambda row: row["edit"].update(target="", replacement=""), "no category"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "view", "change", "told"), PLANTED)
def test_a_planted_row_is_named_with_what_would_become_of_it(
    release: Path, tmp_path: Path, target: str, view: str, change: Change, told: str
) -> None:
    row_id = changed(release, tmp_path / "copy", view, change)
    assert told in said(tmp_path / "copy", target)[f"{view}/{row_id}"]


def test_captions_that_just_fit_are_not_told_of(release: Path, tmp_path: Path) -> None:
    fits = "red " * 75  # and two marks
    changed(release, tmp_path / "copy", "clip", lambda row: row.update(caption=fits.strip()))
    assert said(tmp_path / "copy", "openclip-csv") == {}
    changed(release, tmp_path / "more", "clip", lambda row: row.update(caption=fits + "red"))
    assert "78 tokens" in str(said(tmp_path / "more", "openclip-csv"))


def test_questions_with_and_without_images_are_told_of_for_trl(
    release: Path, tmp_path: Path
) -> None:
    changed(release, tmp_path / "copy", "grpo", lambda row: row.update(images=[]))
    assert "and 1 have none" in said(tmp_path / "copy", "trl")["data/grpo"]
    assert "fails on a batch with both" in said(tmp_path / "copy", "trl")["data/grpo"]


@pytest.mark.parametrize("target", TARGETS)
def test_a_release_without_the_views_says_so(tmp_path: Path, target: str) -> None:
    folder = kit.write(tmp_path / "r", [], kit.rejects_of(2), views=["rejects"])
    assert f"{target} reads" in said(folder, target)["manifest.json"]
