"""Loop recipes: what they resolve to, and what is said of a wrong one."""

from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.factory.recipe import resolve
from counterfactory.factory.recipe_layers import find_recipe, shipped_loops
from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.recipe import LoopRecipe, flat, resolve_loop
from counterfactory.loop.recipe_parts import part_problems, settings_of

SMALL = """\
kind: loop
name: small
builds:
- {recipe: region-diff}
- {recipe: world-qa, name: general, always: true, set: {source: {n: 50}}}
stages:
- {train: sft, data: [region-diff], replay: [general, earlier], steps: 4, set: {lr: 1.0e-3}}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        LoopRecipe.from_document(read(text, "r.yaml"))
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", shipped_loops())
def test_a_shipped_loop_names_what_there_is(name: str) -> None:
    recipe = resolve_loop(name)
    assert name.startswith("loop/") and Path(name).name == recipe.name and recipe.description
    lacking = [text for _, text in part_problems(recipe)]
    wanted = 1 if recipe.suite == "standard" else 0  # its index is made by the user
    assert len(lacking) == wanted
    for text in lacking:
        assert "index standard standard.jsonl.gz" in text
        assert text.startswith(", ".join(build.title for build in recipe.builds))
    again = LoopRecipe.from_document(read(recipe.yaml(), "again.yaml"))
    assert again == recipe and again.fingerprint == recipe.fingerprint


def test_the_four_loops_are_shipped() -> None:
    wanted = {"loop/pocket-quick", "loop/pocket", "loop/qwen2.5-vl", "loop/smolvlm"}
    assert wanted <= set(shipped_loops())


def test_parts_are_named_and_their_changes_are_flat() -> None:
    recipe = LoopRecipe.from_document(read(SMALL, "r.yaml"))
    assert [build.title for build in recipe.builds] == ["region-diff", "general"]
    assert recipe.builds[1].overrides() == ["source.n=50"]
    settings = settings_of(recipe.stages[0])
    assert (settings.steps, settings.lr) == (4, 1e-3)
    assert flat({"lora": {"rank": 8}, "bf16": True, "parts": ["qa"]}) == [
        "lora.rank=8",
        "bf16=true",
        'parts=["qa"]',
    ]


def test_set_reaches_a_stage_and_a_build_by_name(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SMALL)
    recipe = resolve_loop(
        str(path), ["stages.sft.steps=9", "builds.region-diff.set.source.n=7", "focus=uniform"]
    )
    assert recipe.stages[0].steps == 9
    assert recipe.builds[0].overrides() == ["source.n=7"]
    assert recipe.focus == "uniform"
    assert recipe.fingerprint != resolve_loop(str(path)).fingerprint


def test_a_description_does_not_change_the_fingerprint() -> None:
    plain = LoopRecipe.from_document(read(SMALL, "r.yaml"))
    told = LoopRecipe.from_document(read(SMALL + "description: for a test\n", "r.yaml"))
    assert told.fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("train: sft", "train: sftt", "r.yaml:7: stages.0.train: found 'sftt'.*did you mean 'sft'"),
        ("recipe: region-diff", "recipe: regiondiff",
         "^r.yaml:4: builds.0.recipe: found recipe 'regiondiff'[^\n]*did you mean 'region-diff'[^\n]*$"),
        ("data: [region-diff]", "data: [region-dif]", "did you mean 'region-diff'"),
        ("data: [region-diff]", "data: [earlier]", "found 'earlier', expected a build"),
        ("steps: 4", "stpes: 4", "found an unknown key.*did you mean 'steps'"),
        ("steps: 4", "steps: 0", "stages.0.steps: found 0"),
        ("name: general", "name: region-diff", "found 'region-diff' twice"),
        ("recipe: region-diff", "recipe: ./Region Diff.yaml",
         "r.yaml:4: builds.0.name: found 'Region Diff', expected a name that matches"),
        ("kind: loop", "kind: loop\nmodel: pockt", "did you mean 'pocket'"),
        ("kind: loop", "kind: loop\nfocus: unifrom", "did you mean 'uniform'"),
    ],
)  # fmt: skip
def test_a_wrong_recipe_says_where_and_what_would_be_right(old: str, new: str, said: str) -> None:
    import re

    found = "\n".join(problems(SMALL.replace(old, new)))
    assert re.search(said, found), found


def test_a_wrong_setting_or_build_is_found_before_anything_runs() -> None:
    text = SMALL.replace("lr: 1.0e-3", "lrr: 1.0e-3").replace("n: 50", "m: 50")
    recipe = LoopRecipe.from_document(read(text, "r.yaml"))
    found = dict(part_problems(recipe))
    assert "did you mean 'lr'" in found["stages", 0, "set"]
    assert "source.m: found an unknown key" in found["builds", 1]


def test_a_filter_needs_a_build_with_preferences() -> None:
    text = """\
kind: loop
name: small
filtered: true
stages: [{train: sft, data: [world-math]}]
builds:
- {recipe: world-math}
"""
    found = list(part_problems(LoopRecipe.from_document(read(text, "r.yaml"))))
    said = "found True, expected a build with the view 'dpo', which the filter learns from"
    assert found == [(("filtered",), said)]
    more = text + "- {recipe: world-safety}\n"
    assert not list(part_problems(LoopRecipe.from_document(read(more, "r.yaml"))))


def test_a_release_may_lie_in_a_folder_or_on_the_hub(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    text = SMALL.replace("data: [region-diff]", f"data: [acme/pairs@v1, {tmp_path}]")
    assert not list(part_problems(LoopRecipe.from_document(read(text, "r.yaml"))))


def test_each_kind_of_recipe_points_to_its_command() -> None:
    with pytest.raises(UserError, match="counterfactory build"):
        resolve_loop("region-diff")
    with pytest.raises(UserError, match="counterfactory loop run"):
        resolve("loop/pocket")


def test_a_misspelt_loop_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'loop/pocket'"):
        find_recipe("loop/poket")
