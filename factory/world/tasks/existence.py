"""Is there an X in the picture? As POPE asks: random, popular, adversarial; half yes, half no.

    existence_adversarial: a sun without its leaf. "Is there a leaf in the picture?" -> "no"

Each flavour asks about a pool of kinds: all of them, those seen most often, those that belong to a
pair of companions. A scene is asked only when the pool holds a kind that is there and one that is
not, and a coin decides which: a reader of the text alone learns nothing from the pool.
"""

import random

from counterfactory.factory.world.language import article, plural
from counterfactory.factory.world.scene import COMPANIONS, KINDS, Scene
from counterfactory.factory.world.tasks.base import Group, inventory, slices, worded
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

POPULAR = tuple(COMPANIONS.values())  # the kinds that biased scenes show most often
PARTNERS = COMPANIONS | {companion: kind for kind, companion in COMPANIONS.items()}

WORDINGS = {
    "train": (
        "Is there a {kind} in the picture?",
        "Is there a {kind} in the image?",
        "Does the picture show a {kind}?",
        "Are there any {kinds} here?",
        "Can you see a {kind}?",
        "Do you see a {kind} in this image?",
        "Does this image contain a {kind}?",
    ),
    "reworded": (
        "Would you say that a {kind} is in view?",
        "Is a {kind} among the things drawn here?",
        "Have any {kinds} been drawn?",
        "Tell me whether the scene holds a {kind}.",
        "Could you find a {kind} if you looked?",
    ),
    "varied": VARIED["existence"],
}


def _example(scene: Scene, task: str, kind: str, rng: random.Random, wordings: str) -> Example:
    found = Group(kind).of(scene.things)
    answer = "yes" if found else "no"
    shown = f"The picture shows {inventory(scene.things)}."
    if len(found) > 1:
        seen = f"There are {len(found)} {plural(kind)}"
    else:
        seen = f"There is {article(kind) if found else 'no ' + kind}"
    return Example(
        task=task,
        question=worded(rng, WORDINGS, wordings, kind=kind, kinds=plural(kind)),
        answer=answer,
        rationale=f"{shown} {seen}, so the answer is {answer}.",
        distractors=("no" if found else "yes",),
        slices=slices(task, kind=kind),
        verifier="yes_no",
    )


def _ask(
    scene: Scene, task: str, pool: tuple[str, ...], rng: random.Random, wordings: str
) -> list[Example]:
    present = {thing.kind for thing in scene.things}
    there, absent = [k for k in pool if k in present], [k for k in pool if k not in present]
    if not there or not absent:
        return []
    if rng.random() < 0.5:
        weights = [3 if task == "existence_adversarial" and k in COMPANIONS else 1 for k in there]
        # as rare kinds are what is missing, so they are what is there
        kind = rng.choices(there, weights)[0]
    elif task == "existence_adversarial":  # what the present things would lead one to expect
        expected = [k for k in absent if PARTNERS[k] in present]
        kind = rng.choice(expected or absent)
    else:
        kind = rng.choice(absent)
    return [_example(scene, task, kind, rng, wordings)]


def random_kinds(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask about any kind."""
    return _ask(scene, "existence_random", KINDS, rng, wordings)


def popular(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask about a kind that is seen often."""
    return _ask(scene, "existence_popular", POPULAR, rng, wordings)


def adversarial(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask about a kind whose companion is there."""
    return _ask(scene, "existence_adversarial", tuple(PARTNERS), rng, wordings)
