"""What is proposed: shares follow weights, targets are never ambiguous, nothing is a no-op."""

import random
from collections import Counter
from pathlib import Path

import pytest
from pydantic import ValidationError
from tests.toys import BALL, SUN, bare, context, sample

from counterfactory.factory.ops import OPS, lexicon
from counterfactory.factory.ops.propose import Propose
from counterfactory.factory.ops.strata import quotas, share_out
from counterfactory.factory.sources import SOURCES
from counterfactory.records import Candidate, Object, Reason, Reject, Sample

KINDS = {"replace": 2, "recolour": 1, "remove": 1, "add": 1, "move": 1}


@pytest.fixture(scope="module")
def scenes() -> list[Sample]:
    opened = SOURCES["world"](kind="world", n=320).open(Path("."), 0)
    return [opened.load(index) for index in range(320)]


def proposed(op: Propose, samples: list[Sample], focus: dict[str, float] | None = None) -> list:
    """Run in batches of 32, as the engine does."""
    run = op.setup(context(focus))
    batches = [samples[start : start + 32] for start in range(0, len(samples), 32)]
    return [one for batch in batches for some in run([bare(s) for s in batch]) for one in some]


def shares(found: list) -> dict[str, float]:
    kept = [one for one in found if isinstance(one, Candidate)]
    counts = Counter(name for one in kept for name in one.slices)
    return {name: count / len(kept) for name, count in counts.items()}


def test_edit_kinds_follow_their_weights(scenes) -> None:
    found = shares(proposed(OPS["propose"](kinds=KINDS), scenes))
    for kind, weight in KINDS.items():
        assert found[f"edit:{kind}"] == pytest.approx(weight / 6, abs=0.02)


def test_methods_follow_their_weights(scenes) -> None:
    op = OPS["propose"](
        kinds={"recolour": 1}, methods={"recolour": {"diffusion": 3, "classical": 1}}
    )
    counts = Counter(one.edit.method for one in proposed(op, scenes) if isinstance(one, Candidate))
    assert counts["classical"] / sum(counts.values()) == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize(
    "focus",
    [
        {"kind:sun": 3, "kind:moon": 1},
        {"colour:purple": 1, "colour:white": 1, "colour:red": 2},
        {"attribute:colour": 1, "task:count": 2, "relation:above": 1},
        {"task:existence_popular": 1, "edit:move": 1},
        {"kind:sun": 1, "task:relation": 1, "colour:blue": 2},
        {"task:existence & kind:leaf": 2, "edit:move": 1, "task:existence_popular & colour:red": 1},
    ],
)
def test_the_focus_is_followed_within_five_points(scenes, focus: dict[str, float]) -> None:
    found = shares(proposed(OPS["propose"](kinds=KINDS), scenes, focus))
    for name, weight in focus.items():
        assert found.get(name, 0) == pytest.approx(weight / sum(focus.values()), abs=0.05)


def test_no_target_has_a_double_and_no_new_thing_is_there_already(scenes) -> None:
    found = [
        one for one in proposed(OPS["propose"](kinds=KINDS), scenes) if isinstance(one, Candidate)
    ]
    assert len(found) > 300
    for one in found:
        edit, things = one.edit, one.sample.objects
        if edit.target is not None:
            assert sum(lexicon.same(edit.target, other) for other in things) == 1
        if edit.kind in ("replace", "recolour", "add"):
            assert not any(lexicon.same(edit.replacement, other) for other in things)
        if edit.kind == "replace":
            assert edit.replacement.size == edit.target.size
            assert edit.replacement.kind != edit.target.kind


def test_added_and_moved_things_go_where_nothing_is(scenes) -> None:
    op = OPS["propose"](kinds={"add": 1, "move": 1})
    for one in (one for one in proposed(op, scenes[:64]) if isinstance(one, Candidate)):
        x0, y0, x1, y1 = one.edit.replacement.box
        assert 0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1
        for other in one.sample.objects:
            a, b, c, d = other.box
            assert min(c, x1) <= max(a, x0) or min(d, y1) <= max(b, y0)


