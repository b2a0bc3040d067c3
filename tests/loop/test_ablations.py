"""The shipped ablations: each is `loop/pocket` but for what it takes away."""

from pathlib import Path
from typing import Any

import pytest

from counterfactory.cli import main
from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.factory.recipe_layers import shipped_loops
from counterfactory.loop.mixture import Planning
from counterfactory.loop.recipe import LoopRecipe, checked_loop, resolve_loop
from counterfactory.loop.serving import ability

HEAD = "loop/ablations/"
NAMES = [name.removeprefix(HEAD) for name in shipped_loops() if name.startswith(HEAD)]
DIFFERS = {
    "uniform-focus": {"focus"},
    "no-reflection": {"reflect"},
    "rendered": {"builds"},
    "copy-paste": {"builds"},
    "no-rl": {"skip"},
    "safety-filter": {"filtered", "stages"},
    "poisoned": {"builds"},
    "poisoned-ungated": {"builds", "gated"},
}


def built(recipe: LoopRecipe, name: str) -> Recipe:
    one = next(build for build in recipe.builds if build.title == name)
    return resolve(one.recipe, one.overrides())


def test_every_ablation_is_listed_here() -> None:
    assert set(NAMES) == set(DIFFERS)


@pytest.mark.parametrize("name", NAMES)
def test_an_ablation_is_the_loop_but_for_what_it_says(name: str) -> None:
    recipe, base = checked_loop(HEAD + name), resolve_loop("loop/pocket")
    ours, theirs = recipe.values(), base.values()
    differs = {key for key in ours if ours[key] != theirs[key]} - {"name", "description"}
    assert differs == DIFFERS[name]
    assert recipe.name == name and recipe.description
    text = Path("recipes") / f"{HEAD}{name}.yaml"
    assert (Path(__file__).parents[2] / text).read_text().startswith("# "), "it says what it shows"


def test_a_stage_that_is_left_out_is_not_planned_for() -> None:
    recipe = resolve_loop(HEAD + "no-rl")
    assert [stage.title for stage in recipe.trained] == ["cotrain", "reflect", "prefer"]
    assert "reinforce" in [stage.title for stage in recipe.stages]
    assert not Planning.of(recipe, 1).sampled, "reflection is shown rationales"
    alone = resolve_loop(HEAD + "no-rl", ["stages.reflect.set.rationales=0"])
    assert Planning.of(alone, 1).sampled == {"world-math"}
    with pytest.raises(Exception, match="did you mean 'reinforce'"):
        resolve_loop("loop/pocket", ["skip=[reinforse]"])
    with pytest.raises(Exception, match="expected a stage that is left"):
        resolve_loop("loop/pocket-quick", ["skip=[sft, prefer]"])


def test_the_check_of_a_recipe_names_the_stages_that_are_left(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["recipe", "check", HEAD + "no-rl"]) == 0
    assert "then cotrain, reflect, prefer\n" in capsys.readouterr().out.replace(")", "")


def test_a_filter_learns_from_requests_that_the_model_never_refuses() -> None:
    recipe = resolve_loop(HEAD + "safety-filter")
    assert not Planning.of(recipe, 1).sampled
    unfiltered = recipe.model_copy(update={"filtered": False})
    assert "world-safety" in Planning.of(unfiltered, 1).sampled


def test_the_bounds_make_pictures_in_their_own_way() -> None:
    names = {
        name: [op.name for op in built(resolve_loop(HEAD + name), "region-diff").ops]
        for name in ("rendered", "copy-paste")
    }
    assert names["rendered"] == ["propose", "mask", "render", "diff", "caption"]
    assert names["copy-paste"] == ["propose", "mask", "edit_classical", "diff", "caption"]
    able = ability("region-diff", built(resolve_loop(HEAD + "copy-paste"), "region-diff"))
    assert able.edits == {"recolour", "remove", "move"}


def test_poison_reaches_every_build_with_questions() -> None:
    recipe = resolve_loop(HEAD + "poisoned")
    shares: dict[str, Any] = {
        build.title: getattr(built(recipe, build.title).source, "mislabelled", None)
        for build in recipe.builds
    }
    asked = {"world-qa": 0.3, "world-math": 0.3, "general": 0.3}
    clean = {"region-diff": 0.0, "world-safety": 0.0, "requests": 0.0}
    assert shares == {**clean, **asked}
