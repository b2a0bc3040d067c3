"""What is there, and what it is like: existence as POPE asks, descriptions, attributes, bindings.

    existence    "Is there a leaf in the picture?"      one yes and one no a scene and flavour
    description  "Describe the picture."                every thing is to be named and no other
    attribute    "What colour is the small star?"
    binding      "Is the star blue?"                    blue is what another thing is; a yes, a no

For each kind (existence) and each colour or size (binding) yes and no are even to within one.
"""

from collections.abc import Iterator
from typing import Any

from counterfactory.eval.items import Item
from counterfactory.eval.suites.pocket.facts import Balance, is_there
from counterfactory.eval.suites.pocket.place import STORY, Place
from counterfactory.factory.world.questions import ask
from counterfactory.factory.world.scene import KINDS, USUAL, Scene
from counterfactory.factory.world.tasks.attribute import BINDING, VALUES
from counterfactory.factory.world.tasks.base import reference, slices, worded
from counterfactory.factory.world.tasks.existence import PARTNERS, POPULAR

FLAVOURS = {"random": KINDS, "popular": POPULAR, "adversarial": tuple(PARTNERS)}


def existence(place: Place) -> Iterator[list[Item]]:
    """Ask a yes and a no in each of the three flavours; what is absent is what its flavour says."""
    for flavours in zip(*(_flavour(place, name) for name in FLAVOURS), strict=True):
        yield [item for items in flavours for item in items]


def _flavour(place: Place, flavour: str) -> Iterator[list[Item]]:
    balance = Balance()
    for index, scene in place.scenes():
        rng = place.rng(flavour, index)
        present = {thing.kind for thing in scene.things}
        there = [kind for kind in FLAVOURS[flavour] if kind in present]
        absent = [kind for kind in FLAVOURS[flavour] if kind not in present]
        if flavour == "adversarial":  # its companion is there, it is not
            absent = [kind for kind in absent if PARTNERS[kind] in present]
        picked = balance.pick(there, absent, rng)
        if picked is None:
            continue
        facts = [is_there(kind, kind in present, f"existence_{flavour}") for kind in picked]
        rng.shuffle(facts)
        yield [
            place.item(
                f"{index:05d}-{flavour}-{n}", [scene], prompt=fact.asked(rng, place.wordings),
                gold=fact.gold, verifier="yes_no", category=flavour, slices=fact.slices,
            )
            for n, fact in enumerate(facts)
        ]  # fmt: skip


def description(place: Place) -> Iterator[list[Item]]:
    """Ask for a description."""
    for index, scene in place.scenes():
        for example in ask("description", scene, place.rng(index), place.wordings):
            yield [
                place.item(
                    f"{index:05d}", [scene], prompt=example.question, gold=example.answer,
                    verifier="description", max_tokens=STORY, slices=example.slices,
                    info=_there(scene),
                )
            ]  # fmt: skip


def _there(scene: Scene) -> dict[str, Any]:
    """Return what a description may name: the kinds, and the colours of each."""
    kinds = sorted({thing.kind for thing in scene.things})
    colours = {k: sorted({t.colour for t in scene.things if t.kind == k}) for k in kinds}
    return {"objects": kinds, "colours": colours}


def attribute(place: Place) -> Iterator[list[Item]]:
    """Ask for the colour or the size of a thing."""
    for index, scene in place.scenes():
        for example in ask("attribute", scene, place.rng(index), place.wordings):
            name = "size" if "attribute:size" in example.slices else "colour"
            yield [
                place.item(
                    f"{index:05d}", [scene], prompt=example.question, gold=example.answer,
                    verifier="text", category=name, slices=example.slices,
                    info={"vocabulary": list(VALUES[name])},
                )
            ]  # fmt: skip


def binding(place: Place) -> Iterator[list[Item]]:
    """Ask whether a thing has the value it has, and whether it has another one."""
    balance = Balance()
    for index, scene in place.scenes():
        rng = place.rng(index)
        name = "colour" if rng.random() < 0.7 else "size"
        for thing in rng.sample(scene.things, len(scene.things)):
            if ref := reference(scene, thing, rng, hide=name):
                break
        else:
            continue
        real = getattr(thing, name)
        picked = balance.pick([real], _wrong(scene, name, real, thing.kind, place), rng)
        if picked is None:
            continue
        template = worded(rng, BINDING, place.wordings, ref=ref, value="{value}")
        yield [
            place.item(
                f"{index:05d}-{n}", [scene], prompt=template.format(value=value),
                gold="yes" if value == real else "no", verifier="yes_no", category=name,
                group_id=f"{index:05d}",
                slices=slices("binding", attribute=name, kind=thing.kind, colour=thing.colour),
            )
            for n, value in enumerate(rng.sample(picked, 2))
        ]  # fmt: skip


def _wrong(scene: Scene, name: str, real: str, kind: str, place: Place) -> list[str]:
    """Return the values to ask about in vain: those of other things, or else any.

    Shifted scenes show no thing in its usual colour, so asking for it would be asking for a no.
    """
    elsewhere = {getattr(thing, name) for thing in scene.things} - {real}
    values = sorted(elsewhere) or [value for value in VALUES[name] if value != real]
    if place.distribution == "shifted":
        values = [value for value in values if value != USUAL.get(kind)]
    return values
