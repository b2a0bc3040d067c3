"""Two pictures that differ in one thing: the change is found, asked about and answered truly."""

import random
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.factory.world.language import phrase
from counterfactory.factory.world.scene import COLOURS, DISTRIBUTIONS, scene_at, split_of
from counterfactory.factory.world.tasks.difference import (
    EDITS,
    change_between,
    difference_example,
    edited,
)

CASE = (st.sampled_from(DISTRIBUTIONS), st.integers(0, 2**40), st.sampled_from(EDITS))


@given(*CASE)
@settings(max_examples=300)
def test_an_edit_changes_one_thing_in_the_same_split(
    distribution: str, seed: int, edit: str
) -> None:
    scene = scene_at(distribution, "gate", 0, seed)
    other = edited(scene, random.Random(seed), (edit,))
    if other is None:
        return
    gone = set(scene.things) - set(other.things)
    new = set(other.things) - set(scene.things)
    assert split_of(other) == "gate" and len(gone) <= 1 and len(new) <= 1 and gone | new
    name, old, now = change_between(scene, other)
    assert ({old} - {None}, {now} - {None}) == (gone, new) and name == edit
    for n, one in enumerate(other.things):
        for two in other.things[n + 1 :]:
            a0, b0, a1, b1 = one.square
            c0, d0, c1, d1 = two.square
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0, "things overlap after the edit"


@given(*CASE)
@settings(max_examples=300)
def test_the_answer_names_the_change(distribution: str, seed: int, edit: str) -> None:
    a = scene_at(distribution, "train", 0, seed)
    b = edited(a, random.Random(seed), (edit,))
    if b is None:
        return
    example = difference_example(a, b, random.Random(seed), "reworded" if seed % 2 else "train")
    name, old, new = change_between(a, b)
    shown = new or old
    assert shown is not None
    value = {"recolour": shown.colour, "resize": shown.size}.get(name, phrase(shown, size=False))
    if example.verifier == "exact":
        assert example.answer == value
        other = a if name == "add" else b
        if name in ("add", "remove"):  # "which thing is only in ..." must have one answer
            assert phrase(shown, size=False) not in {phrase(t, size=False) for t in other.things}
    elif name not in ("remove", "move"):
        assert value in example.answer
    elif old:
        assert old.kind in example.answer
    assert example.answer not in example.distractors and example.distractors
    assert example.rationale.rstrip(".").endswith(example.answer.rstrip("."))
    assert f"edit:{name}" in example.slices and "task:difference" in example.slices
    assert "{" not in example.question and not re.search(r"\ba [aeiou]\w", example.rationale)


@given(*CASE)
@settings(max_examples=200)
def test_the_thing_spoken_of_is_unique_in_the_first_picture(
    distribution: str, seed: int, edit: str
) -> None:
    a = scene_at(distribution, "train", 0, seed)
    b = edited(a, random.Random(seed), (edit,))
    if b is None:
        return
    example = difference_example(a, b, random.Random(seed))
    pattern = rf"\b[Tt]he ((?:small |large )?(?:(?:{'|'.join(COLOURS)}) )?)(\w+)\b"
    kinds = {t.kind for t in a.things}
    for adjectives, noun in re.findall(pattern, f"{example.question} {example.answer}"):
        if noun in kinds:
            words = set(adjectives.split())
            fits = [t for t in a.things if t.kind == noun and words <= {t.size, t.colour}]
            assert len(fits) == 1, example


@pytest.mark.parametrize("edit", EDITS)
def test_most_scenes_can_be_edited_within_their_split(edit: str) -> None:
    scenes = [scene_at("balanced", "gate", 2, index) for index in range(60)]
    found = [edited(scene, random.Random(n), (edit,)) for n, scene in enumerate(scenes)]
    least = {"remove": 5, "resize": 5, "recolour": 30}.get(edit, 50)
    assert sum(other is not None for other in found) >= least


def test_scenes_that_differ_in_more_than_one_thing_are_refused() -> None:
    a = next(
        s for s in (scene_at("balanced", "train", 0, i) for i in range(50)) if len(s.things) > 2
    )
    with pytest.raises(ValueError, match="one thing"):
        difference_example(a, replace(a, things=a.things[:-2]), random.Random(0))
    with pytest.raises(ValueError, match="one thing"):
        difference_example(a, a, random.Random(0))
    with pytest.raises(ValueError, match="one thing"):
        ground = "sky" if a.ground != "sky" else "sand"
        difference_example(a, replace(a, things=a.things[:-1], ground=ground), random.Random(0))
