"""Where things stand, and what changed between two pictures.

relation    two statements about two pictures: "Is the star left of the ring?" is true in the
            first and not in the second, where the two stand the other way round; the converse
            statement is true in the second. Two answers about one picture are a pair, all four
            a set. Whoever reads only the text is right in exactly half.
difference  "Which thing moved?" about a picture and the same with one edit; each of six edits,
            asked openly and in short
"""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from typing import NamedTuple

from counterfactory.eval.items import Item
from counterfactory.eval.suites.pocket.place import SENTENCE, Place, altered
from counterfactory.factory.world.questions import difference_example, edited
from counterfactory.factory.world.scene import (
    COLOURS,
    KINDS,
    RELATIONS,
    Scene,
    Thing,
    free_place,
    holds,
)
from counterfactory.factory.world.scene import SIZES as SIDES
from counterfactory.factory.world.tasks.base import reference, slices, worded
from counterfactory.factory.world.tasks.difference import EDITS, change_between
from counterfactory.factory.world.tasks.relation import OPPOSITE, SAID, WORDINGS

FAR_NEAR = ("near", "far from")
SAYABLE = {"recolour": list(COLOURS), "resize": list(SIDES)}  # what a short answer may be
PHRASES = [f"{colour} {kind}" for colour in COLOURS for kind in KINDS]


class Told(NamedTuple):
    """A thing by its number in the scene, and the words for it."""

    number: int
    ref: str


def relation(place: Place) -> Iterator[list[Item]]:
    """Ask sets of four: two statements that exclude each other, on two pictures that swap them."""
    turn = 0
    for index, scene in place.scenes():
        rng = place.rng(index)
        told = [Told(i, r) for i, t in enumerate(scene.things) if (r := reference(scene, t, rng))]
        asked = RELATIONS[turn % len(RELATIONS)]
        clear = [
            (a, b)
            for a, b in permutations(told, 2)
            if any(holds(name, *_things(scene, a, b)) for name in (asked, OPPOSITE[asked]))
        ]
        if not clear:
            continue
        a, b = rng.choice(clear)
        if twin := _turned(scene, a.number, b.number, asked, rng):
            yield _set_of_four(place, index, (scene, twin), (a, b), asked, rng)
            turn += 1


def _turned(scene: Scene, a: int, b: int, asked: str, rng: random.Random) -> Scene | None:
    """Return the scene with the two things the other way round: swapped, or one moved."""
    one, other = scene.things[a], scene.things[b]
    wanted = OPPOSITE[asked] if holds(asked, one, other) else asked

    def turned(twin: Scene) -> bool:
        return holds(wanted, twin.things[a], twin.things[b])

    if asked not in FAR_NEAR:
        swapped = {a: replace(one, x=other.x, y=other.y), b: replace(other, x=one.x, y=one.y)}
        return altered(scene, swapped, rng, when=turned)
    rest = [(t.x, t.y, SIDES[t.size]) for i, t in enumerate(scene.things) if i != b]
    for _ in range(40):
        spot = free_place(rng, rest, other.size)
        moved = {b: replace(other, x=spot[0], y=spot[1])} if spot else {}
        if moved and (twin := altered(scene, moved, rng, when=turned, tries=20)):
            return twin
    return None


def _set_of_four(
    place: Place, index: int, scenes: tuple[Scene, Scene], told: tuple[Told, Told], asked: str,
    rng: random.Random,
) -> list[Item]:  # fmt: skip
    a, b = told
    template = worded(rng, WORDINGS, place.wordings, a="{a}", b="{b}", relation="{relation}")
    side = rng.randrange(2)
    converse = (a, b, OPPOSITE[asked]) if asked in FAR_NEAR else (b, a, asked)
    statements = rng.sample([(a, b, asked), converse], 2)
    return [
        place.item(
            f"{index:05d}-q{q}i{i}", [scene],
            prompt=template.format(a=x.ref, b=y.ref, relation=SAID.get(name, (name, name))[side]),
            gold="yes" if holds(name, *_things(scene, x, y)) else "no", verifier="yes_no",
            base=scenes[0], group_id=f"{index:05d}", category=asked,
            slices=(*slices("relation", relation=name), *_kinds(scene, x, y), f"pair:i{i}"),
        )
        for i, scene in enumerate(scenes)
        for q, (x, y, name) in enumerate(statements)
    ]  # fmt: skip


def _things(scene: Scene, x: Told, y: Told) -> tuple[Thing, Thing]:
    return scene.things[x.number], scene.things[y.number]


def _kinds(scene: Scene, x: Told, y: Told) -> tuple[str, ...]:
    return tuple(dict.fromkeys(f"kind:{thing.kind}" for thing in _things(scene, x, y)))


def difference(place: Place) -> Iterator[list[Item]]:
    """Ask about each edit in turn, once openly and once in short."""
    wanted = [(edit, short) for short in (False, True) for edit in EDITS]
    block: list[Item] = []
    for index, scene in place.scenes():
        edit, short = wanted[len(block)]
        rng = place.rng(index)
        pair = _edited(scene, edit, rng)
        item = _difference_item(place, f"{index:05d}", pair, scene, short, rng) if pair else None
        if item is None:
            continue
        block.append(item)
        if len(block) == len(wanted):
            yield block
            block = []


def _edited(scene: Scene, edit: str, rng: random.Random) -> tuple[Scene, Scene] | None:
    """Return the scene before and after; a removal is an addition seen from behind.

    (Few scenes have a neighbour in their own split with one thing less, all have one with one more.)
    """
    if edit == "remove":
        larger = edited(scene, rng, ("add",), tries=60)
        return (larger, scene) if larger else None
    other = edited(scene, rng, (edit,), tries=60)
    return (scene, other) if other else None


def _difference_item(
    place: Place, id_: str, pair: tuple[Scene, Scene], base: Scene, short: bool,
    rng: random.Random,
) -> Item | None:  # fmt: skip
    """Return the item in the form that is wanted, or None where it would be ambiguous."""
    for _ in range(12):
        example = difference_example(*pair, rng, place.wordings)
        if (example.verifier == "exact") == short:
            break
    else:
        return None
    edit = change_between(*pair)[0]
    return place.item(
        id_, pair, prompt=example.question, gold=example.answer, base=base, category=edit,
        verifier="text" if short else "difference", max_tokens=SENTENCE, slices=example.slices,
        info={"vocabulary": SAYABLE.get(edit, PHRASES)} if short else {},
    )  # fmt: skip
