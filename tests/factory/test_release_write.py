"""A written release: card, manifest, Croissant, pictures; what is said is what is there."""

import io
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

from counterfactory.cards import markdown, pictures
from counterfactory.errors import UserError
from counterfactory.factory.release import croissant, manifest
from counterfactory.factory.release.facts import funnel_of
from counterfactory.factory.release.write import write_release
from counterfactory.fingerprint import digest_file

sys.path.append(str(Path(__file__).parent))
import release_kit as kit


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.pairs_release(tmp_path_factory.mktemp("release") / "tiny")


def header(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])


def test_the_folder_holds_what_a_release_holds(release: Path) -> None:
    names = {path.name for path in release.iterdir()}
    assert names == {
        "README.md", "CHANGELOG.md", "manifest.json", "croissant.json", "dataset_info.json",
        "recipe.yaml", "assets", "data",
    }  # fmt: skip


def test_the_manifest_names_every_file_with_its_digest(release: Path) -> None:
    held = json.loads((release / "manifest.json").read_text())
    entries = held["files"] + [e for view in held["views"].values() for e in view["files"]]
    listed = {entry["path"]: entry for entry in entries}
    there = {p.relative_to(release).as_posix() for p in release.rglob("*") if p.is_file()}
    assert set(listed) == there - {"manifest.json"}
    for path, entry in listed.items():
        assert entry["sha256"] == digest_file(release / path)
        assert entry["bytes"] == (release / path).stat().st_size


def test_the_manifest_counts_rows_and_tells_the_funnel(release: Path) -> None:
    held = manifest.read(release)
    assert {view: about["rows"] for view, about in held["views"].items()} == {
        "pairs": 6, "sft": 18, "dpo": 12, "kto": 24, "grpo": 12, "clip": 12, "rejects": 4,
    }  # fmt: skip
    assert held["candidates"] == 10 and held["kept"] == 6
    assert [(s["stage"], s["in"], s["out"]) for s in held["funnel"]] == [
        ("propose", 10, 10), ("edit", 10, 8), ("locality", 8, 6),
    ]  # fmt: skip
    assert held["licences"] == ["cc0-1.0"] and held["models"][0]["revision"] == "9" * 64


def test_the_card_declares_a_config_for_every_view(release: Path) -> None:
    top = header(release)
    assert [c["config_name"] for c in top["configs"]] == list(manifest.read(release)["views"])
    assert top["configs"][0]["default"] is True and top["license"] == "cc0-1.0"
    features = {info["config_name"]: info["features"] for info in top["dataset_info"]}
    assert {"name": "images", "list": "image"} in features["sft"]


def test_the_card_shows_the_funnel_and_the_examples_as_pictures(release: Path) -> None:
    text = (release / "README.md").read_text()
    for name in ("assets/funnel.png", "assets/examples.png"):
        assert f"]({name})" in text
        Image.open(release / name).verify()


def test_version_and_time_stand_in_manifest_and_card_only(tmp_path: Path) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    rows = kit.rows_of([kit.candidate(1)])
    kit.write(folders[0], rows, version="dev", created="2026-01-01T00:00:00Z")
    kit.write(folders[1], rows, version="2027.1.1.1", created="2027-02-02T00:00:00Z")
    differing = {
        path.relative_to(folders[0]).as_posix()
        for path in folders[0].rglob("*")
        if path.is_file()
        and path.read_bytes() != (folders[1] / path.relative_to(folders[0])).read_bytes()
    }
    assert differing == {"README.md", "CHANGELOG.md", "manifest.json"}


def test_croissant_is_valid_and_reads_the_files_offline(release: Path) -> None:
    import mlcroissant

    assert croissant.check(release) == []
    described = mlcroissant.Dataset(jsonld=release / "croissant.json")
    first = next(iter(described.records("pairs")))
    assert first["pairs/caption_a"] == b"A red box, number 0."
    assert first["pairs/image_b"].size == (kit.SIDE, kit.SIDE)


def test_croissant_that_names_a_missing_field_type_is_found(tmp_path: Path, release: Path) -> None:
    described = json.loads((release / "croissant.json").read_text())
    del described["recordSet"][0]["field"][0]["dataType"]
    (tmp_path / "croissant.json").write_text(json.dumps(described))
    assert croissant.check(tmp_path) != []


def test_llamafactory_finds_sft_and_dpo(release: Path) -> None:
    entries = json.loads((release / "dataset_info.json").read_text())
    assert list(entries) == ["tiny_sft", "tiny_dpo"]
    assert entries["tiny_dpo"]["ranking"] and entries["tiny_sft"]["file_name"] == "data/sft"


