from dataclasses import replace

import numpy as np
import pytest
from tests import toys
from tests.photos import DISCS, GROUND, candidate, context, disc, overlap, photo, wanted

from counterfactory.factory.ops.caption_region import CaptionRegion
from counterfactory.factory.ops.colours import NAMES, PAINTS, main_colour, name_lab, paint
from counterfactory.factory.ops.edit_classical import EditClassical
from counterfactory.factory.ops.fill import fill
from counterfactory.factory.ops.mask_classical import MaskClassical
from counterfactory.factory.ops.masks import box_of, cut_out, feather, grown, refine, to_lab
from counterfactory.factory.ops.recolour import recoloured
from counterfactory.factory.ops.regions import regions
from counterfactory.records import Candidate, Edit, Object, Reason, Reject

TRUE = [disc(x, y, radius) for x, y, radius, _ in DISCS]


def through(candidate: Candidate, *ops: object) -> Candidate | Reject:
    for op in ops:
        if isinstance(candidate, Candidate):
            candidate = op.setup(context())([candidate])[0]
    return candidate


def edited(kind: str, colour: str = "", **knobs: object) -> Candidate:
    done = through(candidate(wanted(kind, colour), **knobs), MaskClassical(), EditClassical())
    assert isinstance(done, Candidate), done
    return done


def test_every_paint_bears_its_own_name() -> None:
    for word, value in PAINTS.items():
        assert NAMES[name_lab(paint(value)[None])[0]] == word.replace("gray", "grey")


@pytest.mark.parametrize(
    ("rgb", "word"),
    [
        ((255, 0, 0), "red"), ((0, 0, 255), "blue"), ((0, 128, 0), "green"), ((255, 255, 0), "yellow"),
        ((128, 0, 128), "purple"), ((255, 192, 203), "pink"), ((255, 140, 0), "orange"),
        ((139, 69, 19), "brown"), ((5, 5, 5), "black"), ((128, 128, 128), "grey"), ((250, 250, 245), "white"),
    ],
)  # fmt: skip
def test_well_known_colours_get_their_words(rgb: tuple[int, ...], word: str) -> None:
    pixels = np.full((4, 4, 3), rgb, np.uint8)
    assert main_colour(pixels, np.ones((4, 4), np.bool_)) == (word, 1.0)


def test_the_regions_of_a_photograph_are_its_things() -> None:
    pixels = photo()
    found = [refine(pixels, one.mask) for one in regions(pixels, limit=3)]
    for truth in TRUE:
        assert max(overlap(one, truth) for one in found) > 0.85


def test_a_plain_picture_has_no_regions() -> None:
    assert regions(photo(discs=())) == []
    assert regions(np.zeros((64, 64, 3), np.uint8)) == []


def test_a_rough_mask_is_moved_to_the_edge_in_the_picture() -> None:
    rough = disc(62, 58, 24)
    assert overlap(cut_out(photo(), rough, 6), TRUE[0]) > max(0.9, overlap(rough, TRUE[0]))


def test_feather_is_full_inside_and_nothing_outside() -> None:
    cover = feather(TRUE[0])
    assert cover[~TRUE[0]].max() == 0 and cover[60, 60] == 1


@pytest.mark.parametrize("method", ["clone", "telea", "ns"])
def test_a_fill_leaves_the_rest_and_looks_like_the_ground(method: str) -> None:
    hole, pixels = grown(TRUE[0], 6), photo()
    done = fill(pixels, hole, method).pixels
    assert np.array_equal(done[~hole], pixels[~hole])
    ground = photo(discs=())
    gap = np.abs(done.astype(int) - ground.astype(int))[hole].mean()
    assert gap < 6


