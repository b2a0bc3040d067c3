"""Masks, edits and differences: what may be repainted, what was repainted, where pictures differ."""

import numpy as np
import pytest
from tests.toys import BALL, GROUND, PAINT, SUN, ToyModels, context, sample, with_edit

from counterfactory.factory.ops import OPS, changes
from counterfactory.factory.ops.crop import square_crop
from counterfactory.factory.ops.mask import rectangle, shifted
from counterfactory.models.segment import box_iou, mask_box
from counterfactory.records import Candidate, Edit, Object, Reason, Reject

SCENE = sample(SUN, BALL)
MOON = Object(kind="moon", colour="blue", size="large")
REPLACE = Edit(
    kind="replace", method="diffusion", target=SUN, replacement=MOON, prompt_b="a large blue moon"
)
NEW = Object(kind="ball", colour="green", size="small", box=(0.6, 0.1, 0.8, 0.3))
ADD = Edit(kind="add", method="diffusion", replacement=NEW, prompt_b="a small green ball")
PLACE = (0.6, 0.1, 0.85, 0.35)
MOVE = Edit(
    kind="move", method="diffusion", target=SUN, prompt_b="plain background",
    replacement=Object(kind="sun", colour="yellow", size="large", box=PLACE),
)  # fmt: skip
RECOLOUR = Edit(
    kind="recolour", method="classical", target=SUN, replacement=Object(kind="sun", colour="red")
)


def masked(*candidates: Candidate, **knobs) -> list:
    return OPS["mask"](**knobs).setup(context())(list(candidates))


def edited(*edits: Edit, **knobs) -> list:
    models = ToyModels()
    found = masked(
        *(with_edit(SCENE, edit).with_(key=str(i), seed=i) for i, edit in enumerate(edits))
    )
    return OPS["edit"](**knobs).setup(context(models=models))(found)


def test_the_target_mask_is_the_targets_pixels_and_the_repainted_square_has_room() -> None:
    (done,) = masked(with_edit(SCENE, REPLACE))
    assert np.array_equal(done.target_mask, rectangle(SUN.box, 96, 96))
    x0, y0, x1, y1 = (edge * 96 for edge in mask_box(done.mask))
    assert x1 - x0 == y1 - y0 == 30  # 24 px and 3 px of room on each side
    assert done.mask[done.target_mask].all()


def test_a_size_word_can_widen_the_square_to_what_such_things_fill() -> None:
    (done,) = masked(with_edit(SCENE, REPLACE), sides={"large": 40 / 96})
    assert done.mask.any(axis=0).sum() == 45  # 46, less one column beyond the picture's edge


def test_a_classical_recolour_stays_on_the_target_while_diffusion_gets_the_square() -> None:
    tight, wide = masked(with_edit(SCENE, RECOLOUR), with_edit(SCENE, REPLACE))
    assert tight.target_mask.sum() <= tight.mask.sum() < wide.mask.sum()


def test_an_added_thing_has_its_place_and_no_target() -> None:
    (done,) = masked(with_edit(SCENE, ADD))
    assert done.target_mask is None and done.mask[rectangle(NEW.box, 96, 96)].all()


def test_a_move_covers_the_old_place_and_the_new_and_keeps_them_apart() -> None:
    (done,) = masked(with_edit(SCENE, MOVE))
    old = done.extra["old_place"]
    assert old[done.target_mask].all() and done.mask[rectangle(PLACE, 96, 96)].all()
    assert not old[rectangle(PLACE, 96, 96)].any()


def test_a_target_known_by_words_alone_is_found_by_its_look() -> None:
    told = sample(SUN, BALL, caption="A yellow sun and a red ball.")
    nameless = Object(kind="ball", colour="red")
    edit = Edit(kind="remove", method="diffusion", target=nameless)
    (done,) = masked(with_edit(told, edit), min_similarity=0.5)
    assert box_iou(done.edit.target.box, BALL.box) > 0.9


@pytest.mark.parametrize(
    ("target", "knobs", "reason"),
    [
        (Object(kind="ball", colour="blue"), {"min_similarity": 0.5}, Reason.TARGET_NOT_FOUND),
        (Object(kind="ball", colour="red"), {"where": "box"}, Reason.TARGET_NOT_FOUND),
        (Object(kind="ball", colour="red"), {"clip": None}, Reason.TARGET_NOT_FOUND),
        (Object(kind="sun", box=(0.4, 0.4, 0.55, 0.55)), {}, Reason.TARGET_NOT_FOUND),
        (SUN, {"max_area": 0.05}, Reason.MASK_TOO_LARGE),
        (SUN, {"min_area": 0.5, "max_area": 0.9}, Reason.MASK_TOO_SMALL),
    ],
)
def test_a_target_not_found_or_of_no_good_size_is_rejected(
    target: Object, knobs: dict, reason: Reason
) -> None:
    edit = Edit(kind="remove", method="diffusion", target=target)
    (done,) = masked(with_edit(SCENE, edit), **knobs)
    assert isinstance(done, Reject) and done.reason == reason and done.stage == "mask"


def test_one_lost_target_leaves_the_rest_of_the_batch_alone() -> None:
    lost = Edit(
        kind="remove", method="diffusion", target=Object(kind="sun", box=(0.4, 0.4, 0.5, 0.5))
    )
    done = masked(with_edit(SCENE, REPLACE), with_edit(SCENE, lost), with_edit(SCENE, ADD))
    assert [isinstance(one, Reject) for one in done] == [False, True, False]


