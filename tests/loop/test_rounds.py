"""What a round starts from, what it may learn from, and what carries over."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from failing_rows import scenes, written

from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.doing import gate, mine
from counterfactory.loop.engine import Engine, plain
from counterfactory.loop.journal import Journal, Line
from counterfactory.loop.judged import data_verdict, decision
from counterfactory.loop.layout import round_of
from counterfactory.loop.purpose import learned
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, point
from counterfactory.loop.stages import STAGES, model_print
from counterfactory.loop.taught import overrides_of, share_of, steps_of

RECIPE = """\
kind: loop
name: small
rounds: 3
builds: [{recipe: region-diff}, {recipe: world-qa, always: true}, {recipe: world-safety}]
stages:
- {train: sft, data: [region-diff], replay: [world-qa, earlier], steps: 100, seconds: 10}
- {train: reinforce, data: [world-qa, world-safety], set: {multiplier_most: 3}}
mix: {replay: 0.2, general: 0.1}
"""


def put(path: Path, values: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


def work_of(folder: Path, number: int) -> Work:
    return Work(LoopRecipe.from_document(read(RECIPE, "r.yaml")), folder, round_of(folder, number))


def past(folder: Path, number: int, promoted: bool, **views: list[str]) -> Work:
    """Make a round as it lies on disk: plan, releases with their views, decision."""
    work = work_of(folder, number)
    names = {"region-diff": ["sft", "pairs"], "world-qa": ["sft", "grpo", "dpo"], **views}
    put(work.round.plan, {"builds": [{"name": name} for name in names]})
    for name, held in names.items():
        manifest = {"name": name, "views": {view: {"rows": 9} for view in held}}
        put(work.round.release(name) / "manifest.json", manifest)
    put(work.round.data, {"passed": True})
    put(work.round.gate, {"promoted": promoted, "model": "model/2-reinforce"})
    return work


def steps(folder: Path, title: str, lines: list[dict[str, float]]) -> None:
    path = folder / "model" / title / "training.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_a_round_starts_from_the_last_promoted_model_and_its_measurement(tmp_path: Path) -> None:
    first = work_of(tmp_path, 1)
    assert first.model == "pocket" and first.before == first.round.before
    one, two = past(tmp_path, 1, True), past(tmp_path, 2, False)
    third = work_of(tmp_path, 3)
    assert third.model == str(one.round.folder / "model" / "2-reinforce")
    assert third.before == one.round.after
    point(tmp_path, [one.round, two.round])
    assert json.loads((tmp_path / "promoted.json").read_text())["round"] == 1


def test_a_model_goes_by_its_bytes_whatever_its_folder_is_called(tmp_path: Path) -> None:
    folder = tmp_path / "12:00" / "model"
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"one")
    before = model_print(str(folder))
    (folder / "model.safetensors").write_bytes(b"another")
    assert model_print(str(folder)) != before
    assert model_print("openai:http://localhost:1/v1#x") == "openai:http://localhost:1/v1#x"


def test_a_decision_moves_the_pointer_with_it(tmp_path: Path) -> None:
    one, two = past(tmp_path, 1, True), past(tmp_path, 2, True)
    point(tmp_path, [one.round, two.round])
    put(two.round.data, {"passed": False, "reason": "all answers are yes"})
    gate(two)
    assert not two.round.promoted
    assert json.loads((tmp_path / "promoted.json").read_text())["round"] == 1


def test_a_build_that_kept_nothing_costs_its_stages_and_not_the_round(tmp_path: Path) -> None:
    work = past(tmp_path, 1, True)
    assert [stage.train for stage, _ in work.trainings()] == ["sft", "reinforce"]
    folder = work.round.release("region-diff")
    (folder / "manifest.json").unlink()
    put(folder / "failed.json", {"reason": "gates.min_yield: found 0"})
    assert [(s.train, path.name) for s, path in work.trainings()] == [("reinforce", "1-reinforce")]
    assert work.found(["region-diff"]) == []


def test_an_edited_build_recipe_is_planned_anew_with_what_depends_on_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "one", tmp_path / "two"
    for place in (first, second):
        place.mkdir()
        (place / "mine.yaml").write_text("extends: world-qa\nsource: {batch: 16}\n")
    monkeypatch.chdir(first)
    text = """\
