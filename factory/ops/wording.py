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

from counterfactory.factory.ops import lexicon, places, sentences
from counterfactory.records import Box, Object

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


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
    text = rng.choice(sentences.CHANGES[kind]).format_map(
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
    text = rng.choice(sentences.THERE).format(a=lexicon.article(name))
    if place is not None:
        text = f"Is there {lexicon.article(name)} {places.at(place)} of the picture?"
    return Question(text, *answers)


def count(rng: random.Random, kind: str, before: int, after: int) -> Question:
    """Ask how many of a kind there are."""
    return Question(
        rng.choice(sentences.NUMBER).format(kinds=lexicon.plural(kind)), str(before), str(after)
    )


def worded(
    rng: random.Random, wordings: Sequence[str], answers: tuple[str, str], **words: str
) -> Question:
    """Ask in one of the wordings; answers are those of either side."""
    return Question(rng.choice(wordings).format(**words), *answers)
