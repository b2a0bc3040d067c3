"""What colour, what size is the X? And: is the X red?

attribute: "What colour is the small star?" -> "red"      (exactly one star is small)
binding:   "Is the star blue?" -> "no"                    (blue is what another thing is)
"""

import random

from counterfactory.factory.world.scene import COLOURS, SIZES, Scene, Thing
from counterfactory.factory.world.tasks.base import others, reference, slices, worded
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

COLOUR = {
    "train": (
        "What colour is the {ref}?",
        "Which colour does the {ref} have?",
        "Tell me the colour of the {ref}.",
        "What is the colour of the {ref} in this picture?",
        "Name the colour of the {ref}.",
        "What colour does the {ref} have here?",
    ),
    "reworded": (
        "In which colour was the {ref} drawn?",
        "What colour did someone give the {ref}?",
        "Looking at the {ref}, what colour is it?",
        "Of which colour is the {ref}?",
    ),
    "varied": VARIED["colour"],
}
SIZE = {
    "train": (
        "Is the {ref} small or large?",
        "What size is the {ref}?",
        "How big is the {ref}, small or large?",
        "Which size does the {ref} have, large or small?",
        "Tell me the size of the {ref}.",
        "Is the {ref} in this picture large or small?",
    ),
    "reworded": (
        "Was the {ref} drawn large or small?",
        "Looking at the {ref}, is it small or large?",
        "Of which size is the {ref}?",
        "Did someone make the {ref} small or large?",
    ),
    "varied": VARIED["size"],
}
BINDING = {
    "train": (
        "Is the {ref} {value}?",
        "Is it true that the {ref} is {value}?",
        "Is the {ref} in this picture {value}?",
        "Would you call the {ref} {value}?",
        "Is the {ref} shown here {value}?",
        "Does the {ref} look {value}?",
    ),
    "reworded": (
        "Was the {ref} drawn {value}?",
        "Tell me whether the {ref} is {value}.",
        "Would it be right to say that the {ref} is {value}?",
        "Looking at the {ref}, is it {value}?",
    ),
    "varied": VARIED["binding"],
}
VALUES = {"colour": COLOURS, "size": tuple(SIZES)}


def _pick(scene: Scene, rng: random.Random) -> tuple[Thing, str, str] | None:
    """Return a thing, an attribute, and words for the thing that do not say the attribute."""
    name = "colour" if rng.random() < 0.7 else "size"
    for thing in rng.sample(scene.things, len(scene.things)):
        if ref := reference(scene, thing, rng, hide=name):
            return thing, name, ref
    return None


def attribute(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask for the colour or the size of one thing."""
    picked = _pick(scene, rng)
    if picked is None:
        return []
    thing, name, ref = picked
    answer = getattr(thing, name)
    return [
        Example(
            task="attribute",
            question=worded(rng, COLOUR if name == "colour" else SIZE, wordings, ref=ref),
            answer=answer,
            rationale=f"There is exactly one {ref}. Its {name} is {answer}.",
            distractors=others(rng, answer, VALUES[name], 3),
            slices=slices("attribute", attribute=name, kind=thing.kind, colour=thing.colour),
        )
    ]


def binding(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask whether a thing has a colour or size, half the time one that it has not."""
    picked = _pick(scene, rng)
    if picked is None:
        return []
    thing, name, ref = picked
    real = getattr(thing, name)
    value = real
    if rng.random() < 0.5:
        elsewhere = {getattr(other, name) for other in scene.things} - {real}
        value = rng.choice(sorted(elsewhere) or [v for v in VALUES[name] if v != real])
    answer = "yes" if value == real else "no"
    seen = f"{real}, not {value}" if value != real else real
    return [
        Example(
            task="binding",
            question=worded(rng, BINDING, wordings, ref=ref, value=value),
            answer=answer,
            rationale=f"The {name} of the {ref} is {seen}, so the answer is {answer}.",
            distractors=("no" if answer == "yes" else "yes",),
            slices=slices("binding", attribute=name, kind=thing.kind, colour=thing.colour),
            verifier="yes_no",
        )
    ]
