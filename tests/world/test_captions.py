"""Captions name every thing and nothing else, say true things, and read as English."""

import random
import re
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.factory.world.language import OPENINGS, caption, caption_of
from counterfactory.factory.world.scene import (
    COLOURS,
    DISTRIBUTIONS,
    KINDS,
    SIDE,
    Scene,
    Thing,
    holds,
    scene_at,
)

PLURAL = {f"{kind}s": kind for kind in KINDS} | {
    "leaves": "leaf",
    "boxes": "box",
    "crosses": "cross",
}
NUMBER = {"a": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
NOUN = (
    r"(?P<{0}n>a|two|three|four|five|six) (?:(?P<{0}s>small|large) )?"
    rf"(?P<{{0}}c>{'|'.join(COLOURS)}) (?P<{{0}}k>[a-z]+)"
)
PHRASE = re.compile(NOUN.format("x"))
PLACED = re.compile(
    NOUN.format("x")
    + r" (at the (?:top|bottom)(?: left| right)?|on the (?:left|right)|in the middle)"
)
RELATED = re.compile(
    NOUN.format("x") + r" (left of|right of|above|below|near|far from) " + NOUN.format("y")
)
CASES = (
    st.sampled_from(DISTRIBUTIONS),
    st.integers(0, 2**40),
    st.sampled_from(("train", "reworded")),
)


def case(distribution: str, seed: int, wordings: str) -> tuple[Scene, str]:
    scene = scene_at(distribution, "train", 0, seed)
    return scene, caption(scene, random.Random(seed), wordings=wordings)


def fits(thing: Thing, size: str | None, colour: str, kind: str) -> bool:
    kind = PLURAL.get(kind, kind)
    return thing.kind == kind and thing.colour == colour and size in (None, thing.size)


@given(*CASES)
@settings(max_examples=400)
def test_a_caption_names_every_thing_and_no_other(
    distribution: str, seed: int, wordings: str
) -> None:
    scene, text = case(distribution, seed, wordings)
    named: Counter[tuple[str, str]] = Counter()
    for match in PHRASE.finditer(text[0].lower() + text[1:]):
        kind = PLURAL.get(match["xk"], match["xk"])
        assert (match["xn"] == "a") == (match["xk"] == kind), text
        named[match["xc"], kind] += NUMBER[match["xn"]]
        assert any(fits(t, match["xs"], match["xc"], kind) for t in scene.things), text
    assert named == Counter((t.colour, t.kind) for t in scene.things), text


@given(*CASES)
@settings(max_examples=400)
def test_what_a_caption_says_of_places_is_true(distribution: str, seed: int, wordings: str) -> None:
    scene, text = case(distribution, seed, wordings)
    text = text[0].lower() + text[1:]
    for match in PLACED.finditer(text):
        spots = set()
        for t in scene.things:
            if fits(t, match["xs"], match["xc"], match["xk"]):
                spots.add((min(2, 3 * t.x // SIDE), min(2, 3 * t.y // SIDE)))
        words = match[0]
        column = 0 if words.endswith("left") else 2 if words.endswith("right") else 1
        row = 0 if " top" in words else 2 if " bottom" in words else 1
        assert (column, row) in spots, text
    for match in RELATED.finditer(text):
        ones = [t for t in scene.things if fits(t, match["xs"], match["xc"], match["xk"])]
        others = [t for t in scene.things if fits(t, match["ys"], match["yc"], match["yk"])]
        relation = match[5]
        assert any(holds(relation, a, b) for a in ones for b in others if a is not b), text


@given(*CASES)
@settings(max_examples=400)
def test_captions_read_as_english(distribution: str, seed: int, wordings: str) -> None:
    _, text = case(distribution, seed, wordings)
    assert text[0].isupper() and text.endswith(".") and "  " not in text and "{" not in text
    assert not re.search(r"\b(leafs|boxs|crosss|an [^aeiou]|a [aeiou]\w)", text), text
    assert not re.search(r"\bthere (is (two|three|four|five|six)|are a)\b", text, re.I), text
    words = [word for word in re.findall(r"[a-z]+", text.lower()) if len(word) > 2]
    assert all(a != b for a, b in zip(words, words[1:], strict=False)), text


def test_there_are_at_least_five_wordings_and_none_is_shared() -> None:
    assert len(OPENINGS["train"]) >= 5 and len(OPENINGS["reworded"]) >= 3
    assert not set(OPENINGS["train"]) & set(OPENINGS["reworded"])
    scene = scene_at("balanced", "train", 0, 4)
    assert len({caption(scene, random.Random(seed)) for seed in range(60)}) > 12


def test_an_empty_scene_has_a_caption_too() -> None:
    assert "nothing" in caption_of((), random.Random(0)).lower()


def test_the_same_random_state_gives_the_same_caption() -> None:
    scene = scene_at("biased", "train", 0, 3)
    assert caption(scene, random.Random(9)) == caption(scene, random.Random(9))
