"""A round whose model clearly improved is promoted on clean data, and never on poisoned data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from poisons import POISONS, made, unnamed
from poisons import rows as clean
from tests.eval.answer_rows import folder
from tests.loop.test_gate import MINED, TASKS, rows

from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.doing import data, gate
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work
from counterfactory.loop.slices import write_slices

RECIPE = """\
kind: loop
name: small
builds: [{recipe: world-qa}]
stages: [{train: sft, data: [world-qa]}]
gates: {promotion: {samples: 300, permutations: 500, canary: 400}}
"""
TWINS: dict[str, Callable[[Path], Path]] = {
    "pairs and requests": lambda at: made(at, clean()),
    "pairs": lambda at: made(at, clean(60, 0)),
}
"""What the poisons are made of."""


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluations before and after a training by which the mined slices gained, at no cost."""
    at = tmp_path_factory.mktemp("eval")
    folder(at / "before", rows(), TASKS), folder(at / "after", rows(sun=0.8), TASKS)
    return at


def judged(at: Path, release: Callable[[Path], Path], measured: Path) -> Work:
    """Judge the data and the model of a round."""
    work = Work(LoopRecipe.from_document(read(RECIPE, "r.yaml")), at, round_of(at, 1), device="cpu")
    write_json(work.round.plan, {"builds": [{"name": "world-qa"}]})
    release(work.round.release("world-qa"))
    write_slices(MINED, work.round.folder)
    shutil.copytree(measured, work.round.before.parent)
    data(work)
    gate(work)
    return work


@pytest.mark.parametrize("poison", POISONS)
def test_a_better_model_of_poisoned_data_is_not_promoted(
    poison: str, measured: Path, tmp_path: Path
) -> None:
    work = judged(tmp_path, POISONS[poison], measured)
    found = work.round.decision()
    assert not work.round.promoted and found["rejected_by"] == "data"
    assert "the data was rejected. world-qa is rejected: " in found["reason"]
    assert f"{poison}: " in found["reason"]
    assert not (tmp_path / "promoted.json").exists()


@pytest.mark.parametrize("twin", TWINS)
def test_the_same_model_of_the_clean_twin_is_promoted(
    twin: str, measured: Path, tmp_path: Path
) -> None:
    work = judged(tmp_path, TWINS[twin], measured)
    found = work.round.decision()
    assert work.round.promoted and found["reason"].startswith("Promoted."), found["reason"]
    assert json.loads((tmp_path / "promoted.json").read_text())["model"] == "round-01/model/1-sft"


def test_a_promoted_round_says_whose_labels_nobody_looked_at(
    measured: Path, tmp_path: Path
) -> None:
    work = judged(tmp_path, lambda at: made(at, unnamed(clean())), measured)
    assert work.round.promoted
    assert "Labels of world-qa: nobody audited them" in work.round.decision()["reason"]
