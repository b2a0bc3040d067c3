"""What every task shares: wordings, unambiguous references, and groups of things one can count.

    reference(scene, star, hide="colour")  ->  "small star"     (only if exactly one star is small)
    Group(colour="red").nouns              ->  "red things"

A task is a function (scene, rng, wordings) -> examples; an empty list means that this scene cannot
be asked this. A question is asked only where one answer is right, whoever looks.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from counterfactory.factory.world.language import capital, grouped, listed, plural, sentences
from counterfactory.factory.world.scene import Scene, Thing
from counterfactory.records import Example

Templates = Mapping[str, Sequence[str]]  # "train", "varied" and "reworded", which share no sentence
Task = Callable[[Scene, random.Random, str], list[Example]]


def worded(rng: random.Random, templates: Templates, wordings: str, **words: object) -> str:
    """Return one of the wordings with its gaps filled."""
    return capital(rng.choice(sentences(templates, wordings)).format(**words))


def slices(task: str, *things: Thing, **values: str) -> tuple[str, ...]:
    """Return the names of the subsets that a question belongs to, without repeats.

    >>> slices("count", colour="red")
    ('task:count', 'colour:red')
    """
    family = task.partition("_")[0]
    names = [f"task:{task}", f"task:{family}"]
    names += [f"{name}:{value}" for name, value in values.items() if value]
    names += [name for t in things for name in (f"kind:{t.kind}", f"colour:{t.colour}")]
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Group:
    """Things that share a kind, a colour, a size, some of these, or nothing."""

    kind: str = ""
    colour: str = ""
    size: str = ""

    def holds(self, thing: Thing) -> bool:
        """Whether the thing belongs to the group."""
        return (
            self.kind in ("", thing.kind)
            and self.colour in ("", thing.colour)
            and self.size in ("", thing.size)
        )

    def of(self, things: Sequence[Thing]) -> list[Thing]:
        """Return those of the things that belong to the group."""
        return [thing for thing in things if self.holds(thing)]

    @property
    def noun(self) -> str:
        """The group in the singular: "red star", "small thing"."""
        return " ".join(w for w in (self.size, self.colour, self.kind or "thing") if w)

    @property
    def nouns(self) -> str:
        """The group in the plural: "red stars", "small things"."""
        return " ".join(w for w in (self.size, self.colour, plural(self.kind or "thing")) if w)

    def counted(self, count: int) -> str:
        """Return "1 red star" or "3 red stars": rationales count in digits."""
        return f"{count} {self.noun if count == 1 else self.nouns}"

    @property
    def slices(self) -> dict[str, str]:
        """What the group says, as slice names and values."""
        return {"kind": self.kind, "colour": self.colour, "attribute": "size" if self.size else ""}


def groups_of(things: Sequence[Thing]) -> list[Group]:
    """Return all groups that the things make by up to two of kind, colour and size."""
    found: dict[Group, None] = {}
    for t in things:
        for group in (
            Group(t.kind), Group(colour=t.colour), Group(size=t.size),
            Group(t.kind, t.colour), Group(t.kind, size=t.size),
        ):  # fmt: skip
            found[group] = None
    return list(found)


def reference(scene: Scene, thing: Thing, rng: random.Random, hide: str = "") -> str | None:
    """Return words that fit this thing alone, or None. `hide`: the attribute not to say."""
    short = Group(thing.kind)
    longer = [
        Group(thing.kind, "" if hide == "colour" else thing.colour),
        Group(thing.kind, size="" if hide == "size" else thing.size),
    ]
    if hide == "":
        longer.append(Group(thing.kind, thing.colour, thing.size))
    single = [g for g in (short, *longer) if len(g.of(scene.things)) == 1]
    if not single:
        return None
    return single[0].noun if rng.random() < 0.6 else rng.choice(single).noun


def inventory(things: Sequence[Thing]) -> str:
    """Return what is there from left to right: "a red star, two blue rings and a green leaf"."""
    ordered = sorted(things, key=lambda thing: (thing.x, thing.y))
    return listed(grouped(ordered, size=False)) if ordered else "nothing"


def named(things: Sequence[Thing], size: bool = False) -> str:
    """Return some of the things in words, or "none"."""
    return listed(grouped(things, size)) if things else "none"


def is_are(count: int) -> str:
    """Return the verb that goes with a count."""
    return "is" if count == 1 else "are"


def others(rng: random.Random, right: str, values: Sequence[str], count: int) -> tuple[str, ...]:
    """Return up to `count` wrong answers out of `values`."""
    wrong = [value for value in values if value != right]
    return tuple(rng.sample(wrong, min(count, len(wrong))))


def near_numbers(rng: random.Random, right: int, count: int = 3) -> tuple[str, ...]:
    """Return the numbers one would get by miscounting."""
    near = [str(n) for n in range(max(0, right - 3), right + 4) if n != right]
    near.sort(key=lambda n: abs(int(n) - right) + rng.random())
    return tuple(near[:count])