def test_a_fill_keeps_the_texture_that_is_around() -> None:
    rows, columns = np.mgrid[:200, :200]
    stripes = np.where(((rows + columns) // 6) % 2, 170, 90).astype(np.uint8)
    pixels = np.repeat(stripes[..., None], 3, axis=2)
    hole = disc(100, 100, 22, 200, 200)
    done = fill(np.where(hole[..., None], np.uint8(250), pixels).astype(np.uint8), hole).pixels
    assert np.abs(done.astype(int) - pixels.astype(int))[hole].mean() < 15
    smeared = fill(pixels, hole, "telea").pixels
    assert np.abs(smeared.astype(int) - pixels.astype(int))[hole].mean() > 25


def test_recolouring_keeps_shading_and_leaves_no_fringe() -> None:
    pixels, target = photo(), TRUE[0]
    allowed = grown(target, 2)
    done = recoloured(pixels, target, allowed, paint(PAINTS["green"]))
    assert np.array_equal(done[~allowed], pixels[~allowed])
    assert main_colour(done, target)[0] == "green"
    before, after = (to_lab(one)[..., 0][target] for one in (pixels, done))
    assert np.corrcoef(before, after)[0, 1] > 0.9
    assert (to_lab(done)[allowed][:, 1] > 25).mean() < 0.01  # nothing reddish is left


@pytest.mark.parametrize("kind", ["recolour", "remove", "move", "resize", "add"])
def test_an_edit_changes_its_mask_and_nothing_else(kind: str) -> None:
    done = edited(kind, "green" if kind == "recolour" else "")
    changed = (done.image_a != done.image_b).any(axis=2)
    assert changed[done.mask].mean() > 0.3
    assert not changed[~done.mask].any()
    assert max(overlap(done.target_mask, truth) for truth in TRUE) > 0.85
    assert done.edit.target.box == box_of(done.target_mask)


def test_removal_leaves_ground() -> None:
    done = edited("remove")
    ground = photo(discs=())
    gap = np.abs(done.image_b.astype(int) - ground.astype(int))[done.target_mask].mean()
    assert gap < 8


def test_moving_takes_the_thing_along() -> None:
    done = edited("move")
    x0, y0, _, _ = done.edit.replacement.box
    top, left = round(y0 * 210), round(x0 * 260)
    old = box_of(done.target_mask)
    before = done.image_a[
        round(old[1] * 210) : round(old[3] * 210), round(old[0] * 260) : round(old[2] * 260)
    ]
    after = done.image_b[top : top + before.shape[0], left : left + before.shape[1]]
    middle = np.s_[before.shape[0] // 2 - 4 : before.shape[0] // 2 + 4, before.shape[1] // 2 - 4 :]
    assert np.abs(before[middle].astype(int) - after[middle].astype(int))[:, :8].mean() < 3


def test_resizing_scales_the_thing() -> None:
    done = edited("resize")
    old, new = done.edit.target.box, done.edit.replacement.box
    factor = (new[2] - new[0]) / (old[2] - old[0])
    assert factor == pytest.approx(0.6) or factor == pytest.approx(1.6)


def test_visits_to_one_picture_choose_different_regions() -> None:
    op = MaskClassical().setup(context())
    chosen = {
        op([candidate(wanted("recolour", "green"), visit=i)])[0].edit.target.box for i in range(3)
    }
    assert len(chosen) == 3


def test_the_same_candidate_gives_the_same_pixels() -> None:
    one, other = edited("remove", seed=7), edited("remove", seed=7)
    assert np.array_equal(one.image_b, other.image_b)


def test_recolouring_to_the_colour_it_has_is_not_proposed() -> None:
    only = (DISCS[0],)
    done = through(candidate(wanted("recolour", "red"), image=photo(only)), MaskClassical())
    assert isinstance(done, Reject) and done.reason == Reason.NOTHING_CHANGED


def test_a_named_target_without_a_box_is_not_guessed() -> None:
    edit = Edit(kind="remove", method="classical", target=Object(kind="cup"))
    done = through(candidate(edit), MaskClassical())
    assert isinstance(done, Reject) and done.reason == Reason.TARGET_NOT_FOUND


def test_a_target_with_a_box_is_cut_out_of_it() -> None:
    x, y, radius, _ = DISCS[1]
    box = ((x - radius) / 260, (y - radius) / 210, (x + radius) / 260, (y + radius) / 210)
    edit = Edit(kind="remove", method="classical", target=Object(kind="ball", box=box))
    done = through(candidate(edit), MaskClassical())
    assert overlap(done.target_mask, TRUE[1]) > 0.9
    assert done.edit.target.phrase == "blue ball"


def test_replacing_has_no_classical_method() -> None:
    full = candidate(
        replace(wanted("replace"), target=Object(kind="area")), mask=TRUE[0], target_mask=TRUE[0]
    )
    done = through(full, EditClassical())
    assert isinstance(done, Reject) and "no classical method" in done.note


def test_edits_of_another_method_pass_untouched() -> None:
    given = candidate(replace(wanted("remove"), method="diffusion"))
    assert through(given, EditClassical()) is given


@pytest.mark.parametrize("kind", ["recolour", "remove", "move", "resize", "add"])
def test_texts_name_place_and_colour_and_the_answer_flips(kind: str) -> None:
    done = through(edited(kind, "green" if kind == "recolour" else ""), CaptionRegion())
    assert isinstance(done, Candidate), done
    assert done.answer_a != done.answer_b
    assert done.edit.target.colour in done.difference or done.edit.target.colour in done.question
    for text in (done.caption_a, done.caption_b, done.difference, done.question):
        assert "{" not in text and not text.startswith(("a ", "an "))
    if kind == "recolour":
        assert (done.answer_a, done.answer_b) == (done.edit.target.colour, "green")


def test_a_given_caption_is_kept_and_the_change_is_said_after_it() -> None:
    done = edited("remove")
    told = through(done.with_(sample=replace(done.sample, caption="Three balls.")), CaptionRegion())
    assert told.caption_a == "Three balls."
    assert told.caption_b.startswith("Three balls, but the ") and told.caption_b.endswith(
        " is gone."
    )


@pytest.mark.parametrize("kind", ["recolour", "remove", "move", "add"])
def test_a_text_that_the_pixels_do_not_prove_is_not_written(kind: str) -> None:
    done = edited(kind, "green" if kind == "recolour" else "")
    told = through(done.with_(image_b=done.image_a.copy()), CaptionRegion())
    assert isinstance(told, Reject)
    assert told.reason in (
        Reason.ANSWER_NOT_FLIPPED,
        Reason.OLD_OBJECT_PRESENT,
        Reason.NEW_OBJECT_ABSENT,
    )


def test_with_models_the_outline_and_the_fill_are_theirs() -> None:
    models = toys.ToyModels()
    with_toys = toys.context(models=models)
    given = candidate(wanted("remove"), seed=5)
    (masked,) = MaskClassical(model="any/sam").setup(with_toys)([given])
    (done,) = EditClassical(model="any/inpainter", steps=3).setup(with_toys)([masked])
    assert max(overlap(done.target_mask, truth) for truth in TRUE) > 0.85
    assert models.painter.calls[0]["seeds"] == [5] and models.painter.calls[0]["steps"] == 3
    assert (done.image_b[done.mask] == toys.GROUND).all() and GROUND != toys.GROUND
    assert MaskClassical(model="any/sam").models() == (("sam", "any/sam"),)
    assert EditClassical().models() == ()