def test_a_release_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no rows"):
        write_release(tmp_path, kit.facts_of([], []))


def test_hostile_words_stay_words_in_the_card(tmp_path: Path) -> None:
    bad = "<img src=x onerror=alert(1)> | [a](http://b) `c`\n---\nlicense: mit"
    rows = kit.rows_of([kit.candidate(1, caption_a=bad, question=bad, difference=bad)])
    folder = kit.write(tmp_path / "r", rows, title=bad, description=bad)
    text = (folder / "README.md").read_text()
    body = text.split("---\n", 2)[2]
    assert "<img" not in body and not re.search(r"(?<!\\)\]\(http", body)
    top = header(folder)
    assert top["license"] == "cc0-1.0" and top["pretty_name"] == " ".join(bad.split())


def test_a_release_of_questions_has_a_card_too(tmp_path: Path) -> None:
    rows = kit.rows_of(kit.asking(n) for n in range(3))
    folder = kit.write(tmp_path / "r", rows, harmful_text=True)
    text = (folder / "README.md").read_text()
    assert not (folder / "data" / "pairs").exists()
    assert "Harmful text" in text and "not-for-all-audiences" in header(folder)["tags"]
    assert (folder / "assets" / "examples.png").is_file()


def test_the_oracles_report_is_in_the_card(tmp_path: Path) -> None:
    report = {"precision": 0.97, "recall": 0.8, "by_kind": {"replace": 0.95, "move": {"n": 3}}}
    folder = kit.write(tmp_path / "r", kit.rows_of([kit.candidate(1)]), oracle=report)
    text = (folder / "README.md").read_text()
    assert "0.97" in text and "| replace | 0.95 |" in text


def test_a_funnel_adds_up_whatever_was_rejected() -> None:
    rejects = {("source", "image_blank"): 2, ("b", "no_target"): 3, ("b", "duplicate"): 1}
    stages = funnel_of(20, ["a", "b"], rejects)
    assert [(s.name, s.entered, s.left) for s in stages] == [
        ("source", 20, 18), ("a", 18, 18), ("b", 18, 14),
    ]  # fmt: skip


def test_pictures_are_the_same_bytes_every_time() -> None:
    stages = [("propose", 10, 8, {"no_target": 2}), ("édit", 8, 0, {"op_failed": 8})]
    assert (pictures.funnel(stages) == pictures.funnel(stages)).all()
    assert pictures.funnel([]).shape[2] == 3


def test_mask_and_boxes_are_drawn_over_the_picture() -> None:
    candidate = kit.candidate(1)
    bare = pictures.marked(candidate.image_a, side=96)
    drawn = pictures.marked(candidate.image_a, side=96, mask=candidate.mask)
    boxed = pictures.marked(candidate.image_a, side=96, boxes=candidate.boxes)
    wrong = pictures.marked(candidate.image_a, side=96, boxes=[(0.9, 0.9, 0.1, 0.1)])
    assert (drawn == pictures.OUTLINE).all(axis=2).any()
    assert (boxed == pictures.BOXES).all(axis=2).any()
    assert (wrong == bare).all()


def test_a_text_of_any_length_fits_its_tile() -> None:
    tile = pictures.Tile(pictures=[kit.sample(1).image], lines=["word " * 5000, "W" * 5000])
    assert pictures.sheet([tile], side=64, columns=1).shape[0] < 300


def test_code_in_a_card_cannot_end_its_own_block() -> None:
    assert markdown.fenced("a\n```\nb").startswith("````")
    assert markdown.code("a`b|c") == "`a'b/c`"


def test_the_same_facts_give_the_same_manifest(tmp_path: Path, release: Path) -> None:
    again = kit.pairs_release(tmp_path / "tiny")
    assert (again / "manifest.json").read_bytes() == (release / "manifest.json").read_bytes()


def test_examples_show_every_edit_kind_in_turn(release: Path) -> None:
    from counterfactory.factory.release.examples import varied

    assert {row["edit"]["kind"] for row in varied(release, 5)} == set(kit.KINDS)


def test_an_upper_bound_says_so(tmp_path: Path) -> None:
    rows = kit.rows_of([kit.candidate(1)])
    kit.write(tmp_path / "r", rows)
    write_release(tmp_path / "r", replace(kit.facts_of(rows, []), uses_oracle=True))
    assert "Upper bound" in (tmp_path / "r" / "README.md").read_text()
    with Image.open(io.BytesIO((tmp_path / "r/assets/funnel.png").read_bytes())) as picture:
        assert picture.width > 500
