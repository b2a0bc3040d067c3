"""A build that runs out of time is released as far as it came, and its recipe makes it again."""

import json
from pathlib import Path

import pytest

from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.factory.recipe_yaml import read
from counterfactory.factory.run.build import build
from counterfactory.factory.run.ledger import Ledger
from counterfactory.fingerprint import digest_file
from counterfactory.loop.budgeting import SHORTER, build_within, seconds_for, shorter
from counterfactory.loop.engine import note_of
from counterfactory.loop.journal import Journal, Line
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work


def recipe_of(n: int = 24) -> Recipe:
    return resolve("world-math", [f"source.n={n}", "source.batch=4", "checks=[{check: sanity}]"])


def files(release: Path) -> dict[str, str]:
    return {
        path.relative_to(release).as_posix(): digest_file(path)
        for path in sorted((release / "data").rglob("*.parquet"))
    }


def test_a_build_out_of_time_is_a_release_that_its_recipe_makes_again(tmp_path: Path) -> None:
    out = tmp_path / "out"
    build_within(recipe_of(), out, seconds=0.0, workers=1)
    about = json.loads((out / "manifest.json").read_text())
    made = resolve(out / "recipe.yaml").source.n
    assert 4 <= made < 24 and made % 4 == 0 and about["candidates"] == made
    build(resolve(out / "recipe.yaml"), tmp_path / "again", workers=1, progress=False)
    assert files(out) == files(tmp_path / "again")
    before = (out / "manifest.json").read_bytes()
    build_within(recipe_of(), out, seconds=1e9, workers=1)
    assert (out / "manifest.json").read_bytes() == before, "what was stopped stays stopped"


def test_a_kill_between_the_two_goes_on_with_the_shorter_one(tmp_path: Path) -> None:
    out, beside = tmp_path / "out", tmp_path / "out.build"
    recipe = recipe_of()
    assert not build(recipe, out, workers=1, budget=0.0, progress=False).finished
    short = shorter(recipe, beside)
    (beside / SHORTER).write_text(short.yaml())
    build_within(recipe, out, seconds=1e9, workers=1)
    about = json.loads((out / "manifest.json").read_text())
    assert about["candidates"] == short.source.n and about["fingerprint"] == short.fingerprint


def test_requests_are_made_whole_whatever_the_time(tmp_path: Path) -> None:
    changes = ["source.n=9", "source.batch=3", "checks=[{check: sanity}]"]
    build_within(resolve("world-safety", changes), tmp_path / "out", seconds=0.0, workers=1)
    assert resolve(tmp_path / "out" / "recipe.yaml").source.n == 9


def test_batches_behind_a_gap_do_not_count(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        for batch in (0, 1, 3):
            ledger.add(batch, [], 0.1)
    assert shorter(recipe_of(), tmp_path).source.n == 8


def test_there_is_time_enough_for_a_whole_build(tmp_path: Path) -> None:
    build_within(recipe_of(8), tmp_path / "out", seconds=600.0, workers=1)
    assert not (tmp_path / "out.build" / SHORTER).exists()
    assert resolve(tmp_path / "out" / "recipe.yaml").source.n == 8


def planned(folder: Path) -> Work:
    """Return a round of three builds, 110 seconds in all."""
    text = """\
kind: loop
name: small
builds: [{recipe: region-diff}, {recipe: world-qa}, {recipe: world-math}]
stages: [{train: sft, data: [region-diff]}]
budget: {seconds: 110}
"""
    work = Work(LoopRecipe.from_document(read(text, "r.yaml")), folder, round_of(folder, 1))
    names = [build.title for build in work.recipe.builds]
    work.round.recipes.mkdir(parents=True)
    for name in names:
        (work.round.recipes / f"{name}.yaml").write_text(resolve(name).yaml())
    plan = {"builds": [{"name": name, "rows": 100} for name in names]}
    work.round.plan.write_text(json.dumps(plan))
    return work


def built(folder: Path, name: str, seconds: float) -> None:
    at = "2026-01-01T00:00:00Z"
    line = Line(round=1, stage=f"build/{name}", inputs="", outputs="", seconds=seconds, at=at)
    Journal(folder).append(line)


def test_builds_share_what_is_left_and_painting_takes_most(tmp_path: Path) -> None:
    work = planned(tmp_path)
    names = [build.title for build in work.recipe.builds]
    assert [seconds_for(work, name) for name in names] == pytest.approx([100, 5, 5])
    built(tmp_path, "region-diff", 70.0)
    assert seconds_for(work, "world-qa") == pytest.approx(20)
    built(tmp_path, "world-qa", 90.0)
    assert seconds_for(work, "world-math") == 0


def test_what_was_built_for_another_plan_costs_nothing(tmp_path: Path) -> None:
    work = planned(tmp_path)
    for name in ("world-safety", "region-diff", "world-qa"):
        built(tmp_path, name, 90.0)
    assert seconds_for(work, "region-diff") == pytest.approx(100)
    built(tmp_path, "region-diff", 70.0)
    assert seconds_for(work, "world-qa") == pytest.approx(20)


def test_an_attempt_that_was_killed_has_used_its_part(tmp_path: Path) -> None:
    work = planned(tmp_path)
    write_json(note_of(work.round.folder, "build/region-diff"), {"seconds": 40.0})
    assert seconds_for(work, "region-diff") == pytest.approx(60)
    write_json(note_of(work.round.folder, "build/region-diff"), {"seconds": 400.0})
    assert seconds_for(work, "region-diff") == 0
