"""A row made again from its release alone: the same, something else, or not to be had here."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.spine.trouble_server import said, trouble

from counterfactory.cli import main
from counterfactory.errors import UserError
from counterfactory.factory.recipe import checked
from counterfactory.factory.release.contents import contents, picked, scan
from counterfactory.factory.release.equal import differences
from counterfactory.factory.release.replay import replay
from counterfactory.factory.run.build import build
from counterfactory.images import decode, png
from counterfactory.pocket import path as pocket_path

sys.path.append(str(Path(__file__).parents[1]))
import photos

Row = dict[str, Any]


def made(out: Path, recipe: str, *overrides: str) -> Path:
    """Return a release without the working folder of its build."""
    build(checked(recipe, overrides), out, workers=1, progress=False)
    shutil.rmtree(out.with_name(f"{out.name}.build"))
    return out


@pytest.fixture(scope="module")
def edits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs of drawn photographs, by rules alone; one photograph shows nothing to edit."""
    root = tmp_path_factory.mktemp("edits")
    (root / "photos").mkdir()
    for number in range(3):
        (root / f"photos/{number}.png").write_bytes(png(photos.photo(seed=number)))
    (root / "photos/plain.png").write_bytes(png(photos.photo(discs=(), seed=9)))
    return made(
        root / "release", "photo-edits", f"source.path={root / 'photos'}", "source.n=16",
        "source.batch=4", "ops.propose.kinds={remove: 1}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pairs by models, one of which lies in a folder beside."""
    root = tmp_path_factory.mktemp("pairs")
    shutil.copytree(pocket_path("clip"), root / "clip")
    return made(
        root / "release", "region-diff", "source.n=8", "source.batch=4",
        f"checks.similarity.model={root / 'clip'}",
    )  # fmt: skip


@pytest.fixture
def copy(edits: Path, tmp_path: Path) -> Path:
    """A copy of the release of photographs, to be altered."""
    return Path(shutil.copytree(edits, tmp_path / "copy"))


def ids(release: Path, view: str) -> list[str]:
    return [row["id"] for row in scan(release, view, ["id"])]


def alter(release: Path, view: str, row_id: str, change: Callable[[Row], None]) -> None:
    """Change one row of a view by hand."""
    file = release / contents(release)[view].paths[0]
    table = pq.read_table(file)
    rows = table.to_pylist()
    change(next(row for row in rows if row["id"] == row_id))
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), file)


def test_a_pair_made_by_models_comes_out_the_same(pairs: Path) -> None:
    row = ids(pairs, "pairs")[-1]
    found = replay(pairs, row)
    assert found.same and found.data["differs"] == [] and found.data["up_to"] == ""
    assert set(found.data["compared"]) == {"pairs", "sft", "dpo", "grpo", "clip"}
    columns = found.data["compared"]["pairs"]
    assert columns == dict.fromkeys(contents(pairs)["pairs"].schema.names, True)
    assert found.data["samples"] == 4 and found.data["not_replayed"] == ["duplicate"]
    source_id = next(picked(pairs, "pairs", [row]))["provenance"]["source_id"]
    assert found.data["sample"] == source_id
    text = str(found)
    assert text.startswith(f"{row} made again from region-diff dev: the same\n")
    assert "left out  duplicate: a check that looks at all rows" in text