def test_two_red_balls_make_the_red_ball_no_target() -> None:
    twin = Object(kind="ball", colour="red", size="large", box=(0.1, 0.6, 0.3, 0.8))
    op = OPS["propose"](kinds={"remove": 1}, per_sample=4)
    kept = [one for one in proposed(op, [sample(BALL, twin, SUN)]) if isinstance(one, Candidate)]
    assert kept and all(one.edit.target == SUN for one in kept)
    (only,) = proposed(OPS["propose"](kinds={"remove": 1}), [sample(BALL, twin)])
    assert isinstance(only, Reject) and only.reason == Reason.NO_TARGET


def test_a_sample_gets_as_many_edits_as_asked_and_no_edit_twice() -> None:
    op = OPS["propose"](kinds={"remove": 1}, per_sample=5)
    found = proposed(op, [sample(BALL, SUN)])
    assert len(found) == 5
    assert [isinstance(one, Candidate) for one in found].count(True) == 2


def test_the_caption_serves_where_there_are_no_objects_and_its_lack_is_a_reason_of_its_own() -> (
    None
):
    op = OPS["propose"](kinds={"replace": 1}, targets="caption")
    told = sample(caption="A black dog on a sofa.", name="told")
    first, second = proposed(op, [told, sample(name="mute")])
    assert first.edit.target.kind in ("dog", "sofa")
    assert lexicon.class_of(first.edit.replacement.kind) == lexicon.class_of(first.edit.target.kind)
    assert second.reason == Reason.CAPTION_MISSING


def test_a_full_picture_has_no_space() -> None:
    wall = Object(kind="box", colour="blue", size="large", box=(0.02, 0.02, 0.98, 0.98))
    (only,) = proposed(OPS["propose"](kinds={"add": 1}), [sample(wall)])
    assert only.reason == Reason.NO_SPACE


def test_the_same_batch_is_proposed_the_same_edits(scenes) -> None:
    op = OPS["propose"](kinds=KINDS, per_sample=2)
    once, again = proposed(op, scenes[:32]), proposed(op, scenes[:32])
    assert [one.edit for one in once] == [one.edit for one in again]


def test_unknown_regions_are_edited_without_names() -> None:
    op = OPS["propose"](kinds={"recolour": 1, "remove": 1}, targets="regions")
    found = proposed(op, [sample(name=str(index)) for index in range(8)])
    assert {one.edit.kind for one in found} == {"recolour", "remove"}
    assert all(one.edit.target is None and one.edit.method == "classical" for one in found)


@pytest.mark.parametrize(
    "knobs",
    [
        {"kinds": {"replace": 0}},
        {"kinds": {"replace": -1}},
        {"kinds": {"paint": 1}},
        {"methods": {"replace": {"classical": 1}}},
        {"methods": {"remove": {"diffusion": 0}}},
        {"kinds": {"replace": 1}, "targets": "regions"},
    ],
)
def test_weights_that_cannot_be_followed_are_refused(knobs: dict) -> None:
    with pytest.raises(ValidationError):
        OPS["propose"](**knobs)


def test_quotas_are_off_by_less_than_one_and_right_on_average() -> None:
    weights, total = {"a": 5.0, "b": 1.0, "c": 0.5}, Counter()
    for seed in range(300):
        drawn = quotas(10, weights, random.Random(seed))
        assert sum(drawn.values()) == 10
        assert all(abs(drawn[name] - 10 * w / 6.5) < 1.0001 for name, w in weights.items())
        total.update(drawn)
    assert total["c"] / 3000 == pytest.approx(0.5 / 6.5, abs=0.01)


def test_a_scarce_label_gets_the_only_slots_that_can_bear_it() -> None:
    able = [{"common", "rare"}, *[{"common"}] * 9]
    for seed in range(20):
        given = share_out(able, {"common": 9.0, "rare": 1.0}, random.Random(seed))
        assert given[0] == "rare" and given.count("common") == 9
    assert share_out([set(), {"x"}], {"x": 1.0}, random.Random(0)) == [None, "x"]
