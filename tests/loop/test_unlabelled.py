"""Where a loop measures with reflection, it also says what reflections alone would have found."""

import json
from pathlib import Path

import pytest
from failing_rows import Row, doubting, scenes, written

from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.doing import mine
from counterfactory.loop.layout import round_of
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.report import page
from counterfactory.loop.rounds import Work
from counterfactory.loop.slices import read_slices
from counterfactory.loop.stages import STAGES

RECIPE = """\
kind: loop
name: small
builds: [{recipe: world-qa}]
stages: [{train: sft, data: [world-qa]}]
reflect: REFLECT
"""


def leaves(row: Row) -> float:
    return 0.8 if {"kind:leaf", "task:attribute"} <= set(row["slices"]) else 0.05


def work_of(folder: Path, reflect: bool) -> Work:
    text = RECIPE.replace("REFLECT", str(reflect).lower())
    return Work(LoopRecipe.from_document(read(text, "r.yaml")), folder, round_of(folder, 1))


def test_a_round_with_reflection_mines_twice_and_says_how_far_both_agree(tmp_path: Path) -> None:
    work, rows = work_of(tmp_path, True), scenes(800, wrong=leaves)
    written(work.round.mine, rows)
    doubting(work.round.mine, rows[:700], lambda r: 0.7 if r["verdict"] == "wrong" else 0.1)
    mine(work)
    found = json.loads(work.round.unlabelled.read_text())
    assert found["source"] == "reflections" and found["items"] == 700, "the others made no claim"
    assert set(found["slices"][0]["conditions"]) == {"kind:leaf", "task:attribute"}
    both = found["agreement"]
    assert both["shared"] == both["jaccard"] == 1.0 > both["chance"]
    (one,) = read_slices(work.round.folder).slices
    assert one.contradictions is not None and one.contradictions > 0.5
    text = page(tmp_path)
    assert "taken back" in text and f"{100 * one.contradictions:.1f}" in text
    assert "without a right answer: 1 slice<" in text and "100.0 % of the wrong answers" in text
    stage = next(stage for stage in STAGES["opening"](work) if stage.name == "mine")
    assert list(stage.gives(work)) == [work.round.slices, work.round.unlabelled]


def test_a_round_without_reflection_says_nothing_of_it(tmp_path: Path) -> None:
    work = work_of(tmp_path, False)
    written(work.round.mine, scenes(800, wrong=leaves))
    mine(work)
    assert not work.round.unlabelled.exists()
    text = page(tmp_path)
    assert "taken back" not in text and "from reflections alone" not in text


@pytest.mark.parametrize("claims", [0, None])
def test_a_model_that_makes_no_claims_costs_nothing_but_the_comparison(
    tmp_path: Path, claims: int | None
) -> None:
    work, rows = work_of(tmp_path, True), scenes(800, wrong=leaves)
    written(work.round.mine, rows)
    if claims is not None:
        doubting(work.round.mine, rows[:claims], lambda row: 0.5)
    mine(work)
    assert read_slices(work.round.folder).slices
    assert "why" in json.loads(work.round.unlabelled.read_text())
    assert "Nothing could be mined from reflections alone" in page(tmp_path)
