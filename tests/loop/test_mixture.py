"""The plan of a round: its builds and their focus, the mix, the budget, the control arm, its files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns, columns_of
from counterfactory.factory.recipe import checked, resolve
from counterfactory.loop.history import History, Past, read_history
from counterfactory.loop.mixture import Plan, Planning, plan, targets, write_plan
from counterfactory.loop.parts import parts_of
from counterfactory.loop.recipe import Build
from counterfactory.loop.slices import Mined, Slice

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


def test_the_mix_holds_replay_of_earlier_releases_the_newest_most() -> None:
    past = History(releases=tuple(
        Past(round=n, build="region-diff", folder=f"r{n}", rows=500) for n in (1, 2)
    ))  # fmt: skip
    mix = plan(FOUND, past, replace(SETTINGS, number=3)).mix
    assert mix["rows"] == 1666 and mix["replay"]["rows"] == 333
    old, new = mix["replay"]["releases"]
    assert old["rows"] + new["rows"] == 333 and new["rows"] == pytest.approx(2 * old["rows"], abs=1)
    assert sum(mix[part]["share"] for part in ("aimed", "general", "replay")) == pytest.approx(
        1, abs=1e-5
    )


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
