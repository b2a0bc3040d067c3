"""The plan of a round: its builds and their focus, the mix, the budget, the control arm, its files."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from shutil import rmtree

import pytest

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns, columns_of
from counterfactory.factory.recipe import checked, resolve
from counterfactory.factory.recipe_yaml import read
from counterfactory.factory.release.contents import scan
from counterfactory.factory.release.row_labels import row_labels
from counterfactory.factory.run.build import build
from counterfactory.factory.run.ledger import Ledger
from counterfactory.loop.history import History, Past, read_history
from counterfactory.loop.journal import Journal, Line
from counterfactory.loop.mixture import Plan, Planning, plan, targets, write_plan
from counterfactory.loop.parts import parts_of
from counterfactory.loop.recipe import Build, LoopRecipe
from counterfactory.loop.serving import ability, room
from counterfactory.loop.slices import Mined, Slice
from counterfactory.loop.target import choose

BUILDS = (
    *(Build(recipe=name) for name in ("region-diff", "world-qa", "world-math", "world-safety")),
    Build(recipe="world-qa", name="general", always=True),
)
SETTINGS = Planning(builds=BUILDS, rows=1000, number=1, seed=5)


def mined(*slices: tuple[float, tuple[str, ...]]) -> Mined:
    found = tuple(
        Slice(" and ".join(c), c, 200, 100, mass, 50.0, 30.0, 1e-6, 1e-5, ()) for mass, c in slices
    )
    return Mined("eval/mine", "mine", "0" * 64, 1000, 500, "answers", found)


FOUND = mined(
    (0.3, ("task:existence", "kind:leaf")), (0.2, ("task:relation", "relation:near")),
    (0.2, ("request:harmful",)), (0.1, ("task:arithmetic_two",)),
)  # fmt: skip


def by_name(made: Plan) -> dict:
    return {one.name: one for one in made.builds}


def focus_in(overrides: tuple[str, ...]) -> dict[str, float]:
    text = next(one.removeprefix("focus=") for one in overrides if one.startswith("focus="))
    return {one["slice"]: one["weight"] for one in json.loads(text)}


def test_each_build_is_focused_on_its_own_slices() -> None:
    found = by_name(plan(FOUND, History(), SETTINGS))
    edits = focus_in(found["region-diff"].overrides)
    assert edits["task:existence & kind:leaf"] > edits["edit:replace"] > 0
    assert focus_in(found["world-qa"].overrides) == {"task:relation & relation:near": 4.0}
    assert focus_in(found["world-math"].overrides) == {"task:arithmetic_two": 4.0}
    assert not found["world-safety"].focused and not found["general"].focused
    assert found["world-safety"].slices == ("request:harmful",)


def test_rows_add_up_and_every_build_gets_some() -> None:
    made = plan(mined((1.0, ("task:existence", "kind:leaf"))), History(), SETTINGS)
    rows = {one.name: one.rows for one in made.builds}
    assert sum(count for name, count in rows.items() if name != "general") == 1000
    assert min(rows.values()) >= 25 and rows["region-diff"] > 900
    assert rows["general"] == made.mix["general"]["rows"] == 250


def test_builds_of_a_round_never_draw_the_same_scenes() -> None:
    first, second = (plan(FOUND, History(), replace(SETTINGS, number=number)) for number in (1, 2))
    seeds = [one.overrides[0] for made in (first, second) for one in made.builds]
    assert len(set(seeds)) == len(seeds) == 10


def test_the_control_arm_makes_the_same_rows_without_a_focus() -> None:
    made = plan(FOUND, History(), replace(SETTINGS, uniform=True))
    assert made.arm == "uniform" and made.focus == made.targets == ()
    assert targets(FOUND, History(), replace(SETTINGS, uniform=True)) == ()
    assert not any(one.focused for one in made.builds)
    assert sum(one.rows for one in made.builds) == 1250
    asked = by_name(made)["world-qa"].overrides
    assert "source.questions=24" in asked, "only the focus differs, not what is asked and kept"


def test_general_rows_leave_room_for_replay() -> None:
    past = History(releases=(Past(round=1, build="region-diff", folder="r1", rows=500),))
    mix = plan(FOUND, past, replace(SETTINGS, number=2)).mix
    assert mix["aimed"]["rows"] == 1000 and mix["general"]["rows"] == 333, (
        "a fifth of all trained on"
    )
    assert mix["rows"] == 1333 and mix["general"]["share"] == pytest.approx(0.25, abs=1e-3)


def test_a_mix_without_room_is_refused() -> None:
    with pytest.raises(UserError, match=r"mix: replay \+ general: found 0.6 \+ 0.4"):
        plan(FOUND, History(), replace(SETTINGS, replay=0.6, general=0.4))


def test_seconds_limit_rows_once_speeds_are_known() -> None:
    past = History(speeds={one.title: 0.1 for one in BUILDS})
    made = plan(FOUND, past, replace(SETTINGS, seconds=50.0))
    assert sum(one.rows for one in made.builds) == 500
    assert sum(one.seconds or 0 for one in made.builds) == pytest.approx(50, abs=0.5)
    assert "1000 rows would take 125 s" in made.notes[0]


def test_a_low_yield_asks_for_more_samples() -> None:
    made = plan(FOUND, History(yields={"world-math": 0.5}), SETTINGS)
    one = by_name(made)["world-math"]
    n = int(next(o for o in one.overrides if o.startswith("source.n=")).removeprefix("source.n="))
    assert n == pytest.approx(one.rows / 0.5 * 1.05, abs=1)


def test_written_recipes_pass_the_check_and_plans_are_the_same_twice(tmp_path: Path) -> None:
    made = plan(FOUND, History(), SETTINGS)
    assert made == plan(FOUND, History(), SETTINGS)
    path = write_plan(made, tmp_path)
    found = json.loads(path.read_text())
    assert [one["name"] for one in found["builds"]] == [one.name for one in made.builds]
    assert found["focus"] and found["mix"] and found["targets"]
    for one in found["builds"]:
        recipe = checked(tmp_path / one["recipe"])
        assert recipe == resolve(one["base"], one["overrides"])
        assert bool(recipe.focus) == one["focused"]


def test_a_slice_across_tasks_is_split_by_what_is_wrong_in_it() -> None:
    shares = (
        ("task:existence", 0.6),
        ("task:binding", 0.3),
        ("task:existence_popular", 0.3),
        ("task:usual", 0.05),
    )
    broad = replace(mined((0.5, ("asks:yes_no",))).slices[0], focus=shares)
    made = plan(replace(FOUND, slices=(broad,)), History(), SETTINGS)
    assert {(one.of, one.labels) for one in made.targets} == {
        ("asks:yes_no", ("task:existence",)), ("asks:yes_no", ("task:binding",)),
    }  # fmt: skip


def answers(*rows: tuple[str, str, int]) -> Columns:
    """Return answers of (task, verdict, how many), each with its own picture."""
    asked = {
        "verifier": "yes_no", "category": "", "prompt": "Is there a sun?", "gold": "no", "parsed": "yes",
        "suite": "s", "split": "mine", "group_id": "", "harmful": False, "margin": None,
    }  # fmt: skip
    return columns_of(
        {"task": task, "verdict": verdict, "item_id": f"{task}{verdict}{n}", "cluster_id": f"{task}{verdict}{n}",
         "slices": [f"task:{task}", "kind:sun"], **asked}
        for task, verdict, count in rows
        for n in range(count)
    )  # fmt: skip


def test_answers_say_which_part_of_a_slice_is_a_matter_of_wording() -> None:
    columns = answers(
        ("existence", "unparsed", 30), ("existence", "wrong", 5), ("attribute", "wrong", 20),
        ("attribute", "correct", 40), ("usual", "wrong", 1),
    )  # fmt: skip
    parts = {
        part.slice.conditions[1]: part.slice
        for part in parts_of(mined((0.5, ("kind:sun",))), columns)
    }
    assert parts.keys() == {"task:existence", "task:attribute"}, "one wrong answer is no part"
    assert "verdict:unparsed" in parts["task:existence"].conditions
    assert parts["task:attribute"].conditions == ("kind:sun", "task:attribute")
    assert (parts["task:attribute"].items, parts["task:attribute"].errors) == (60, 20)


def test_history_is_read_from_what_a_round_has_left(tmp_path: Path) -> None:
    here = tmp_path / "round-01"
    made = plan(FOUND, History(), SETTINGS)
    here.mkdir()
    write_plan(made, here)
    release = here / "release" / "region-diff"
    release.mkdir(parents=True)
    rows = by_name(made)["region-diff"].rows
    (release / "manifest.json").write_text(json.dumps({"kept": rows // 2, "candidates": rows}))
    leaf = FOUND.slices[0].name
    gate = {"slices": [{"name": leaf, "before": 0.5, "after": 0.25}]}
    (here / "gate.json").write_text(json.dumps(gate))

    history = read_history(tmp_path, before=2)
    one = next(seen for seen in history.seen if seen.name == leaf)
    assert (one.before, one.after, one.gain) == (0.5, 0.25, 0.5)
    assert one.rows == pytest.approx(one.wanted / 2, abs=1) and history.yields["region-diff"] < 0.51
    assert [past.build for past in history.releases] == ["region-diff"]
    lost = [seen for seen in history.seen if seen.build != "region-diff"]
    assert lost and all(seen.rows == 0 and seen.gain is None for seen in lost)
    assert read_history(tmp_path, before=1) == History(yields={}, speeds={})


def asked(folder: Path, overrides: tuple[str, ...]) -> Counter[str]:
    """Return how many questions of each task a small release of planned arithmetic keeps."""
    changes = [*overrides, "source.n=24", "source.batch=8", "checks=[{check: sanity}]"]
    build(resolve("world-math", changes), folder, workers=1, progress=False)
    parts = (row_labels(folder, identity) for identity in identities(folder))
    return Counter(labels[0] for part in parts for labels in part.values())


def identities(folder: Path) -> set[str]:
    return {row["id"].rpartition("-")[0] for row in scan(folder, "grpo", ["id"])}


def test_the_focus_decides_what_arithmetic_is_asked(tmp_path: Path) -> None:
    aimed, control = (
        by_name(plan(FOUND, History(), replace(SETTINGS, uniform=uniform)))["world-math"].overrides
        for uniform in (False, True)
    )
    knobs = [one for one in aimed if one.startswith(("source.every=", "ops."))]
    assert len(knobs) == 2 and set(knobs) < set(control), "only the focus differs"
    assert not any(one.startswith("focus=") for one in control)
    found, even = asked(tmp_path / "aimed", aimed), asked(tmp_path / "control", control)
    assert found.total() == even.total() == 3 * 24, "three questions a picture, as in the recipe"
    assert found["task:arithmetic_two"] > 1.25 * even["task:arithmetic_two"] > 0


def test_no_label_is_promised_that_nothing_steers() -> None:
    for more in (["source.requests=true"], ["source.questions=32"]):
        recipe = resolve(
            "world-qa", [*more, "source.every=[]", "ops=[{op: annotate}]", "views=[sft]"]
        )
        assert ability("qa", recipe).labels(("task:count", "kind:leaf")) == () and not room(recipe)
    safety = ability("world-safety", resolve("world-safety"))
    assert safety.labels(("request:harmful", "kind:leaf")) == ()


def test_each_slice_gets_the_rows_that_the_release_holds_of_it(tmp_path: Path) -> None:
    here = tmp_path / "round-01"
    slices = mined((0.5, ("task:arithmetic_two",)), (0.4, ("task:count", "kind:leaf")))
    only = replace(SETTINGS, builds=(Build(recipe="world-math"),), rows=60)
    here.mkdir()
    write_plan(plan(slices, History(), only), here)
    changes = ["source.n=24", "source.batch=8", "source.every=[arithmetic_two]"]
    recipe = resolve("world-math", [*changes, "checks=[{check: sanity}]"])
    release = here / "release" / "world-math"
    build(recipe, release, workers=1, progress=False)

    rows = {one.name: one.rows for one in read_history(tmp_path, before=2).seen}
    assert rows["task:arithmetic_two"] == len(identities(release)) > 12
    assert rows["task:count and kind:leaf"] == 0, "all that was kept is about something else"
    _, (back,) = choose(
        parts_of(slices)[1:], read_history(tmp_path, before=2), [ability("world-math", resolve("world-math"))],
        rows=24, number=2,
    )  # fmt: skip
    assert "kept none of its rows" in back.why
    rmtree(release.with_name("world-math.build"))
    least = min(one.rows for one in read_history(tmp_path, before=2).seen)
    assert least > 0, "without labels the kept share of the build must do"


def test_a_build_costs_the_time_on_the_clock(tmp_path: Path) -> None:
    here = tmp_path / "round-01"
    made = plan(FOUND, History(), SETTINGS)
    here.mkdir()
    write_plan(made, here)
    for name in ("region-diff", "world-qa"):
        (here / "release" / name).mkdir(parents=True)
        (here / "release" / name / "manifest.json").write_text('{"kept": 100, "candidates": 100}')
    beside = here / "release" / "region-diff.build"
    beside.mkdir()
    with Ledger(beside / "ledger.sqlite") as ledger:
        ledger.add(0, [], 40.0)  # of two workers
    at = "2026-01-01T00:00:00Z"
    Journal(tmp_path).append(
        Line(round=1, stage="build/region-diff", inputs="", outputs="", seconds=20.0, at=at)
    )
    assert read_history(tmp_path, before=2).speeds == {"region-diff": 0.2}


def loop_recipe(stage: str) -> LoopRecipe:
    text = f"kind: loop\nname: small\nbuilds: [{{recipe: world-math}}]\nstages: [{stage}]\n"
    return LoopRecipe.from_document(read(text, "r.yaml"))


def test_rationales_of_the_release_teach_what_no_sample_gets_right() -> None:
    own = loop_recipe("{train: reflect, data: [world-math]}")
    shown = loop_recipe("{train: reflect, data: [world-math], set: {rationales: 200}}")
    assert Planning.of(own, 1).sampled == {"world-math"} and not Planning.of(shown, 1).sampled
    never = replace(FOUND, slices=(replace(FOUND.slices[3], items=90, errors=90),))
    assert plan(never, History(), Planning.of(own, 1)).back
    assert [one.build for one in plan(never, History(), Planning.of(shown, 1)).targets] == [
        "world-math"
    ]
