"""Who edits in a round: the recipe's generator, or one that was co-trained and passed."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.engine import Stage
from counterfactory.loop.generators import GENERATOR, Handed, edited_with, handed_on, rivals
from counterfactory.loop.history import History
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import round_of, rounds_of
from counterfactory.loop.mixture import Planning, plan, write_plan
from counterfactory.loop.painting import compare, painted, verdict
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.report_rounds import generator as told
from counterfactory.loop.rounds import Work
from counterfactory.loop.run import run_loop
from counterfactory.loop.slices import Mined
from counterfactory.loop.stages import handing
from counterfactory.loop.taught import overrides_of
from counterfactory.models.ids import identify, models_below

sys.path.append(str(Path(__file__).parent))
from loop_toys import no_page

PLACE = "round-01/model/1-cotrain/generator"
RECIPE = """\
kind: loop
name: small
builds: [{recipe: world-qa}, {recipe: region-diff}]
stages:
- {train: cotrain, data: [region-diff]}
- {train: prefer, data: [world-qa]}
generator: {candidates: 3}
"""


def put(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def work_of(folder: Path, number: int, text: str = RECIPE) -> Work:
    return Work(LoopRecipe.from_document(read(text, "r.yaml")), folder, round_of(folder, number))


def decided(folder: Path, number: int, *, promoted: bool, chosen: str, new: str = PLACE) -> None:
    one = round_of(folder, number)
    put(one.gate, {"promoted": promoted, "model": "model/2-prefer"})
    put(one.folder / GENERATOR, {"chosen": chosen, "stands_for": "pocket", "new": new, "why": "so"})


def cotrained(folder: Path, promoted: bool = True) -> Work:
    """Make a first round that left a pipeline beside its model: a copy of the pocket one."""
    from counterfactory.pocket import path

    work = work_of(folder, 1)
    put(work.round.plan, {"builds": [{"name": "region-diff"}, {"name": "world-qa"}]})
    for name, views in (("region-diff", ["sft", "pairs"]), ("world-qa", ["dpo", "sft"])):
        manifest = {"views": {view: {"rows": 9} for view in views}}
        put(work.round.release(name) / "manifest.json", manifest)
    shutil.copytree(path("inpaint"), folder / PLACE)
    put(work.round.gate, {"promoted": promoted, "model": "model/2-prefer"})
    return work


def test_only_a_promoted_round_hands_its_generator_on(tmp_path: Path) -> None:
    assert handed_on([]) is None
    decided(tmp_path, 1, promoted=True, chosen="new")
    decided(tmp_path, 2, promoted=True, chosen="old", new="round-02/model/1-cotrain/generator")
    decided(tmp_path, 3, promoted=False, chosen="new", new="round-03/model/1-cotrain/generator")
    found = handed_on(rounds_of(tmp_path))
    assert found is not None and (found.stands_for, found.model) == ("pocket", PLACE)
    decided(tmp_path, 1, promoted=False, chosen="new")
    assert handed_on(rounds_of(tmp_path)) is None


def test_the_next_round_builds_with_it_and_goes_on_training_it(tmp_path: Path) -> None:
    decided(tmp_path, 1, promoted=True, chosen="new")
    work = work_of(tmp_path, 2)
    handed = handed_on(work.earlier)
    nothing = Mined(str(tmp_path), "mine", "", 10, 0, "answers", ())
    planning = Planning.of(work.recipe, 2, handed)
    write_plan(plan(nothing, History(), planning), work.round.folder)
    made = resolve(work.round.recipes / "region-diff.yaml")
    assert [op.model for op in made.ops if op.name == "edit"] == [PLACE]  # type: ignore[attr-defined]
    assert [op.model for op in made.ops if op.name == "mask"] == ["pocket"]  # type: ignore[attr-defined]
    assert edited_with(resolve("world-qa"), handed) == []
    assert f'generator="{PLACE}"' in overrides_of(work, work.recipe.stages[0])
    assert not any("generator=" in one for one in overrides_of(work, work.recipe.stages[1]))


def test_a_recipe_that_edits_with_another_model_keeps_it(tmp_path: Path) -> None:
    decided(tmp_path, 1, promoted=True, chosen="new")
    other = resolve("region-diff", ["ops.edit.model=some/where"])
    assert edited_with(other, handed_on(rounds_of(tmp_path))) == []
    text = RECIPE.replace("train: cotrain,", "train: cotrain, set: {generator: some/where},")
    work = work_of(tmp_path, 2, text)
    assert 'generator="some/where"' in overrides_of(work, work.recipe.stages[0])


def test_the_stage_is_there_only_where_there_is_something_to_compare(tmp_path: Path) -> None:
    work = cotrained(tmp_path)
    found = rivals(work)
    assert found is not None
    assert (found.build.title, found.old, found.new) == ("region-diff", "pocket", PLACE)
    with models_below(tmp_path):
        (stage,) = handing(work)
        assert stage.takes(work)["new"] == identify("inpaint", "pocket").revision
        assert stage.takes(work)["recipe"] == resolve("region-diff").fingerprint
        cotrained(tmp_path / "other", promoted=False)
        assert handing(work_of(tmp_path / "other", 1)) == [], "rejected"
    assert handing(work_of(tmp_path, 1, RECIPE.replace("3}", "0}"))) == [], "not wanted"
    classical = RECIPE.replace(
        "{recipe: region-diff}",
        "{recipe: region-diff, set: {ops: {propose: {kinds: {replace: 0, add: 0, remove: 0},"
        " methods: {recolour: {diffusion: 0}, move: {diffusion: 0}}}}}}",
    )
    assert handing(work_of(tmp_path, 1, classical)) == [], "nothing is painted"
    shutil.rmtree(tmp_path / PLACE)
    assert handing(work) == [], "nothing was co-trained"


@pytest.mark.parametrize(
    ("old", "new", "lost", "gained", "n", "chosen"),
    [
        (40, 40, 0, 0, 48, "new"),
        (40, 44, 1, 5, 48, "new"),
        (40, 39, 2, 1, 48, "old"),  # chance, but not as good
        (40, 37, 3, 0, 48, "old"),
        (0, 0, 0, 0, 0, "old"),
    ],
)
def test_the_new_one_edits_where_it_is_not_worse(
    old: int, new: int, lost: int, gained: int, n: int, chosen: str
) -> None:
    found, why, p = verdict(old, new, lost, gained, n)
    assert found == chosen and why and 0 <= p <= 1


def test_equal_generators_pass_alike_and_one_without_weights_loses(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    work = cotrained(tmp_path)
    with models_below(tmp_path):
        found = compare(work)
        assert found["n"] == 3 and found["passed_old"] >= 1
        assert (found["lost"], found["gained"], found["chosen"]) == (0, 0, "new")
        (weights,) = (tmp_path / PLACE / "unet").glob("*.safetensors")
        save_file({name: 0 * one for name, one in load_file(weights).items()}, weights)
        old, new = (_recipe(model) for model in ("pocket", PLACE))
        pairs = list(painted(old, new, tmp_path, frozenset(), 3))
    assert sum(was for was, _ in pairs) > sum(now for _, now in pairs)
    put(work.round.folder / GENERATOR, found)
    assert told(work.round).startswith("The co-trained generator edits from here on: ")


@pytest.mark.parametrize("spoilt", [False, True])
def test_a_loop_compares_and_hands_on_what_is_as_good(spoilt: bool, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    def laid(work: Work) -> None:
        cotrained(tmp_path)
        (weights,) = (tmp_path / PLACE / "unet").glob("*.safetensors")
        if spoilt:
            save_file({name: 0 * one for name, one in load_file(weights).items()}, weights)

    def training(work: Work) -> list[Stage[Work]]:
        return [
            Stage(
                "train/cotrain",
                laid,
                lambda w: {},
                lambda w: [w.round.models / "1-cotrain", w.round.gate],
            )
        ]

    recipe = work_of(tmp_path, 1, f"{RECIPE}rounds: 1\n").recipe
    parts, said = {"training": training, "handing": handing}, list[str]()
    run_loop(recipe, tmp_path, parts=parts, page=no_page, say=said.append)
    assert [line.stage for line in Journal(tmp_path).lines] == ["train/cotrain", "generator"]
    handed = handed_on(rounds_of(tmp_path))
    assert handed == (None if spoilt else Handed("pocket", PLACE))
    assert any(f"the {'old' if spoilt else 'new'} one edits from here on" in line for line in said)
    assert run_loop(recipe, tmp_path, parts=parts, page=no_page, say=said.append)["ran"] == 0


def test_samples_of_a_release_are_not_tried(tmp_path: Path) -> None:
    recipe = _recipe("pocket", n=4)
    source = recipe.source.open(tmp_path, recipe.seed)
    seen = frozenset(source.load(at).source_id for at in range(4))
    assert list(painted(recipe, recipe, tmp_path, seen, 3)) == []


def _recipe(model: str, n: int = 12) -> Recipe:
    kinds = ["ops.propose.kinds={replace: 1}", f"ops.edit.model={model}", "ops.edit.steps=4"]
    return resolve("region-diff", ["seed=5", f"source.n={n}", *kinds])