def test_a_row_of_one_view_stands_for_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    release = made(tmp_path / "qa", "world-qa", "source.n=12", "source.batch=4")
    row = next(one for one in ids(release, "sft") if "-q" in one)
    assert main(["release", "replay", str(release), row, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["id"], told["same"], told["differs"]) == (row, True, [])
    assert set(told["compared"]) == {"sft", "grpo"} and told["seconds"] > 0
    alter(release, "sft", row, lambda one: one["completion"][0].update(content="a lie"))
    assert main(["release", "replay", str(release), row]) == 2
    assert f"sft {row} completion.0.content: found 'a lie', made" in capsys.readouterr().out


def test_a_reject_is_rejected_again(edits: Path) -> None:
    reject = next(one for one in scan(edits, "rejects") if one["stage"] == "mask_classical")
    found = replay(edits, reject["id"][:12])
    assert found.same and found.id == reject["id"]
    assert found.data["fate"] == dict.fromkeys(
        ("found", "made"), "rejected by mask_classical: no_target"
    )
    assert found.data["compared"]["rejects"] == dict.fromkeys(reject, True)


def test_a_reject_of_another_value_or_stage_is_told(copy: Path) -> None:
    rejects = [one for one in scan(copy, "rejects") if one["stage"] == "mask_classical"]
    first, second = (one["id"] for one in rejects[:2])
    alter(copy, "rejects", first, lambda one: one.update(value=0.5))
    found = replay(copy, first)
    told = {"view": "rejects", "id": first, "column": "value", "found": "0.5", "made": "0.0"}
    assert not found.same and found.data["differs"] == [told]
    alter(copy, "rejects", second, lambda one: one.update(stage="duplicate", reason="duplicate"))
    columns = [one["column"] for one in replay(copy, second).data["differs"]]
    assert columns == ["stage", "reason"]


def test_what_all_rows_decide_is_replayed_up_to_there(edits: Path) -> None:
    late = next(one["id"] for one in scan(edits, "rejects") if one["stage"] == "duplicate")
    found = replay(edits, late)
    assert found.same and found.data["up_to"] == "duplicate" and found.data["compared"] == {}
    assert found.data["fate"] == {"found": "rejected by duplicate: duplicate", "made": "kept"}
    assert "the same up to duplicate" in str(found)


def test_a_pair_altered_by_hand_is_told_column_by_column(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = ids(copy, "pairs")[0]

    def change(one: Row) -> None:
        one["caption_b"] = f"{one['caption_b']} Not so."
        one["verdicts"][0]["score"] = -1.0
        pixels = decode(one["image_b"]["bytes"])
        pixels[3, 5] = np.where(pixels[3, 5] < 128, pixels[3, 5] + 40, pixels[3, 5] - 40)
        one["image_b"]["bytes"] = png(pixels)
        one["image_a"]["bytes"] += b"\0"  # other bytes, the same pixels

    alter(copy, "pairs", row, change)
    assert main(["release", "replay", str(copy), row, "--json"]) == 2
    told = json.loads(capsys.readouterr().out)
    differs = {one["column"]: one for one in told["differs"]}
    assert list(differs) == ["image_b", "caption_b", "verdicts.0.score"]
    assert (differs["image_b"]["largest"], differs["image_b"]["pixels"]) == (40, 1)
    assert differs["caption_b"]["found"].endswith("Not so.")
    assert differs["verdicts.0.score"]["found"] == "-1.0"
    assert told["begins"] == "edit_classical" and not told["same"]
    equal = {name for name, same in told["compared"]["pairs"].items() if not same}
    assert equal == {"image_b", "caption_b", "verdicts"} and all(told["compared"]["sft"].values())


def test_a_row_that_is_gone_from_a_view_is_told(copy: Path) -> None:
    row = ids(copy, "pairs")[1]
    alter(copy, "sft", f"{row}-diff", lambda one: one.update(id=f"{row}-dif"))
    differs = replay(copy, row).data["differs"]
    assert [(one["found"], one["made"]) for one in differs] == [
        (f"{row}-dif", "no such row"), ("no such row", f"{row}-diff")
    ]  # fmt: skip


def test_an_unknown_id_names_the_nearest(edits: Path, capsys: pytest.CaptureFixture[str]) -> None:
    row = ids(edits, "pairs")[0]
    assert main(["release", "replay", str(edits), f"{row[:12]}zzz"]) == 2
    told = capsys.readouterr()
    assert told.out == "" and f"did you mean {row}" in told.err and len(told.err.splitlines()) == 1


def test_a_source_that_is_gone_or_changed_cannot_be_replayed(edits: Path) -> None:
    row = ids(edits, "pairs")[0]
    folder, away = edits.parent / "photos", edits.parent / "away"
    folder.rename(away)
    try:
        with pytest.raises(UserError, match=r"cannot be replayed: source.path: no folder"):
            replay(edits, row)
        shutil.copytree(away, folder)
        (folder / "more.png").write_bytes(png(photos.photo(seed=7)))
        with pytest.raises(UserError, match=r"source: found other files \(5,"):
            replay(edits, row)
        (folder / "more.png").unlink()
        for number in range(3):
            (folder / f"{number}.png").write_bytes(png(photos.photo(seed=50 + number)))
        with pytest.raises(UserError, match="found no sample whose id this is"):
            replay(edits, row)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        away.rename(folder)


def test_a_model_that_is_gone_or_another_cannot_be_replayed(pairs: Path) -> None:
    row, model = ids(pairs, "pairs")[0], pairs.parent / "clip"
    away = model.rename(pairs.parent / "away")
    try:
        with pytest.raises(UserError, match=r"cannot be replayed: clip model .*: no such folder"):
            replay(pairs, row)
    finally:
        away.rename(model)
    (model / "more.bin").write_bytes(b"other weights")
    try:
        with pytest.raises(UserError, match=r"clip model .*: found revision \w{12}, expected"):
            replay(pairs, row)
    finally:
        (model / "more.bin").unlink()


def test_replies_that_were_kept_are_asked_for_again(
    edits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path / "cache"))
    with trouble() as server:
        server.replies = [said("Verdict: yes")]
        recipe = tmp_path / "judged.yaml"
        recipe.write_text(f"""
            extends: photo-edits
            name: judged
            source: {{n: 2, batch: 2, path: '{edits.parent / "photos"}'}}
            checks: [{{check: judge, judge: '{server.spec}'}}]
        """)
        release = made(tmp_path / "judged", str(recipe))
        row, kept = ids(release, "pairs")[0], (tmp_path / "cache/judges.sqlite").read_bytes()
        found = replay(release, row)
        assert found.same and found.data["served"] == [server.spec]
        server.replies = [said("Verdict: no")]
        found = replay(release, row)
        assert found.data["fate"] == {"found": "kept", "made": "rejected by judge: judged_untrue"}
        assert [one["column"] for one in found.data["differs"]] == ["fate"]
        assert (tmp_path / "cache/judges.sqlite").read_bytes() == kept
    with pytest.raises(UserError, match="cannot be replayed: .*127.0.0.1"):
        replay(release, row)


def test_an_altered_recipe_cannot_be_replayed(copy: Path) -> None:
    text = (copy / "recipe.yaml").read_text()
    (copy / "recipe.yaml").write_text(text.replace("seed: 0", "seed: 1", 1))
    with pytest.raises(UserError, match=r"recipe.yaml: found fingerprint \w{12}, expected"):
        replay(copy, ids(copy, "pairs")[0])


def test_values_differ_by_place_and_long_texts_where_they_do() -> None:
    assert list(differences({"a": [1, 2.5]}, {"a": [1, 2.5]})) == []
    found = list(differences({"a": [1, {"b": None}]}, {"a": [1, {"b": "x"}]}))
    assert found == [{"column": "a.1.b", "found": "nothing", "made": "x"}]
    (one,) = differences({"a": "w" * 200 + "yes"}, {"a": "w" * 200 + "no"})
    assert one["found"] == "..." + "w" * 20 + "yes" and one["made"] == "..." + "w" * 20 + "no"
    (one,) = differences({"boxes": [[0.1]]}, {"boxes": [[0.1], [0.2]]})
    assert (one["found"], one["made"]) == ("1 values", "2 values")
    small, broken = ({"bytes": data, "path": None} for data in (png(photos.photo()), b"no"))
    (one,) = differences({"image_a": broken}, {"image_a": small})
    assert one["found"] == "no readable picture" and one["made"] == "260 x 210 pixels"
