"""English for pairs: lists of things, what changed, and questions that the change answers anew.

    >>> ball = Object(kind="ball", colour="red")
    >>> listing([ball, Object(kind="box"), ball])
    'two red balls and a box'

Every text says only what is true when the edit succeeded. Wordings are drawn with a seed, the
same for both sides.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from counterfactory.factory.ops import lexicon, places
from counterfactory.records import Box, Object

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

CAPTIONS = (
    "{Things}.",
    "A picture of {things}.",
    "The picture shows {things}.",
    "An image with {things}.",
    "{There} {things}.",
    "In this picture there {be} {things}.",
)
CHANGES: dict[str, tuple[str, ...]] = {
    "replace": (
        "The {old} {at} was replaced by {a_new}.",
        "Where the {old} was, there is now {a_new}.",
        "{A_new} has taken the place of the {old} {at}.",
    ),
    "recolour": (
        "The {old} {at} is now {colour}.",
        "The {old} {at} changed its colour to {colour}.",
        "The {old} has turned {colour}.",
    ),
    "remove": (
        "The {old} {at} is gone.",
        "The {old} is missing from the second picture.",
        "The {old} {at} was taken away.",
    ),
    "add": (
        "{A_new} was added {at}.",
        "There is now {a_new} {at}.",
        "In the second picture {a_new} appears {at}.",
    ),
    "move": (
        "The {old} moved from {from} to {to}.",
        "The {old} is no longer {at} but {at_new}.",
    ),
    "resize": (
        "The {old} {at} is now {size}.",
        "The {old} {at} became {size}.",
    ),
}
THERE = (
    "Is there {a} in the picture?",
    "Is there {a} in the image?",
    "Does the picture show {a}?",
    "Can you see {a}?",
    "Does this image contain {a}?",
)
NUMBER = (
    "How many {kinds} are there?",
    "How many {kinds} does the picture show?",
    "What is the number of {kinds} in the image?",
)
COLOUR = (
    "What colour is the {kind}?",
    "Which colour does the {kind} have?",
    "What is the colour of the {kind} in the picture?",
)
BINDING = ("Is the {kind} {colour}?", "Does the {kind} have the colour {colour}?")
USUAL = (
    "Does the {kind} have its usual colour here?",
    "Is the {kind} in this picture coloured as usual?",
)
RELATION = (
    "Is the {a} {relation} the {b}?",
    "In this image, is the {a} {relation} the {b}?",
    "Does the {a} stand {relation} the {b}?",
)
HALF = (
    "Is the {kind} in the {half} half of the picture?",
    "Does the {kind} stand in the {half} half of the image?",
)
SIZE = ("Is the {kind} large or small?", "What size is the {kind}, large or small?")
BOTH: dict[str, tuple[str, ...]] = {  # asked about both pictures; the answer is a word or two
    "replace": (
        "What is in the place of the {old} in the second picture?",
        "Instead of the {old}, what does the second image show?",
        "Between the two images the {old} was exchanged. For what?",
    ),
    "recolour": (
        "What colour has the {old} in the second picture?",
        "To which colour did the {old} change?",
        "The {old} has another colour in the second image. Which one?",
    ),
    "remove": (
        "What is gone in the second picture?",
        "Which object does the second image lack?",
        "Compared with the first picture, what is no longer there?",
    ),
    "add": (
        "What was added to the second picture?",
        "Which object does the first image lack?",
        "Compared with the first picture, what is there besides?",
    ),
    "move": (
        "What has moved?",
        "Which object is at another place in the second image?",
        "What changed its position between the two pictures?",
    ),
    "resize": (
        "What size has the {old} in the second picture, large or small?",
        "Did the {old} become large or small?",
        "The {old} has another size in the second image. Is it large or small now?",
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its answer on each side."""

    text: str
    answer_a: str
    answer_b: str


def capital(text: str) -> str:
    """Return the text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def listed(parts: Sequence[str]) -> str:
    """Return "a", "a and b" or "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(thing: Object, count: int) -> str:
    """Return "a red ball" or "two red balls"."""
    if count == 1:
        return lexicon.article(thing.phrase)
    words = " ".join(
        word for word in (thing.size, thing.colour, lexicon.plural(thing.kind)) if word
    )
    return f"{NUMBERS[count] if count < len(NUMBERS) else count} {words}"


def listing(
    things: Sequence[Object], said: Mapping[Object, str] | None = None, sized: bool = True
) -> str:
    """Return things in one phrase, equal ones together; `said` has the words for some of them."""
    parts: dict[str, int] = {}
    shown: dict[str, Object] = {}
    for thing in things:
        bare = thing if sized else replace(thing, size="")
        words = (said or {}).get(thing, bare.phrase)
        parts[words] = parts.get(words, 0) + 1
        shown[words] = bare
    spoken = set((said or {}).values())
    return listed(
        [
            words if words in spoken else counted(shown[words], count)
            for words, count in parts.items()
        ]
    )


def caption(template: str, things: str, many: bool) -> str:
    """Return one sentence that names the things."""
    return template.format(
        things=things, Things=capital(things),
        There="There are" if many else "There is", be="are" if many else "is",
    )  # fmt: skip


def change(
    rng: random.Random, kind: str, old: Object | None, new: Object | None, *, sized: bool
) -> str:
    """Return the sentence that says what differs.

    `sized`: the size is part of how things are named.
    """
    old_box, new_box = (one.box if one is not None else None for one in (old, new))
    place = old_box or new_box
    old_name = named(old, sized) if old is not None else ""
    a_new = lexicon.article(named(new, sized)) if new is not None and new.phrase else ""
    text = rng.choice(CHANGES[kind]).format_map(
        {
            "old": old_name, "a_new": a_new, "A_new": capital(a_new),
            "at": places.at(place) if place else "", "at_new": places.at(new_box) if new_box else "",
            "from": places.region_name(old_box) if old_box else "",
            "to": places.region_name(new_box) if new_box else "",
            "colour": new.colour if new else "", "size": new.size if new else "",
        }
    )  # fmt: skip
    return capital(" ".join(text.split()).replace(" .", "."))


def named(thing: Object, sized: bool) -> str:
    """Return the thing's name, with its size only where that is wanted."""
    words = (thing.size if sized else "", thing.colour, thing.kind)
    return " ".join(word for word in words if word)


def existence(rng: random.Random, name: str, there_before: bool, place: Box | None) -> Question:
    """Ask whether something is there; with a place where the picture may hold others of its kind elsewhere."""
    answers = ("yes", "no") if there_before else ("no", "yes")
    text = rng.choice(THERE).format(a=lexicon.article(name))
    if place is not None:
        text = f"Is there {lexicon.article(name)} {places.at(place)} of the picture?"
    return Question(text, *answers)


def count(rng: random.Random, kind: str, before: int, after: int) -> Question:
    """Ask how many of a kind there are."""
    return Question(rng.choice(NUMBER).format(kinds=lexicon.plural(kind)), str(before), str(after))


def worded(
    rng: random.Random, wordings: Sequence[str], answers: tuple[str, str], **words: str
) -> Question:
    """Ask in one of the wordings; answers are those of either side."""
    return Question(rng.choice(wordings).format(**words), *answers)
