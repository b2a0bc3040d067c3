"""Is A left of B? Always asked with its partner, so that one of the two answers is yes.

    "Is the star left of the ring?" -> "yes"     "Is the ring left of the star?" -> "no"

The partner of left, right, above and below is the converse statement; that of near is far. Two
things that stand too close to call on an axis are not asked about.
"""

import random

from counterfactory.factory.world.scene import RELATIONS, Scene, Thing, holds
from counterfactory.factory.world.tasks.base import reference, slices, worded
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

OPPOSITE = {
    "left of": "right of", "right of": "left of", "above": "below", "below": "above",
    "near": "far from", "far from": "near",
}  # fmt: skip
SAID = {"left of": ("left of", "to the left of"), "right of": ("right of", "to the right of")}

WORDINGS = {
    "train": (
        "Is the {a} {relation} the {b}?",
        "Is the {a} {relation} the {b} in the picture?",
        "Does the {a} stand {relation} the {b}?",
        "Is it true that the {a} is {relation} the {b}?",
        "Would you say the {a} is {relation} the {b}?",
        "In this image, is the {a} {relation} the {b}?",
    ),
    "reworded": (
        "Has the {a} been drawn {relation} the {b}?",
        "Does one find the {a} {relation} the {b}?",
        "Tell me whether the {a} is {relation} the {b}.",
        "Looking at both, is the {a} {relation} the {b}?",
    ),
    "varied": VARIED["relation"],
}


def _clear(one: Thing, other: Thing) -> list[str]:
    """Return the relations that one can ask about these two: they hold or their opposite does."""
    return [r for r in RELATIONS if holds(r, one, other) or holds(OPPOSITE[r], one, other)]


def _example(
    a: tuple[Thing, str], b: tuple[Thing, str], relation: str, template: str, said: str, pair: str
) -> Example:
    true = holds(relation, a[0], b[0])
    answer = "yes" if true else "no"
    fact = relation if true else OPPOSITE[relation]
    kinds = dict.fromkeys(f"kind:{thing.kind}" for thing in (a[0], b[0]))
    return Example(
        task="relation",
        question=template.format(a=a[1], b=b[1], relation=said),
        answer=answer,
        rationale=f"The {a[1]} is {fact} the {b[1]}, so the answer is {answer}.",
        distractors=("no" if true else "yes",),
        slices=(*slices("relation", relation=relation), *kinds),
        verifier="yes_no",
        pair=pair,
    )


def relation(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask a statement about two things and its partner, in any order."""
    told = [(t, ref) for t in scene.things if (ref := reference(scene, t, rng))]
    if len(told) < 2:
        return []
    a, b = rng.sample(told, 2)
    if not (clear := _clear(a[0], b[0])):
        return []
    asked = rng.choice(clear)
    template = worded(rng, WORDINGS, wordings, a="{a}", b="{b}", relation="{relation}")
    side = rng.randrange(2)

    def said(name: str) -> str:
        return SAID.get(name, (name, name))[side]

    pair = f"{scene.fingerprint[:16]}:{asked}:{rng.getrandbits(24):06x}"
    partner = OPPOSITE[asked]
    if asked in ("near", "far from"):
        both = [(a, b, asked), (a, b, partner)]
    else:
        both = [(a, b, asked), (b, a, asked)]
    rng.shuffle(both)
    return [_example(x, y, name, template, said(name), pair) for x, y, name in both]
