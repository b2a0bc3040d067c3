"""Builds from end to end, in small: real workers, a real ledger, a real release."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from counterfactory.errors import UserError
from counterfactory.factory.recipe import Gates
from counterfactory.factory.run import build
from counterfactory.factory.run.ledger import Ledger
from counterfactory.fingerprint import digest_file

sys.path.append(str(Path(__file__).parents[1] / "crash"))
from engine_toys import toy_recipe


def data(release: Path) -> dict[str, str]:
    """Return the digest of every data file."""
    files = sorted((release / "data").rglob("*.parquet"))
    return {path.relative_to(release).as_posix(): digest_file(path) for path in files}


def made(out: Path, **changes: Any) -> Any:
    return build(toy_recipe(**changes), out, workers=1, progress=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished build with bad pictures, rejects of every kind, and its working folder."""
    out = tmp_path_factory.mktemp("engine") / "toys"
    made(out, bad=9, raises_on=":5")
    return out


def rows(release: Path, view: str) -> list[dict[str, Any]]:
    return [
        row
        for path in sorted((release / "data" / view).iterdir())
        for row in pq.read_table(path).to_pylist()
    ]


def test_every_candidate_ends_as_a_row_or_as_a_reject(finished: Path) -> None:
    manifest = json.loads((finished / "manifest.json").read_text())
    pairs, rejects = rows(finished, "pairs"), rows(finished, "rejects")
    ids = [row["id"] for row in (*pairs, *rejects)]
    # 60 samples, two slots each; every ninth sample is unreadable and is one candidate
    assert len(set(ids)) == len(ids) == manifest["candidates"] == 2 * 54 + 6
    assert manifest["kept"] == len(pairs)
    reasons = {row["reason"] for row in rejects}
    assert reasons == {"image_unreadable", "no_target", "op_failed", "image_blank", "duplicate"}


def test_the_ledger_tells_the_same_story_as_the_release(finished: Path) -> None:
    with Ledger(finished.with_name("toys.build") / "ledger.sqlite") as ledger:
        fates = [fate for batch in ledger.finished() for fate in ledger.fates(batch)]
    kept = [fate.key for fate in fates if fate.status == "kept"]
    lost = {fate.key: fate.reason for fate in fates if fate.status == "reject"}
    assert kept == [row["id"] for row in rows(finished, "pairs")]
    assert lost == {row["id"]: row["reason"] for row in rows(finished, "rejects")}


def test_one_bad_row_costs_one_row(finished: Path) -> None:
    failed = [row for row in rows(finished, "rejects") if row["reason"] == "op_failed"]
    assert 1 <= len(failed) <= 2
    assert {row["stage"] for row in failed} == {"toy_paint"}


def test_rows_stand_in_the_order_of_the_samples(finished: Path) -> None:
    numbers = [
        int(row["provenance"]["source_id"].rpartition(":")[2]) for row in rows(finished, "pairs")
    ]
    assert numbers == sorted(numbers)


def test_a_finished_build_is_not_touched_again(finished: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in finished.rglob("*")}
    result = made(finished, bad=9, raises_on=":5")
    assert {path: path.stat().st_mtime_ns for path in finished.rglob("*")} == before
    assert result.finished and result.resumed == result.candidates == 114
    assert result.rows["pairs"] == result.kept
    assert sum(result.rejects.values()) == result.candidates - result.kept


@pytest.mark.parametrize("workers", [2, 4])
def test_the_number_of_workers_changes_no_byte(
    finished: Path, tmp_path: Path, workers: int
) -> None:
    recipe = toy_recipe(bad=9, raises_on=":5")
    build(recipe, tmp_path / "out", workers=workers, progress=False)
    assert data(tmp_path / "out") == data(finished)


def test_a_budget_stops_a_build_that_goes_on_later(tmp_path: Path) -> None:
    recipe = toy_recipe(seconds=0.3)
    result = build(recipe, tmp_path / "out", workers=1, budget=0.5, progress=False)
    assert not result.finished
    assert not (tmp_path / "out").exists()
    again = build(recipe, tmp_path / "out", workers=2, progress=False)
    assert again.finished
    assert again.resumed == result.candidates > 0


def test_a_segment_that_is_lost_is_made_again(tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", toy_recipe(n=24)
    build(recipe, out, workers=1, progress=False)
    before = data(out)
    shutil.rmtree(out)
    (tmp_path / "out.build" / "segments" / "000001.parquet").unlink()
    result = build(recipe, out, workers=1, progress=False)
    assert data(out) == before
    assert 0 < result.resumed < result.candidates


def test_a_gate_that_fails_releases_nothing_and_keeps_the_work(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=r"gates.min_yield: found 0\.\d+ .*expected at least 0.99"):
        made(out, n=24, gates=Gates(min_yield=0.99))
    assert not out.exists()
    assert not (tmp_path / "out.build" / "release.tmp").exists()
    with pytest.raises(UserError, match="gates.min_rows"):
        made(out, n=24, gates=Gates(min_rows=1000))
    result = made(out, n=24, gates=Gates(min_rows=1))
    assert result.resumed == result.candidates


def test_another_recipe_in_the_same_folder_is_refused(finished: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="release of another recipe"):
        made(finished, seed=99)
    out = tmp_path / "out"
    build(toy_recipe(seconds=0.3), out, workers=1, budget=0.1, progress=False)
    with pytest.raises(UserError, match="out.build: begun with another recipe"):
        made(out, seed=99)
    with pytest.raises(UserError, match="out.build: begun with another set of samples"):
        made(out, n=61, seconds=0.3)


def test_a_folder_with_other_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(UserError, match="expected a new or empty folder"):
        made(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_build_that_cannot_begin_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="^ops.toy_paint.model: no such model$"):
        made(tmp_path / "out", stops=True)
    assert list(tmp_path.iterdir()) == []


def test_a_chain_that_does_not_fit_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    recipe = toy_recipe()
    recipe = recipe.model_copy(update={"ops": recipe.ops[::-1]})
    with pytest.raises(UserError, match="reads 'edit', which nothing before it writes"):
        build(recipe, tmp_path / "out", workers=1, progress=False)
    assert list(tmp_path.iterdir()) == []


def test_the_oracle_scores_the_release_before_its_card_is_written(tmp_path: Path) -> None:
    def oracle(release: Path) -> Mapping[str, Any]:
        return {"precision": 0.5, "pairs": len(rows(release, "pairs"))}

    out = tmp_path / "out"
    result = build(toy_recipe(n=16), out, workers=1, progress=False, oracle=oracle)
    assert result.oracle == {"precision": 0.5, "pairs": result.kept}
    assert json.loads((out / "manifest.json").read_text())["oracle"] == result.oracle
    assert result.to_json()["oracle"] == result.oracle