def test_a_shifted_mask_is_cut_at_the_pictures_edge() -> None:
    mask = rectangle((0.0, 0.0, 0.5, 0.5), 8, 8)
    assert shifted(mask, (0, 0, 0.5, 0.5), (0.75, 0, 1.25, 0.5)).sum() == 4 * 2


def test_diffusion_edits_are_made_in_one_call_and_others_pass_through() -> None:
    first, other, second = edited(REPLACE, RECOLOUR, ADD)
    assert other.image_b is None
    for one, colour in ((first, "blue"), (second, "green")):
        assert np.array_equal(one.image_b[~one.mask], SCENE.image[~one.mask])
        assert (one.image_b[one.mask] == PAINT[colour]).all()


def test_each_picture_gets_its_own_seed_and_the_recipes_knobs() -> None:
    models = ToyModels()
    some = masked(*(with_edit(SCENE, REPLACE).with_(key=str(i), seed=100 + i) for i in range(3)))
    OPS["edit"](steps=5, guidance=3.5).setup(context(models=models))(some)
    (call,) = models.painter.calls
    assert call["seeds"] == [100, 101, 102] and call["steps"] == 5 and call["guidance"] == 3.5


def test_a_moved_thing_keeps_its_pixels_and_leaves_ground() -> None:
    (done,) = edited(MOVE)
    assert (done.image_b[rectangle(PLACE, 96, 96)] == PAINT["yellow"]).all()
    assert (done.image_b[rectangle(SUN.box, 96, 96)] == GROUND).all()
    assert np.array_equal(done.image_b[~done.mask], SCENE.image[~done.mask])


def test_a_round_trip_gives_the_original_the_same_texture_inside_the_mask() -> None:
    (done,) = edited(REPLACE, round_trip=True)
    assert np.array_equal(done.image_a[~done.mask], SCENE.image[~done.mask])
    assert not np.array_equal(done.image_a[done.mask], SCENE.image[done.mask])
    assert "original" in OPS["edit"](round_trip=True).writes_of()


def differing(image_b: np.ndarray, **knobs) -> Candidate | Reject:
    one = with_edit(SCENE, REPLACE, image_b=image_b)
    (done,) = OPS["diff"](**knobs).setup(context())([one])
    return done


def painted(*places: tuple[tuple[float, float, float, float], str]) -> np.ndarray:
    image = SCENE.image.copy()
    for box, colour in places:
        image[rectangle(box, 96, 96)] = PAINT.get(colour, GROUND)
    return image


@pytest.mark.parametrize(
    "knobs", [{}, {"model": None, "clip": None}, {"order": "clip"}, {"prompts": "everything"}]
)
def test_the_changed_region_is_found_without_the_mask(knobs: dict) -> None:
    done = differing(painted((SUN.box, "blue")), **knobs)
    assert box_iou(done.boxes[0], SUN.box) > 0.8


def test_a_move_gives_both_places() -> None:
    done = differing(painted((SUN.box, "ground"), (PLACE, "yellow")))
    assert len(done.boxes) == 2
    assert all(any(box_iou(box, place) > 0.8 for box in done.boxes) for place in (SUN.box, PLACE))


def test_at_most_so_many_regions_come_back_and_none_inside_another() -> None:
    spots = [
        ((x / 8 + 0.02, y / 8 + 0.02, x / 8 + 0.09, y / 8 + 0.09), "blue")
        for x in (0, 3, 5)
        for y in (5, 6, 7)
    ]
    done = differing(painted(*spots), clip=None, max_boxes=4)
    assert len(done.boxes) == 4
    assert not any(changes.within(a, b) for a in done.boxes for b in done.boxes if a != b)


def test_equal_pictures_and_noise_hold_no_difference() -> None:
    assert differing(SCENE.image.copy()).reason == Reason.NO_DIFFERENCE
    noise = np.random.default_rng(0).integers(0, 12, SCENE.image.shape).astype(np.uint8)
    assert differing(np.minimum(SCENE.image, 240) + noise).reason == Reason.NO_DIFFERENCE


def test_crops_that_look_alike_are_no_difference_to_clip() -> None:
    darker = SCENE.image.copy()
    darker[rectangle(SUN.box, 96, 96)] = np.array(PAINT["yellow"]) - 30
    assert differing(darker).reason == Reason.NO_DIFFERENCE
    assert differing(darker, clip=None).boxes


def test_pictures_of_two_sizes_are_a_bug_of_the_chain() -> None:
    with pytest.raises(ValueError, match="expected one size"):
        differing(SCENE.image[:50])


def test_points_lie_in_the_changed_parts_and_in_every_one() -> None:
    changed = rectangle((0.1, 0.1, 0.4, 0.3), 96, 96) | rectangle((0.6, 0.6, 0.9, 0.9), 96, 96)
    found = changes.points(changed, 3)
    assert all(changed[int(y), int(x)] for x, y in found)
    left = sum(x < 48 for x, _ in found.tolist())
    assert 1 <= left <= 3 and 1 <= len(found) - left <= 3
    assert changes.points(np.zeros((9, 9), np.bool_), 3).shape == (0, 2)


def test_a_crop_is_square_and_inside_the_picture() -> None:
    for box in [
        (0.0, 0.0, 0.1, 0.3),
        (0.9, 0.9, 1.0, 1.0),
        (0.0, 0.0, 1.0, 1.0),
        (0.5, 0.5, 0.5, 0.5),
    ]:
        crop = square_crop(np.zeros((40, 90, 3), np.uint8), box)
        assert crop.shape[0] == crop.shape[1] >= 8