kind: loop
name: small
builds: [{recipe: ./mine.yaml}, {recipe: world-math}]
stages: [{train: sft, data: [mine, world-math]}]
"""
    recipe = LoopRecipe.from_document(read(text, "r.yaml"))
    work = Work(recipe, tmp_path / "loop", round_of(tmp_path / "loop", 1))
    written(work.round.mine, scenes(400, wrong=lambda row: 0.9 * ("kind:leaf" in row["slices"])))
    mine(work)
    *_, stage = STAGES["opening"](work)

    def planned() -> bool:
        return Engine(Journal(work.folder)).do(1, stage, work, work.round.folder)

    def builds() -> dict[str, Any]:
        *found, _ = STAGES["building"](work)
        return {one.name: plain(one.takes(work)) for one in found}

    assert planned() and not planned()
    before = builds()
    (first / "mine.yaml").write_text("extends: world-qa  # mine\nsource: {batch: 16}\n")
    assert not planned(), "a comment changes nothing"
    monkeypatch.chdir(second)
    assert not planned(), "nor does the place that the same recipe is read from"
    (second / "mine.yaml").write_text("extends: world-qa\nsource: {batch: 8}\n")
    assert planned() and not planned()
    assert {name for name, takes in builds().items() if takes != before[name]} == {"build/mine"}


def test_nothing_but_empty_builds_is_a_rejected_round_that_says_so(tmp_path: Path) -> None:
    work = work_of(tmp_path, 1)
    put(work.round.plan, {"builds": [{"name": "region-diff"}]})
    put(work.round.release("region-diff") / "failed.json", {"reason": "none of 40 was kept"})
    put(work.round.data, data_verdict(work))
    assert list(STAGES["teaching"](work)) == [], "nothing is trained"
    found = decision(work)
    assert found["promoted"] is False and found["rejected_by"] == "data"
    assert "none of 40 was kept" in found["reason"]
    assert found["compared_with"] == "round-01/eval/before"


def test_a_training_that_found_nothing_to_learn_is_passed_over_by_the_next(tmp_path: Path) -> None:
    work = past(tmp_path, 1, False)
    first, second = (out for _, out in work.trainings())
    stages = STAGES["teaching"](work)
    assert next(iter(stages)).name == "train/sft"
    put(first / "failed.json", {"reason": "none of its samples is right"})
    (reinforce, after) = stages
    assert reinforce.run.keywords["model"] == "pocket", "it starts where the first would have"
    assert after.run.keywords["model"] == str(second)
    assert work.taught() == [second]


def test_a_round_is_averaged_with_the_promoted_ones_before_it(tmp_path: Path) -> None:
    for number, promoted in ((1, True), (2, False), (3, True)):
        past(tmp_path, number, promoted)
    fourth = past(tmp_path, 4, False)
    assert fourth.kept == 0.0 and fourth.made == fourth.taught()[-1]
    work = replace(fourth, recipe=fourth.recipe.model_copy(update={"averaged": True}))
    *_, average, after = STAGES["teaching"](work)
    assert average.name == "average" and work.kept == pytest.approx(2 / 3)
    assert average.run.keywords == {"model": str(work.taught()[-1]), "out": work.made}
    assert after.run.keywords["model"] == str(work.made) == str(work.round.models / "3-average")
    alone = replace(work, round=round_of(tmp_path / "other", 1), folder=tmp_path / "other")
    assert alone.kept == 0.0, "the first round has nothing to be averaged with"


def test_a_round_in_which_nothing_was_learned_is_rejected_and_says_so(tmp_path: Path) -> None:
    work = past(tmp_path, 1, False)
    for _, out in work.trainings():
        put(out / "failed.json", {"reason": f"{out.name}: all rewards are equal."})
    assert [stage.name for stage in STAGES["teaching"](work)] == ["train/sft", "train/reinforce"]
    found = decision(work)
    assert found["promoted"] is False and "2-reinforce: all rewards are equal." in found["reason"]


def test_a_stage_waits_for_a_release_with_the_views_it_needs(tmp_path: Path) -> None:
    work = past(tmp_path, 1, True, **{"world-qa": ["sft"]})
    assert [stage.train for stage, _ in work.trainings()] == ["sft"]


def test_a_round_without_preferences_is_measured_without_a_filter(tmp_path: Path) -> None:
    for number, views in ((1, ["sft", "dpo"]), (2, ["sft"])):
        work = past(tmp_path, number, False, **{"world-qa": views})
        work = replace(work, recipe=work.recipe.model_copy(update={"filtered": True}))
        *_, last, after = STAGES["teaching"](work)
        fitted = last.name == "filter"
        assert fitted == ("dpo" in views)
        assert after.run.keywords["model"].startswith("filtered:") == fitted


def test_the_multiplier_goes_on_where_the_promoted_model_left_it(tmp_path: Path) -> None:
    one = past(tmp_path, 1, True)
    steps(one.round.folder, "2-reinforce", [{"multiplier": 1.0}, {"multiplier": 2.25}])
    past(tmp_path, 2, False)
    steps(round_of(tmp_path, 2).folder, "2-reinforce", [{"multiplier": 0.5}])
    third = work_of(tmp_path, 3)
    assert "multiplier=2.25" in overrides_of(third, third.recipe.stages[1])
    steps(one.round.folder, "2-reinforce", [{"multiplier": 9.0}])
    assert "multiplier=3" in overrides_of(third, third.recipe.stages[1]), "not above the most"
    assert not any("multiplier=" in one for one in overrides_of(third, third.recipe.stages[0]))
    past(tmp_path, 3, True)  # promoted without a reinforcement
    fourth = work_of(tmp_path, 4)
    assert "multiplier=3" in overrides_of(fourth, fourth.recipe.stages[1])


def test_a_stage_whose_name_ends_alike_is_another(tmp_path: Path) -> None:
    one = past(tmp_path, 1, True)
    steps(one.round.folder, "1-safe-reinforce", [{"multiplier": 1.5}])
    steps(one.round.folder, "2-reinforce", [{"multiplier": 2.5}])
    second = work_of(tmp_path, 2)
    assert "multiplier=2.5" in overrides_of(second, second.recipe.stages[1])


def test_seconds_cut_the_steps_by_the_speed_of_the_last_round(tmp_path: Path) -> None:
    first = work_of(tmp_path, 1)
    assert steps_of(first, first.recipe.stages[0]) == 100, "nothing is known yet"
    past(tmp_path, 1, False)
    steps(round_of(tmp_path, 1).folder, "1-sft", [{"seconds": 0.4}, {"seconds": 0.6}])
    second = work_of(tmp_path, 2)
    assert steps_of(second, second.recipe.stages[0]) == 20
    done = Line(
        round=1, stage="train/sft", inputs="", outputs="", seconds=6.0, at="2026-01-01T00:00:00Z"
    )
    Journal(tmp_path).append(done)
    assert steps_of(second, second.recipe.stages[0]) == 10, "what is no step takes 5 seconds"


def test_a_step_of_a_method_that_trains_twice_is_one_of_each_time(tmp_path: Path) -> None:
    past(tmp_path, 1, False)
    lines = [{"seconds": 0.5, "round": number} for number in (0, 1) for _ in range(4)]
    steps(round_of(tmp_path, 1).folder, "1-sft", lines)
    second = work_of(tmp_path, 2)
    assert steps_of(second, second.recipe.stages[0]) == 10


def test_every_round_and_stage_has_a_seed_of_its_own(tmp_path: Path) -> None:
    seeds = {
        overrides_of(work_of(tmp_path, number), stage)[-1]
        for number in (1, 2)
        for stage in work_of(tmp_path, number).recipe.stages
    }
    assert len(seeds) == 4 and all(seed.startswith("seed=") for seed in seeds)


def test_only_releases_with_answers_to_repeat_are_replayed(tmp_path: Path) -> None:
    one = past(tmp_path, 1, True, **{"world-safety": ["dpo", "kto"]})
    second = work_of(tmp_path, 2)
    assert one.round.release("world-safety") in second.earlier_releases()
    found = [Path(place).name for place in second.found(["earlier"])]
    assert found == ["region-diff", "world-qa"]


def test_a_build_that_is_no_longer_planned_is_not_replayed(tmp_path: Path) -> None:
    one = past(tmp_path, 1, True)
    second = work_of(tmp_path, 2)
    assert [path.name for path in second.earlier_releases()] == ["region-diff", "world-qa"]
    put(one.round.plan, {"builds": [{"name": "region-diff"}]})
    assert [path.name for path in second.earlier_releases()] == ["region-diff"]


def test_a_release_of_this_round_without_answers_is_not_replayed_either(tmp_path: Path) -> None:
    work = past(tmp_path, 1, True, **{"world-qa": ["dpo"]})
    stage = work.recipe.stages[0].model_copy(update={"replay": ("world-qa", "acme/talks@v1")})
    assert work.replayed(stage) == ["acme/talks@v1"]
    assert len(past(tmp_path, 1, True).replayed(stage)) == 2


@pytest.mark.parametrize(
    ("names", "share"), [(["world-qa"], 0.1), (["earlier"], 0.2), (["world-qa", "earlier"], 0.3)]
)
def test_the_mix_says_how_much_is_replayed(tmp_path: Path, names: list[str], share: float) -> None:
    past(tmp_path, 1, True)
    past(tmp_path, 2, True)
    work = work_of(tmp_path, 2)
    stage = work.recipe.stages[0]
    assert share_of(work, stage, work.found(names)) == pytest.approx(share)
    assert share_of(work, stage, []) is None


def test_the_plan_tells_the_share_that_a_stage_sets_itself(tmp_path: Path) -> None:
    past(tmp_path, 1, True)
    work = work_of(tmp_path, 2)
    (stage,) = learned(work, ["region-diff", "world-qa"])[:1]
    assert stage["data"] == ["round-02/release/region-diff"] and stage["share"] == pytest.approx(
        0.3
    )
    assert stage["replay"] == [
        "round-02/release/world-qa", "round-01/release/region-diff", "round-01/release/world-qa",
    ]  # fmt: skip
    said = RECIPE.replace("seconds: 10", "seconds: 10, set: {replay_share: 0.45}")
    recipe = LoopRecipe.from_document(read(said, "r.yaml"))
    (stage, *_) = learned(replace(work, recipe=recipe), ["region-diff"])
    assert stage["share"] == 0.45 and len(stage["replay"]) == 2
