"""Validation believes nothing: every kind of damage is found, and a good release passes."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.rowcheck import RULES
from counterfactory.factory.release.validate import Report, inside, validate
from counterfactory.factory.release.views import VIEWS

sys.path.append(str(Path(__file__).parent))
import release_kit as kit


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kit.pairs_release(tmp_path_factory.mktemp("good") / "tiny", count=3)


@pytest.fixture
def copy(good: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(good, tmp_path / "copy"))


def told(report: Report) -> str:
    return "\n".join(f"{problem.row}: {problem.problem}" for problem in report.problems)


def resealed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the manifest and seal it again, as someone would who means to deceive."""
    held = manifest.read(folder)
    change(held)
    body = {key: value for key, value in held.items() if key != "seal"}
    manifest.write(folder, body | {"seal": manifest.digest(body)})


def rewritten(folder: Path, view: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change the first row of a view, and the manifest with it."""
    path = next((folder / "data" / view).glob("*.parquet"))
    rows = pq.read_table(path).to_pylist()
    change(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, schema=VIEWS[view].schema()), path)
    name = path.relative_to(folder).as_posix()

    def adjust(held: dict[str, Any]) -> None:
        files = manifest.files_of(folder)
        held["views"][view]["files"] = [{"path": name, **files[name]}]

    resealed(folder, adjust)


@pytest.mark.parametrize("target", [None, "trl", "llamafactory"])
def test_a_good_release_passes(good: Path, target: str | None) -> None:
    report = validate(good, target)
    assert report.ok, told(report)
    assert report.as_dict() == {"ok": True, "problems": []}


def test_a_release_without_pairs_passes(tmp_path: Path) -> None:
    rows = kit.rows_of(kit.asking(n) for n in range(2))
    report = validate(kit.write(tmp_path / "r", rows, kit.rejects_of(3)))
    assert report.ok, told(report)


def test_one_changed_byte_is_found_in_any_file(good: Path, tmp_path: Path) -> None:
    for number, name in enumerate(manifest.paths_of(good)):
        folder = Path(shutil.copytree(good, tmp_path / str(number)))
        data = bytearray((folder / name).read_bytes())
        data[len(data) // 2] ^= 0x01
        (folder / name).write_bytes(bytes(data))
        if name == manifest.NAME:
            assert broken_manifest(folder)
        else:
            assert validate_files(folder) == [name]


def broken_manifest(folder: Path) -> str | None:
    """What is wrong with the manifest, as it is told: as a problem, or as no manifest at all."""
    try:
        return manifest.broken_seal(folder)
    except UserError as error:
        return str(error)


def validate_files(folder: Path) -> list[str]:
    from counterfactory.factory.release.validate import _files

    return [row for row, _ in _files(folder, manifest.read(folder))]


def test_a_manifest_that_is_no_manifest_is_for_the_user_to_mend(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="found no manifest.json"):
        validate(tmp_path)
    (tmp_path / "manifest.json").write_text("[1]")
    with pytest.raises(UserError, match="found no `views`"):
        validate(tmp_path)


def test_an_unknown_target_is_named_with_those_there_are(good: Path) -> None:
    with pytest.raises(UserError, match="found 'verel', expected one of trl, llamafactory, swift"):
        validate(good, "verel")


def test_a_missing_and_an_unlisted_file_are_found(copy: Path) -> None:
    (copy / "CHANGELOG.md").unlink()
    (copy / "extra.txt").write_text("hello")
    text = told(validate(copy))
    assert "CHANGELOG.md: is in the manifest, but not in the folder" in text
    assert "extra.txt: is in the folder, but not in the manifest" in text


def test_a_cut_off_data_file_is_a_problem_and_no_crash(copy: Path) -> None:
    path = next((copy / "data" / "pairs").glob("*.parquet"))
    path.write_bytes(path.read_bytes()[:100])
    report = validate(copy)
    assert not report.ok and "100 bytes" in told(report)


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "data/../../x", "a\\..\\b"])
def test_a_path_that_leaves_the_folder_is_found(tmp_path: Path, path: str) -> None:
    assert not inside(tmp_path, path)


def test_a_link_that_leaves_the_folder_is_found(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_bytes((copy / "CHANGELOG.md").read_bytes())
    (copy / "CHANGELOG.md").unlink()
    (copy / "CHANGELOG.md").symlink_to(tmp_path / "outside.md")
    assert "CHANGELOG.md: leads out of the folder" in told(validate(copy))


def test_a_funnel_that_does_not_add_up_is_found(copy: Path) -> None:
    resealed(copy, lambda held: held.update(candidates=99))
    text = told(validate(copy))
    assert "funnel does not add up" in text and "99 candidates are not" in text


def test_a_promise_of_more_rows_is_found(copy: Path) -> None:
    resealed(copy, lambda held: held["views"]["sft"].update(rows=500))
    text = told(validate(copy))
    assert "the manifest says 500" in text


def test_columns_that_are_not_those_of_the_view_are_found(copy: Path) -> None:
    path = next((copy / "data" / "clip").glob("*.parquet"))
    pq.write_table(pq.read_table(path).drop_columns(["neg_caption"]), path)
    assert "clip: columns or types differ" in told(validate(copy))


def test_parquet_without_image_features_is_found(copy: Path) -> None:
    path = next((copy / "data" / "clip").glob("*.parquet"))
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    assert "clip: columns or types differ" in told(validate(copy))


def broken(view: str, change: Callable[[dict[str, Any]], Any]) -> str:
    row = next(iter(VIEWS[view].rows(ROW)))
    copied = json.loads(json.dumps(row, default=lambda data: data.hex()))
    change(copied)
    return "\n".join(RULES[view](copied))


ROW = kit.rows_of([kit.candidate(1)])[0]


@pytest.mark.parametrize("view", ["pairs", "sft", "dpo", "kto", "grpo", "clip"])
def test_a_row_as_it_is_made_breaks_no_rule(view: str) -> None:
    assert broken(view, lambda row: None) == ""


def test_broken_rows_are_found_by_rule() -> None:
    assert "is not x0 < x1" in broken("pairs", lambda r: r.update(boxes=[[0.5, 0.1, 0.4, 0.2]]))
    assert "is not x0 < x1" in broken("pairs", lambda r: r.update(boxes=[[0.0, 0.0, 1.2, 1.0]]))
    assert "6 boxes" in broken("pairs", lambda r: r.update(boxes=[[0.0, 0.0, 1.0, 1.0]] * 6))
    assert "unscored" in broken("pairs", lambda r: r["verdicts"][0].update(passed=None))
    assert "failed" in broken("pairs", lambda r: r["verdicts"][0].update(passed=False))
    assert "2 images, but 1" in broken("sft", lambda r: r["images"].append(r["images"][0]))
    assert "holds an image placeholder" in broken(
        "sft", lambda r: r["prompt"][0].update(content="<image>what?")
    )
    assert "0 <image> in prompt_text" in broken("dpo", lambda r: r.update(prompt_text="what?"))
    assert "are the same" in broken("dpo", lambda r: r.update(rejected_text=r["chosen_text"]))
    assert "no answer" in broken("grpo", lambda r: r.update(answer=""))
    assert "are the same" in broken("clip", lambda r: r.update(neg_caption=r["caption"]))


def test_a_picture_that_does_not_decode_is_found_though_all_digests_fit(copy: Path) -> None:
    rewritten(copy, "clip", lambda row: row["image"].update(bytes=b"no picture"))
    text = told(validate(copy))
    assert "image does not decode: image_unreadable" in text
    assert "sha256" not in text


def test_two_rows_with_one_id_are_found(copy: Path) -> None:
    other = pq.read_table(next((copy / "data" / "kto").glob("*.parquet"))).to_pylist()[1]["id"]
    rewritten(copy, "kto", lambda row: row.update(id=other))
    assert "another row has this id" in told(validate(copy))


def test_a_picture_path_that_leaves_the_folder_is_found(copy: Path) -> None:
    rewritten(copy, "pairs", lambda row: row["image_a"].update(path="../../secret.png"))
    assert "image_a has a path that leads out of the folder" in told(validate(copy))


def test_llamafactory_is_told_of_columns_that_are_not_there(copy: Path) -> None:
    path = copy / "dataset_info.json"
    entries = json.loads(path.read_text())
    entries["tiny_dpo"]["columns"]["chosen"] = "chosen"
    path.write_text(json.dumps(entries))
    assert "chosen is no text" in told(validate(copy, "llamafactory"))
