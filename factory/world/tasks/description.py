"""Describe the picture. The answer names all things and no others; wrong ones are off by one thing.

    "What is in this picture?" -> "There is a red star above a blue ring."
    distractors: "There is a green star above ...", "There is a red ball above ...", one thing more,
                 one thing less

Each distractor is worded like the answer but for a colour, a kind, a thing that is not there, or a
thing that is left out: a judge that never saw an omission marks whoever says less as right.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from counterfactory.factory.world.language import article, caption_of, listed, phrase, place
from counterfactory.factory.world.scene import COLOURS, KINDS, Scene, Thing, free_place
from counterfactory.factory.world.scene import SIZES as SIDES
from counterfactory.factory.world.tasks.base import slices, worded
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

WORDINGS = {
    "train": (
        "Describe the picture.",
        "What is in this picture?",
        "What can you see here?",
        "Please describe this image.",
        "Tell me what the picture shows.",
        "List what is in the image.",
    ),
    "reworded": (
        "Give an account of this scene.",
        "Put this drawing into words.",
        "Say what has been drawn here.",
        "What would you tell someone who cannot see this image?",
    ),
    "varied": VARIED["describe"],
}


def _recoloured(things: Sequence[Thing], rng: random.Random) -> list[Thing] | None:
    """Give one thing a colour that no other thing of its kind has."""
    i = rng.randrange(len(things))
    taken = {t.colour for t in things if t.kind == things[i].kind}
    changed = replace(things[i], colour=rng.choice([c for c in COLOURS if c not in taken]))
    return [changed if n == i else t for n, t in enumerate(things)]


def _replaced(things: Sequence[Thing], rng: random.Random) -> list[Thing] | None:
    """Make one thing another kind, one that is not there."""
    i = rng.randrange(len(things))
    kind = rng.choice([k for k in KINDS if k not in {t.kind for t in things}])
    return [replace(t, kind=kind) if n == i else t for n, t in enumerate(things)]


def _one_more(things: Sequence[Thing], rng: random.Random) -> list[Thing] | None:
    """Add a thing of a kind that is not there."""
    spot = free_place(rng, [(t.x, t.y, SIDES[t.size]) for t in things], "small")
    if spot is None:
        return None
    kind = rng.choice([k for k in KINDS if k not in {t.kind for t in things}])
    extra = Thing(kind, rng.choice(COLOURS), "small", *spot)
    whole = list(things)
    whole.insert(rng.randrange(len(things) + 1), extra)
    return whole


def _one_less(things: Sequence[Thing], rng: random.Random) -> list[Thing] | None:
    """Leave a thing out, where there are others."""
    i = rng.randrange(len(things))
    return [t for n, t in enumerate(things) if n != i] or None


def wrong_captions(scene: Scene, rng: random.Random, seed: int, wordings: str) -> list[str]:
    """Return captions worded like the one of this seed, each off by one thing."""
    changes = (_recoloured, _replaced, _one_more, _one_less)
    changed = [change(scene.things, rng) for change in changes]
    return [
        caption_of(things, random.Random(seed), ground=scene.ground, wordings=wordings)
        for things in changed
        if things
    ]


def description(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask for a description."""
    if not scene.things:
        return []
    seed = rng.getrandbits(32)
    answer = caption_of(scene.things, random.Random(seed), ground=scene.ground, wordings=wordings)
    ordered = sorted(scene.things, key=lambda thing: (thing.x, thing.y))
    seen = listed([f"{article(phrase(thing))} {place(thing)}" for thing in ordered])
    return [
        Example(
            task="description",
            question=worded(rng, WORDINGS, wordings),
            answer=answer,
            rationale=f"From left to right I see {seen}. {answer}",
            distractors=tuple(wrong_captions(scene, rng, seed, wordings)),
            slices=slices("description", *scene.things),
            verifier="description",
        )
    ]
