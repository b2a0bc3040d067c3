"""The words that name things: what a caption says is there, and what may take a thing's place.

    >>> [o.phrase for o in objects_in("Two red balls and a dog. The dog is large. No cat.")]
    ['red ball', 'red ball', 'dog']
    >>> swaps("dog")[:3]
    ('cat', 'horse', 'sheep')

Swaps stay inside a class, as in the lexicon variant of Img-Diff, so that the new sentence stays
plausible.
"""

import re
from functools import cache

from counterfactory.records import Object

COLOURS = ("red", "green", "blue", "yellow", "white", "brown", "purple")
MORE_COLOURS = ("black", "orange", "pink", "grey", "gray")
SIZES = ("small", "large")
MORE_SIZES = {"big": "large", "huge": "large", "tiny": "small", "little": "small"}

CLASSES: dict[str, tuple[str, ...]] = {
    "shape": (
        "sun", "leaf", "heart", "drop", "moon", "brick",
        "ball", "box", "triangle", "star", "cross", "ring",
    ),
    "animal": (
        "dog", "cat", "horse", "sheep", "cow", "bird", "elephant", "bear", "zebra", "giraffe",
        "rabbit", "duck", "goat", "pig", "fox",
    ),
    "vehicle": (
        "car", "truck", "bus", "bicycle", "motorcycle", "train", "boat", "van", "tractor",
        "scooter", "airplane", "helicopter",
    ),
    "furniture": ("chair", "table", "sofa", "bench", "bed", "desk", "stool", "cabinet", "shelf"),
    "food": (
        "apple", "orange", "banana", "pear", "lemon", "carrot", "sandwich", "pizza", "cake",
        "donut", "melon", "peach",
    ),
    "vessel": ("cup", "mug", "bowl", "bottle", "vase", "teapot", "jug", "glass", "jar"),
    "device": ("laptop", "phone", "television", "camera", "keyboard", "clock", "lamp", "radio"),
    "bag": ("backpack", "handbag", "suitcase", "basket", "umbrella", "hat"),
    "toy": ("kite", "balloon", "skateboard", "surfboard", "frisbee", "drum", "guitar", "doll"),
    "plant": ("tree", "flower", "bush", "cactus", "rose", "mushroom"),
}  # fmt: skip
KINDS: tuple[str, ...] = tuple(dict.fromkeys(kind for kinds in CLASSES.values() for kind in kinds))

USUAL = {
    "sun": "yellow",
    "leaf": "green",
    "heart": "red",
    "drop": "blue",
    "moon": "white",
    "brick": "brown",
}

ALIASES = {
    "puppy": "dog", "kitten": "cat", "couch": "sofa", "bike": "bicycle", "plane": "airplane",
    "tv": "television", "motorbike": "motorcycle", "cellphone": "phone", "doughnut": "donut",
}  # fmt: skip
PLURALS = {
    "leaf": "leaves",
    "bush": "bushes",
    "cactus": "cacti",
    "sheep": "sheep",
    "shelf": "shelves",
}
NUMBERS = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
NEGATIONS = {"no", "not", "without", "neither", "nor", "never", "lacks", "lacking"}
DEFINITE = {"the", "its", "this", "that"}
AMBIGUOUS = {"orange", "rose"}  # colours as well as things
_WORD = re.compile(r"[a-z]+|[0-9]+|[.;:!?,]")


def plural(kind: str) -> str:
    """Return the plural: "boxes", "leaves", "suns"."""
    if kind in PLURALS:
        return PLURALS[kind]
    return kind + ("es" if kind.endswith(("s", "x", "ch", "sh")) else "s")


def class_of(kind: str) -> str:
    """Return the class a kind is swapped in; empty for a word the lexicon does not know."""
    return next((name for name, kinds in CLASSES.items() if kind in kinds), "")


def swaps(kind: str) -> tuple[str, ...]:
    """Return the other kinds of the same class."""
    return tuple(other for other in CLASSES.get(class_of(kind), ()) if other != kind)


def article(phrase: str) -> str:
    """Return the phrase with its article: "an orange cup"."""
    return f"{'an' if phrase[:1].lower() in 'aeiou' else 'a'} {phrase}"


@cache
def _forms() -> dict[str, str]:
    """Return every word form that names a kind."""
    forms = {plural(kind): kind for kind in KINDS} | {kind: kind for kind in KINDS}
    return forms | ALIASES | {plural(alias): kind for alias, kind in ALIASES.items()}


def _colour(word: str) -> str:
    return {"gray": "grey"}.get(word, word) if word in COLOURS + MORE_COLOURS else ""


def _size(word: str) -> str:
    return word if word in SIZES else MORE_SIZES.get(word, "")


def objects_in(text: str) -> tuple[Object, ...]:
    """Return the things a text says are there, in order; "the X" names one that was named before."""
    found: list[Object] = []
    words = _WORD.findall(text.lower())
    for place, word in enumerate(words):
        kind = _forms().get(word)
        following = words[place + 1] if place + 1 < len(words) else ""
        if kind is None or (word in AMBIGUOUS and following in _forms()):
            continue
        thing, count, lead = _described(kind, words[:place])
        if lead in NEGATIONS or (lead in DEFINITE and any(_fits(thing, one) for one in found)):
            continue
        found += [thing] * count
    return tuple(found)


def _described(kind: str, before: list[str]) -> tuple[Object, int, str]:
    """Read backwards from a kind: its colour, size, number, and the word in front of them."""
    colour, size, count = "", "", 1
    while before:
        word, *_ = before[-1:]
        if not colour and _colour(word):
            colour = _colour(word)
        elif not size and _size(word):
            size = _size(word)
        elif word in NUMBERS or (word.isdigit() and 1 < int(word) <= 9):
            count = NUMBERS.get(word) or int(word)
        elif word not in ("a", "an", "any", "single", "one"):
            break
        before = before[:-1]
    return Object(kind=kind, colour=colour, size=size), count, before[-1] if before else ""


def _fits(mention: Object, thing: Object) -> bool:
    """Whether a later mention can mean this thing: it says nothing else than was said."""
    return (
        mention.kind == thing.kind
        and mention.colour in ("", thing.colour)
        and mention.size in ("", thing.size)
    )


def same(one: Object, other: Object) -> bool:
    """Whether a colour and kind do not tell two things apart; a colour that was not said could be any."""
    return one.kind == other.kind and (
        one.colour == other.colour or not one.colour or not other.colour
    )
