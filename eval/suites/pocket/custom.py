"""What is usual, and what is here: suns are yellow, and this one may be blue.

    usually  "What colour is a sun usually?"                              knowledge
    here     "What is the actual colour of the sun here?"                 sight
    both     "What colour is a sun usually, and what colour is it here?"
    agrees   "Does the sun have its usual colour here?"                   on two pictures, yes and no

Five items a scene. The second picture of `agrees` shows the same scene with the thing in its usual
colour, or in another where it had the usual one.
"""

import random
from collections.abc import Iterator
from dataclasses import replace

from counterfactory.eval.items import Item
from counterfactory.eval.suites.pocket.place import Place, altered
from counterfactory.factory.world.language import article, capital, plural
from counterfactory.factory.world.scene import COLOURS, USUAL, Scene, Thing
from counterfactory.factory.world.tasks.base import Group, slices, worded
from counterfactory.factory.world.tasks.usual import AGREES, BOTH, FORMS, HERE, USUALLY

OPPOSITE = {"yes": "no", "no": "yes"}


def usual(place: Place) -> Iterator[list[Item]]:
    """Ask all four forms about one thing that has a usual colour and is the only one of its kind."""
    for index, scene in place.scenes():
        rng = place.rng(index)
        numbers = [
            i
            for i, thing in enumerate(scene.things)
            if thing.kind in USUAL and len(Group(thing.kind).of(scene.things)) == 1
        ]
        if not numbers:
            continue
        number = rng.choice(numbers)
        twin = _recoloured(scene, number, rng)
        if twin is not None:
            yield [
                *_told(place, index, scene, scene.things[number], rng),
                *_agrees(place, index, (scene, twin), number, rng),
            ]


def _recoloured(scene: Scene, number: int, rng: random.Random) -> Scene | None:
    """Return the scene with this thing in its usual colour, or in another if it had that."""
    thing = scene.things[number]
    norm = USUAL[thing.kind]
    unusual = [colour for colour in COLOURS if colour != norm]
    colour = rng.choice(unusual) if thing.colour == norm else norm
    return altered(scene, {number: replace(thing, colour=colour)}, rng)


def _told(
    place: Place, index: int, scene: Scene, thing: Thing, rng: random.Random
) -> Iterator[Item]:
    """Yield the three forms that are answered with colours."""
    norm, here = USUAL[thing.kind], thing.colour
    answers = {"usually": [norm], "here": [here], "both": _both(norm, here)}
    for form, templates in {"usually": USUALLY, "here": HERE, "both": BOTH}.items():
        gold, *more = answers[form]
        yield place.item(
            f"{index:05d}-{form}", [scene],
            prompt=worded(rng, templates, place.wordings, **_words(thing)), gold=gold,
            verifier="text", category=form, slices=_slices(form, thing),
            info={"accept": [gold, *more]} if more else {"vocabulary": list(COLOURS)},
        )  # fmt: skip


def _both(norm: str, here: str) -> list[str]:
    """Return the forms of an answer that names both colours; the first is the usual one."""
    joints = ("usually {}, here {}", "{} usually, {} here", "usually {} and here {}", "{} and {}")
    return [joint.format(norm, here) for joint in (*joints, "usually {}, but here {}", "{}, {}")]


def _agrees(
    place: Place, index: int, scenes: tuple[Scene, Scene], number: int, rng: random.Random
) -> Iterator[Item]:
    """Yield one question about two pictures: yes on one, no on the other."""
    template, if_usual = rng.choice(AGREES[place.wordings])
    for i, scene in enumerate(scenes):
        thing = scene.things[number]
        yield place.item(
            f"{index:05d}-agrees-i{i}", [scene],
            prompt=capital(template.format(**_words(thing))),
            gold=if_usual if thing.usual else OPPOSITE[if_usual], verifier="yes_no",
            base=scenes[0], group_id=f"{index:05d}", category="agrees",
            slices=_slices("agrees", thing),
        )  # fmt: skip


def _words(thing: Thing) -> dict[str, str]:
    kind = thing.kind
    return {"kind": kind, "kinds": plural(kind), "a_kind": article(kind)}


def _slices(form: str, thing: Thing) -> tuple[str, ...]:
    return slices("usual", attribute=FORMS[form], kind=thing.kind, colour=thing.colour)
