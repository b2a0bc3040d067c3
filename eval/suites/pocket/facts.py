"""What can be asked of a scene, apart from the words it is asked in.

    fact = colour_of(scene, rng)      Fact(templates=COLOUR, words={"ref": "small star"}, gold="red", ...)
    fact.asked(rng, "reworded")       "In which colour was the small star drawn?"

The same fact in other words must get the same answer. `Balance` keeps yes and no even for each
kind or colour that is asked about, so that nothing can be told from the question alone.
"""

import random
from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeVar

from counterfactory.factory.world.language import article, plural
from counterfactory.factory.world.scene import COLOURS, Scene
from counterfactory.factory.world.tasks import attribute, counting, existence
from counterfactory.factory.world.tasks.base import (
    Templates,
    near_numbers,
    others,
    reference,
    slices,
    worded,
)

Key = TypeVar("Key", bound=Hashable)


class Fact(NamedTuple):
    """One thing to know of a scene: its wordings, what fills them, the answer, wrong answers."""

    templates: Templates
    words: dict[str, str]
    gold: str
    verifier: str
    slices: tuple[str, ...]
    category: str = ""
    wrong: tuple[str, ...] = ()

    def asked(self, rng: random.Random, wordings: str) -> str:
        """Return the question in one of its wordings."""
        return worded(rng, self.templates, wordings, **self.words)

    def all_wordings(self, wordings: str) -> list[str]:
        """Return the question in each wording of one set."""
        texts = [template.format(**self.words) for template in self.templates[wordings]]
        return [text[:1].upper() + text[1:] for text in texts]


def is_there(kind: str, there: bool, task: str) -> Fact:
    """Is there such a thing?"""
    words = {"kind": kind, "kinds": plural(kind), "a_kind": article(kind)}
    gold = "yes" if there else "no"
    return Fact(existence.WORDINGS, words, gold, "yes_no", slices(task, kind=kind))


def colour_of(scene: Scene, rng: random.Random) -> Fact | None:
    """What colour is this thing?"""
    for thing in rng.sample(scene.things, len(scene.things)):
        if ref := reference(scene, thing, rng, hide="colour"):
            return Fact(
                attribute.COLOUR, {"ref": ref}, thing.colour, "text",
                slices("attribute", attribute="colour", kind=thing.kind, colour=thing.colour),
                "colour", others(rng, thing.colour, COLOURS, 3),
            )  # fmt: skip
    return None


def how_many(scene: Scene, rng: random.Random) -> Fact:
    """How many belong to this group?"""
    group = counting.group_with_any_count(scene, rng)
    found = len(group.of(scene.things))
    return Fact(
        counting.WORDINGS, {"nouns": group.nouns}, str(found), "number",
        slices("count", **group.slices), "", near_numbers(rng, found),
    )  # fmt: skip


class Balance:
    """How often each key was the right thing to say yes to, less how often it was not."""

    def __init__(self) -> None:
        self.lean: Counter[Hashable] = Counter()

    def pick(
        self, yes: Iterable[Key], no: Iterable[Key], rng: random.Random
    ) -> tuple[Key, Key] | None:
        """Return one key to say yes to and one to say no to; None where that would tilt a key."""
        right = [key for key in yes if self.lean[key] <= 0]
        wrong = [key for key in no if self.lean[key] >= 0]
        if not right or not wrong:
            return None
        one = min(rng.sample(right, len(right)), key=lambda key: self.lean[key])
        other = max(rng.sample(wrong, len(wrong)), key=lambda key: self.lean[key])
        self.lean[one] += 1
        self.lean[other] -= 1
        return one, other
