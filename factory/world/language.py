"""Scene -> English: phrases, plurals, numbers, and captions in many wordings.

    >>> caption(scene_at("biased", "train", seed=0, index=17), random.Random(0))
    'A picture of a large yellow ring right of a large white moon, and a large purple ball left of ...'

A caption names every thing with its colour and nothing that is not there. Three styles: a list, a
list with places ("at the top left"), and things in relation ("a red ball left of a blue ring").
Wordings come in three sets: `train` is what recipes and pretraining see, `varied` has many more
beside these for a recipe that asks for them, `reworded` is kept for evaluation.
"""

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

from counterfactory.factory.world.scene import SIDE, Scene, Thing, holds
from counterfactory.factory.world.varied import VARIED

T = TypeVar("T")
PLURALS = {"leaf": "leaves", "box": "boxes", "cross": "crosses"}
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
WORDINGS = ("train", "reworded")  # what pretraining reads, what evaluation asks

OPENINGS = {  # {things} ends the sentence or stands before the ground
    "train": (
        "{Things}.",
        "{There} {things}.",
        "A picture of {things}.",
        "The picture shows {things}.",
        "An image with {things}.",
        "{Things} on a {ground} background.",
        "In this picture there {be} {things}.",
    ),
    "reworded": (
        "One can see {things}.",
        "This drawing contains {things}.",
        "Here we have {things}.",
        "Visible in the scene: {things}.",
        "Someone drew {things}.",
    ),
    "varied": VARIED["opening"],
}


def sentences(templates: Mapping[str, Sequence[T]], wordings: str) -> Sequence[T]:
    """Return the sentences of a set; those of `train` are also `varied`, alone where there are no more.

    >>> sentences({"train": ("a",), "reworded": ("b",), "varied": ("c",)}, "varied")
    ('a', 'c')
    """
    if wordings == "varied":
        return (*templates["train"], *templates.get("varied", ()))
    return templates[wordings]


def plural(kind: str) -> str:
    """Return the plural of a kind: "leaf" -> "leaves"."""
    return PLURALS.get(kind, kind + "s")


def article(phrase: str) -> str:
    """Return the phrase with "a" or "an"."""
    return f"{'an' if phrase[:1].lower() in 'aeiou' else 'a'} {phrase}"


def number(count: int) -> str:
    """Return a count in words: 3 -> "three"."""
    return NUMBERS[count] if 0 <= count < len(NUMBERS) else str(count)


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(count: int, adjectives: str, kind: str) -> str:
    """Return "a red star", "two red stars", "no red stars"."""
    words = f"{adjectives} {kind if count == 1 else plural(kind)}".strip()
    return article(words) if count == 1 else f"{number(count) if count else 'no'} {words}"


def phrase(thing: Thing, size: bool = True) -> str:
    """Return "large yellow sun", or "yellow sun" without size."""
    return f"{thing.size} {thing.colour} {thing.kind}" if size else f"{thing.colour} {thing.kind}"


def place(thing: Thing) -> str:
    """Return where in the picture a thing stands, by thirds: "at the top left", "in the middle"."""
    column = ("left", "", "right")[thing.x * 3 // SIDE]
    row = ("top", "", "bottom")[thing.y * 3 // SIDE]
    if row:
        return f"at the {row} {column}".strip()
    return f"on the {column}" if column else "in the middle"


def grouped(things: Sequence[Thing], size: bool) -> list[str]:
    """Return counted phrases, equal things together: ["two red stars", "a blue ring"]."""
    groups: dict[tuple[str, str], int] = {}
    for thing in things:
        key = (f"{thing.size} {thing.colour}" if size else thing.colour, thing.kind)
        groups[key] = groups.get(key, 0) + 1
    return [counted(count, adjectives, kind) for (adjectives, kind), count in groups.items()]


def _with_places(things: Sequence[Thing], rng: random.Random) -> list[str]:
    size = rng.random() < 0.5
    return [f"{article(phrase(thing, size))} {place(thing)}" for thing in things]


def _with_relations(things: Sequence[Thing], rng: random.Random) -> list[str]:
    """Join neighbours in the list by a relation that holds; one without partner stands alone."""
    size, parts, left = rng.random() < 0.5, [], list(things)
    while left:
        one = left.pop(0)
        text = article(phrase(one, size))
        if left:
            true = [r for r in ("left of", "right of", "above", "below") if holds(r, one, left[0])]
            close = [r for r in ("near", "far from") if holds(r, one, left[0])]
            if choices := true * 2 + close:
                text += f" {rng.choice(choices)} {article(phrase(left.pop(0), size))}"
        parts.append(text)
    return parts


def things_phrase(things: Sequence[Thing], rng: random.Random) -> tuple[str, bool]:
    """Return the things in one phrase, in any order and style, and whether "are" goes with it."""
    order = rng.sample(list(things), len(things))
    style = rng.choice(("list", "list", "places", "relations")) if len(things) > 1 else "list"
    if len(things) == 1 and rng.random() < 0.4:
        style = "places"
    if style == "places":
        parts = _with_places(order, rng)
    elif style == "relations":
        parts = _with_relations(order, rng)
        parts = (
            [", and ".join(parts)]
            if len(parts) < 3
            else [", ".join(parts[:-1]) + f", and {parts[-1]}"]
        )
    else:
        parts = grouped(order, size=rng.random() < 0.5)
    return listed(parts), parts[0].split()[0] not in ("a", "an")


def caption_of(
    things: Sequence[Thing], rng: random.Random, *, ground: str = "plain", wordings: str = "train"
) -> str:
    """Return one true sentence that names all of these things and no others."""
    text, many = things_phrase(things, rng) if things else ("nothing", False)
    return rng.choice(sentences(OPENINGS, wordings)).format(
        things=text, Things=capital(text), ground=ground,
        There="There are" if many else "There is", be="are" if many else "is",
    )  # fmt: skip


def caption(scene: Scene, rng: random.Random, *, wordings: str = "train") -> str:
    """Return one true caption of the scene."""
    return caption_of(scene.things, rng, ground=scene.ground, wordings=wordings)
