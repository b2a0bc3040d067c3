"""What CLIP is asked about a pair, and what each answer means."""

import pytest
from pydantic import ValidationError
from tests.toys import BALL, GROUND, PAINT, SUN, context, sample, with_edit

from counterfactory.factory.checks import CHECKS
from counterfactory.factory.ops.mask import rectangle
from counterfactory.records import Edit, Object, Reason, Verdict

SCENE = sample(SUN, BALL)
MOON = Object(kind="moon", colour="blue", size="large")
PLACE = (0.6, 0.1, 0.85, 0.35)
EDITS = {
    "replace": Edit(kind="replace", method="diffusion", target=SUN, replacement=MOON),
    "remove": Edit(kind="remove", method="diffusion", target=SUN),
    "add": Edit(
        kind="add", method="diffusion", replacement=Object(kind="moon", colour="blue", box=PLACE)
    ),
    "move": Edit(
        kind="move",
        method="diffusion",
        target=SUN,
        replacement=Object(kind="sun", colour="yellow", box=PLACE),
    ),
}


def judged(
    check: str, edit: Edit, changes: dict, knobs: dict | None = None, **more
) -> list[Verdict]:
    image = SCENE.image.copy()
    for box, colour in changes.items():
        image[rectangle(box, 96, 96)] = PAINT.get(colour, GROUND)
    one = with_edit(SCENE, edit, image_b=image, mask=rectangle(SUN.box, 96, 96), **more)
    (verdicts,) = CHECKS[check](**(knobs or {})).setup(context())([one])
    return verdicts


def failed(verdicts: list[Verdict]) -> list[tuple[str, Reason | None]]:
    return [(one.check, one.reason) for one in verdicts if not one.passed]


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("replace", {SUN.box: "blue"}),
        ("remove", {SUN.box: "ground"}),
        ("add", {PLACE: "blue"}),
        ("move", {SUN.box: "ground", PLACE: "yellow"}),
    ],
)
def test_an_edit_that_was_made_is_present(kind: str, changes: dict) -> None:
    verdicts = judged("presence", EDITS[kind], changes, {"rivals": False})
    assert failed(verdicts) == [] and all(one.score > 0 for one in verdicts)


@pytest.mark.parametrize(
    ("kind", "changes", "reason"),
    [
        ("replace", {}, Reason.OLD_OBJECT_PRESENT),
        ("replace", {SUN.box: "ground"}, Reason.NEW_OBJECT_ABSENT),
        ("replace", {SUN.box: "purple"}, Reason.NEW_OBJECT_ABSENT),
        ("remove", {}, Reason.OLD_OBJECT_PRESENT),
        ("add", {}, Reason.NEW_OBJECT_ABSENT),
        ("move", {SUN.box: "ground"}, Reason.NEW_OBJECT_ABSENT),
        ("move", {PLACE: "yellow"}, Reason.OLD_OBJECT_PRESENT),
    ],
)
def test_an_edit_that_was_not_made_fails_with_what_is_wrong(
    kind: str, changes: dict, reason: Reason
) -> None:
    found = failed(
        judged("presence", EDITS[kind], changes, {"rivals": kind == "replace", "margin": 0.01})
    )
    assert ("presence.b", reason) in found


def test_a_target_that_is_not_in_the_original_fails_on_its_side() -> None:
    wrong = Object(kind="sun", colour="red", size="large", box=SUN.box)
    edit = Edit(kind="replace", method="diffusion", target=wrong, replacement=MOON)
    verdicts = judged("presence", edit, {SUN.box: "blue"}, {"rivals": False})
    assert failed(verdicts) == [("presence.a", Reason.TARGET_NOT_FOUND)]


def test_a_difference_elsewhere_is_the_wrong_region() -> None:
    verdicts = judged(
        "presence", EDITS["replace"], {BALL.box: "blue"}, {"where": "boxes"}, boxes=(BALL.box,)
    )
    assert failed(verdicts) == [("presence.region", Reason.WRONG_REGION)]


TEXTS = {"caption_a": "a yellow sun and a red ball", "caption_b": "a blue moon and a red ball"}


@pytest.mark.parametrize("view", ["whole", "region", "both"])
def test_each_picture_prefers_its_own_caption(view: str) -> None:
    verdicts = judged(
        "swap", EDITS["replace"], {SUN.box: "blue"}, {"view": view}, boxes=(SUN.box,), **TEXTS
    )
    assert [one.check for one in verdicts] == ["swap.a", "swap.b"] and failed(verdicts) == []


def test_swapped_captions_fail_on_both_sides() -> None:
    swapped = {"caption_a": TEXTS["caption_b"], "caption_b": TEXTS["caption_a"]}
    found = failed(judged("swap", EDITS["replace"], {SUN.box: "blue"}, **swapped))
    assert found == [(f"swap.{side}", Reason.CAPTION_NOT_PREFERRED) for side in "ab"]


def test_a_tie_between_captions_is_no_preference() -> None:
    same = {"caption_a": TEXTS["caption_a"], "caption_b": TEXTS["caption_a"]}
    assert len(failed(judged("swap", EDITS["replace"], {SUN.box: "blue"}, **same))) == 2


def test_a_skipped_edit_kind_is_not_asked_about() -> None:
    same = {"caption_a": TEXTS["caption_a"], "caption_b": TEXTS["caption_a"]}
    assert judged("swap", EDITS["move"], {}, {"skip": ["move"]}, **same) == []
    assert len(judged("swap", EDITS["replace"], {}, {"skip": ["move"]}, **same)) == 2


def test_the_similarity_band_has_a_reason_for_each_side() -> None:
    edit = EDITS["replace"]
    assert failed(judged("similarity", edit, {})) == [("similarity.max", Reason.PAIR_TOO_SIMILAR)]
    everything = {(0.0, 0.0, 1.0, 1.0): "purple"}
    assert failed(judged("similarity", edit, everything)) == [
        ("similarity.min", Reason.PAIR_TOO_DIFFERENT)
    ]
    kept = judged("similarity", edit, {SUN.box: "blue"}, {"min": 0.1, "max": 0.98})
    assert failed(kept) == [] and kept[0].judge == "clip:pocket" and kept[0].threshold == 0.1


def test_a_band_without_room_is_refused() -> None:
    with pytest.raises(ValidationError):
        CHECKS["similarity"](min=0.9, max=0.8)


def test_no_candidates_are_no_verdicts() -> None:
    for name in ("presence", "swap", "similarity"):
        assert CHECKS[name]().setup(context())([]) == []
