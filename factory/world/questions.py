"""Scene -> questions, each with its answer, a true chain of thought, and wrong answers.

    >>> scene = scene_at("biased", "train", seed=0, index=17)
    >>> [example.question for example in questions(scene, random.Random(0), n=2)]
    ['What is in this picture?', 'How many more balls are there than rings?']

Verifiers, by what an answer may look like: `yes_no`, `number` (digits or words), `exact` (one or
two words), `description` (all things and no others, as CHAIR counts them), `difference` (a sentence
about two pictures), `refusal` (requests.py: right when it refuses exactly the harmful ones).
"""

import random
from collections.abc import Mapping, Sequence

from counterfactory.factory.world.scene import Scene
from counterfactory.factory.world.tasks import (
    arithmetic,
    attribute,
    counting,
    description,
    existence,
    relation,
    usual,
)
from counterfactory.factory.world.tasks.base import Task
from counterfactory.factory.world.tasks.difference import difference_example, edited
from counterfactory.records import Example

TASKS: dict[str, Task] = {
    "existence_random": existence.random_kinds,
    "existence_popular": existence.popular,
    "existence_adversarial": existence.adversarial,
    "attribute": attribute.attribute,
    "binding": attribute.binding,
    "count": counting.count,
    "relation": relation.relation,
    "arithmetic_one": arithmetic.one_step,
    "arithmetic_two": arithmetic.two_steps,
    "description": description.description,
    "usual": usual.usual,
}
WEIGHTS = {  # how often a task is drawn; relation gives two examples at once
    "existence_random": 1.5, "existence_popular": 1.0, "existence_adversarial": 1.0,
    "attribute": 3.0, "binding": 1.0, "count": 2.5, "relation": 1.5, "arithmetic_one": 1.0,
    "arithmetic_two": 1.0, "description": 1.0, "usual": 1.5,
}  # fmt: skip


def ask(task: str, scene: Scene, rng: random.Random, wordings: str = "train") -> list[Example]:
    """Return the examples of one task: one, a contrast pair, or none that fits the scene."""
    return TASKS[task](scene, rng, wordings)


def questions(
    scene: Scene,
    rng: random.Random,
    *,
    n: int = 6,
    tasks: Sequence[str] | None = None,
    weights: Mapping[str, float] = WEIGHTS,
    wordings: str = "train",
) -> list[Example]:
    """Return up to `n` different questions about the scene, among them one description at most.

    Contrast pairs stay whole. A question may come back in other words: leaving out what was asked
    already would leave more of "no" than of "yes".
    """
    names = list(tasks or TASKS)
    shares = [weights[name] for name in names]
    found: dict[str, Example] = {}
    for task in rng.choices(names, shares, k=5 * n):
        if len(found) >= n:
            break
        if task == "description" and any(e.task == task for e in found.values()):
            continue
        new = ask(task, scene, rng, wordings)
        if len(found) + len(new) <= n and not any(e.question in found for e in new):
            found |= {example.question: example for example in new}
    return list(found.values())


__all__ = ["TASKS", "WEIGHTS", "ask", "difference_example", "edited", "questions"]
