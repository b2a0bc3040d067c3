"""The oracle accepts what is right and names what is wrong.

Pairs are drawn from edited scene graphs, as only tests may.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.factory.world.nearest import look, without
from counterfactory.factory.world.oracle import boxes_right, score, true_regions, truth_of
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import COLOURS, SIDE, scene_at
from counterfactory.factory.world.texts import answer, caption_problems, same_answer


def square(thing, pad=4):
    mask = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = thing.square
    mask[max(y0 - pad, 0) : y1 + pad, max(x0 - pad, 0) : x1 + pad] = True
    return mask


def single(index=0):
    """Return a biased scene with one thing, and its number."""
    found = [i for i in range(200) if len(scene_at("biased", "train", 0, i).things) == 1]
    return scene_at("biased", "train", 0, found[index]), found[index]


def recoloured(index=0):
    """Return a right row: the only thing of a scene in another colour."""
    scene, number = single(index)
    old = scene.things[0]
    colour = next(c for c in COLOURS if c != old.colour)
    after = replace(scene, things=(replace(old, colour=colour),))
    row = {
        "id": "x", "image_a": render(scene), "image_b": render(after), "mask": square(old),
        "edit": {"kind": "recolour", "method": "diffusion", "target": f"{old.size} {old.colour} {old.kind}",
                 "replacement": f"{old.size} {colour} {old.kind}"},
        "caption_a": f"A {old.colour} {old.kind}.", "caption_b": f"A {colour} {old.kind}.",
        "difference": f"The {old.colour} {old.kind} is now {colour}.",
        "question": f"What colour is the {old.kind}?", "answer_a": old.colour, "answer_b": colour,
        "provenance": {"source_id": f"world:biased:0:{number}", "ops": ["propose", "mask", "edit", "caption"]},
    }  # fmt: skip
    row["boxes"] = [list(true_regions(truth_of(scene, row["edit"], row["mask"]))[0])]
    return row


@given(st.integers(0, 10_000), st.sampled_from(["balanced", "biased"]))
@settings(max_examples=25, deadline=None)
def test_every_thing_of_a_scene_is_its_own_nearest_rendering(index, distribution):
    scene = scene_at(distribution, "check", 1, index)
    image = render(scene)
    for number, thing in enumerate(scene.things):
        seen = look(image, without(scene, number), x=thing.x, y=thing.y, size=thing.size)
        assert seen.shows(thing.kind, thing.colour)
        assert not seen.shows("", "")


def test_an_emptied_place_shows_nothing():
    scene, _ = single()
    thing, rest = scene.things[0], without(scene, 0)
    assert look(render(rest), rest, x=thing.x, y=thing.y, size=thing.size).shows("", "")


def test_noise_is_near_to_no_rendering():
    scene, _ = single()
    thing = scene.things[0]
    image = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
    assert not look(image, without(scene, 0), x=thing.x, y=thing.y, size=thing.size).sure


def test_a_right_row_has_no_problems():
    found = score(recoloured())
    assert found["problems"] == [] and found["boxes_ok"] and found["op"] == "edit"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"caption_b": "A blue cross."}, "caption_b"),
        ({"answer_b": "no"}, "answer_b"),
        ({"difference": "The brown ring is gone."}, "difference"),
        ({"question": "Who painted this?"}, "answer_a"),
    ],
)
def test_an_untrue_text_is_named(change, problem):
    row = recoloured()
    assert any(problem in one for one in score({**row, **change})["problems"])


def test_an_edit_that_did_not_happen_is_wrong():
    row = recoloured()
    assert any("wanted" in one for one in score({**row, "image_b": row["image_a"]})["problems"])


def test_a_change_outside_the_mask_is_wrong():
    row = recoloured()
    image = row["image_b"].copy()
    y, x = np.argwhere(~row["mask"])[0]
    image[y : y + 12, x : x + 12] ^= 255
    assert any("outside" in one for one in score({**row, "image_b": image})["problems"])


def test_a_box_beside_the_change_is_wrong():
    row = recoloured()
    scene, _ = single()
    truth = truth_of(scene, row["edit"], row["mask"])
    assert boxes_right(truth, row["boxes"])
    assert not boxes_right(truth, [[0.0, 0.0, 0.05, 0.05]])
    assert not boxes_right(truth, [])


@pytest.mark.parametrize(
    "said, true, same",
    [("Two.", "2", True), ("2", "2", True), ("yes", "no", False), ("x", None, False)],
)
def test_answers_are_compared_by_meaning(said, true, same):
    assert same_answer(said, true) is same


def test_captions_are_counted():
    scene, _ = single()
    thing = scene.things[0]
    name = f"{thing.colour} {thing.kind}"
    assert caption_problems("c", f"There is a {name}.", scene) == []
    assert caption_problems("c", f"There are two {name}s.", scene)
    assert caption_problems("c", f"A {name} and a {name}.", scene)
    assert answer(f"Is there a {thing.kind}?", scene) == "yes"
