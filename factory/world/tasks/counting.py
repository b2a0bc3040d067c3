"""How many X are there? X is a kind, a colour, a size, two of these, or all things.

    "How many red things are in the picture?" -> "2"

The answer is drawn first, evenly from the counts that the scene offers (zero included), then the
group: otherwise nearly every answer would be one.
"""

import random

from counterfactory.factory.world.scene import COLOURS, KINDS, Scene
from counterfactory.factory.world.tasks.base import (
    Group,
    groups_of,
    inventory,
    named,
    near_numbers,
    slices,
    worded,
)
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

WORDINGS = {
    "train": (
        "How many {nouns} are there?",
        "How many {nouns} are in the picture?",
        "Count the {nouns}.",
        "What is the number of {nouns} in this image?",
        "How many {nouns} do you see?",
        "Tell me how many {nouns} the picture shows.",
    ),
    "reworded": (
        "If you count the {nouns}, what do you get?",
        "Give the number of {nouns} drawn here.",
        "In total, how many {nouns} are visible?",
        "How large is the number of {nouns} in this scene?",
    ),
    "varied": VARIED["count"],
}


def group_with_any_count(scene: Scene, rng: random.Random) -> Group:
    """Return a group to count, every count that the scene offers being equally likely."""
    by_count: dict[int, list[Group]] = {}
    for group in groups_of(scene.things):
        by_count.setdefault(len(group.of(scene.things)), []).append(group)
    absent = Group(rng.choice(KINDS)) if rng.random() < 0.5 else Group(colour=rng.choice(COLOURS))
    if not absent.of(scene.things):
        by_count[0] = [absent]
    by_count.setdefault(len(scene.things), []).append(Group())
    return rng.choice(by_count[rng.choice(sorted(by_count))])


def count(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask how many things belong to a group."""
    group = group_with_any_count(scene, rng)
    found = group.of(scene.things)
    answer = str(len(found))
    if group == Group():
        seen = f"That makes {answer}."
    elif not found:
        seen = f"None of them is a {group.noun}. That makes 0."
    else:
        seen = f"The {group.nouns} among them: {named(found)}. That makes {answer}."
    return [
        Example(
            task="count",
            question=worded(rng, WORDINGS, wordings, nouns=group.nouns),
            answer=answer,
            rationale=f"The picture shows {inventory(scene.things)}. {seen}",
            distractors=near_numbers(rng, len(found)),
            slices=slices("count", **group.slices),
            verifier="number",
        )
    ]
