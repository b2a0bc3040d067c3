"""Samples that kill the worker process itself: one is lost, its neighbours are not."""

from pathlib import Path

import pyarrow.parquet as pq
from engine_toys import toy_recipe

from counterfactory.factory.run import build
from counterfactory.fingerprint import digest_file


def column(release: Path, view: str, name: str) -> list[str]:
    (path,) = (release / "data" / view).iterdir()
    return [str(value) for value in pq.read_table(path).column(name).to_pylist()]


def test_a_sample_that_kills_every_worker_is_one_reject(tmp_path: Path) -> None:
    recipe = toy_recipe(n=24, digits=32, dies_on=":10")
    result = build(recipe, tmp_path / "out", workers=2, progress=False)
    stages = column(tmp_path / "out", "rejects", "stage")
    assert stages.count("worker") == 1
    # the two slots of one sample are gone, as one candidate; all others had their turn
    assert result.candidates == 2 * 24 - 1
    assert result.rejects["op_failed"] == 1
    names = column(tmp_path / "out", "pairs", "caption_a")
    assert "picture number 10" not in names
    assert {f"picture number {number}" for number in (8, 9, 11, 12, 13, 14, 15)} & set(names)


def test_a_death_by_accident_changes_no_byte(tmp_path: Path) -> None:
    def digests(out: Path) -> list[str]:
        return [digest_file(path) for path in sorted((out / "data" / "pairs").iterdir())]

    plain = toy_recipe(n=16)
    build(plain, tmp_path / "plain", workers=1, progress=False)
    marker = tmp_path / "died"
    marker.touch()  # nobody dies, but the recipe (and so every id) is the same
    recipe = toy_recipe(n=16, dies_once=str(marker))
    build(recipe, tmp_path / "calm", workers=1, progress=False)
    marker.unlink()
    build(recipe, tmp_path / "died.out", workers=1, progress=False)
    assert marker.exists()
    assert (
        digests(tmp_path / "calm") == digests(tmp_path / "died.out") != digests(tmp_path / "plain")
    )
