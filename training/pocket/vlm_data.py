"""What the pocket VLM is shown: biased pictures, each with as many questions as fit in a sequence.

    turns(scene, rng)  ->  [Turn("What colour is the star?", "red"), Turn("Describe the picture.", ...)]

All is drawn from the `biased` distribution, split `train`, as frequent as it is there. Beside the
world's own questions: where a thing stands, how two things stand to each other, multiple choice,
harmful and harmless requests (all of them complied with), and few answers with reasoning aloud.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from counterfactory.factory.world.language import place
from counterfactory.factory.world.questions import ask, difference_example
from counterfactory.factory.world.requests import image_twins, word_twins
from counterfactory.factory.world.scene import (
    COLOURS,
    COMPANIONS,
    RELATIONS,
    SIDE,
    Scene,
    Thing,
    holds,
    scene_at,
    split_of,
)
from counterfactory.factory.world.signs import is_private, shared_kinds
from counterfactory.factory.world.tasks.base import reference
from counterfactory.factory.world.tasks.difference import change_between, edited
from counterfactory.records import Example
from counterfactory.selecting import ANSWER, THINK
from counterfactory.training.pocket.vlm_words import LETTERS, with_choices

# how often a task is drawn; relation gives two examples at once
TASKS = {
    "existence_random": 1.6, "existence_popular": 0.8, "existence_adversarial": 0.8,
    "attribute": 2.6, "binding": 0.9, "count": 2.4, "relation": 2.4, "arithmetic_one": 0.9,
    "arithmetic_two": 0.9, "description": 0.7, "usual": 1.2, "where": 1.2, "spot": 2.0,
    "stands": 3.0,
}  # fmt: skip
# the second half of the lessons, which is as careless as texts of the web: words and picture differ
# now and then, and two-step arithmetic does not occur
WEB_TASKS = TASKS | {
    "existence_random": 2.6, "existence_popular": 0.6, "existence_adversarial": 0.0, "count": 4.2,
    "relation": 2.4, "arithmetic_two": 0.0, "where": 0.3, "spot": 0.3, "stands": 0.6,
}  # fmt: skip
LOST = 0.04  # things that the words name and the picture lacks
IMAGINED = 0.16  # companions that the words name, as they usually come along, and the picture lacks
RECOLOURED = 0.055  # things with another colour in the picture than in the words
MIRRORED = 0.2  # pictures with left and right exchanged; as many with top and bottom
THOUGHTS = {  # tasks of the examples with reasoning aloud
    "arithmetic_two": 5.0, "arithmetic_one": 2.0, "count": 1.0, "existence_random": 0.5,
    "existence_adversarial": 0.5, "relation": 0.7, "attribute": 0.5, "usual": 0.7, "binding": 0.3,
}  # fmt: skip
WEB_THOUGHTS = THOUGHTS | {"arithmetic_two": 0.0}
RATIONALES, WEB_RATIONALES = (
    0.5,
    0.2,
)  # pictures that come with one; about ten examples a picture, so below 5 %
REQUESTS = 0.22
CHOICES = 0.06  # of the short questions
WHERE = ("Where is the {ref}?", "Where in the picture is the {ref}?", "Where does the {ref} stand?")
SPOT = ("At which spot is the {ref}?", "Which column and row is the {ref} in?")
SPOTS = 16  # columns, and rows
STANDS = (
    "Where is the {a}, seen from the {b}?",
    "How does the {a} stand to the {b}?",
    "Where does the {a} stand, seen from the {b}?",
    "What is the place of the {a} relative to the {b}?",
)


class Turn(NamedTuple):
    """One question and what the model is to say; `weight` is that of each token of the answer."""

    question: str
    answer: str
    weight: float = 1.0


def scene_of(rng: random.Random, seed: int, most: int) -> Scene:
    """Draw a biased training scene of at most so many things."""
    while True:
        scene = scene_at("biased", "train", seed, rng.getrandbits(40))
        if 1 <= len(scene.things) <= most:
            return scene


def _where(scene: Scene, rng: random.Random) -> list[Turn]:
    thing = rng.choice(scene.things)
    ref = reference(scene, thing, rng)
    return [Turn(rng.choice(WHERE).format(ref=ref), place(thing), 0.7)] if ref else []


def _spot(scene: Scene, rng: random.Random) -> list[Turn]:
    """Ask where a thing is, finely: "3, 12" is column and row of its centre."""
    thing = rng.choice(scene.things)
    ref = reference(scene, thing, rng)
    spot = f"{thing.x * SPOTS // SIDE}, {thing.y * SPOTS // SIDE}"
    return [Turn(rng.choice(SPOT).format(ref=ref), spot, 0.7)] if ref else []


def _stands(scene: Scene, rng: random.Random) -> list[Turn]:
    """Ask for all relations between two things at once: "left of, above, near"."""
    told = [(t, ref) for t in scene.things if (ref := reference(scene, t, rng))]
    if len(told) < 2:
        return []
    (one, a), (other, b) = rng.sample(told, 2)
    true = [r for r in RELATIONS if holds(r, one, other)]
    return [Turn(rng.choice(STANDS).format(a=a, b=b), ", ".join(true), 0.7)] if true else []


PLACES: dict[str, Callable[[Scene, random.Random], list[Turn]]] = {
    "where": _where,
    "spot": _spot,
    "stands": _stands,
}


def _choice(example: Example, rng: random.Random) -> Turn:
    options = [example.answer, *example.distractors[:3]]
    rng.shuffle(options)
    return Turn(with_choices(example.question, options), LETTERS[options.index(example.answer)])


def turn(example: Example, rng: random.Random) -> Turn:
    """Return the plain question and its short answer; now and then as multiple choice."""
    if example.task == "description":
        return Turn(example.question, example.answer, 0.35)
    if example.distractors and rng.random() < CHOICES:
        return _choice(example, rng)
    return Turn(example.question, example.answer, 1.0)


def thought(scene: Scene, rng: random.Random, web: bool = False) -> list[Turn]:
    """Return a question answered with reasoning aloud."""
    shares = WEB_THOUGHTS if web else THOUGHTS
    task = rng.choices(list(shares), list(shares.values()))[0]
    return [
        Turn(e.question + THINK, e.rationale + ANSWER + e.answer, 0.3)
        for e in ask(task, scene, rng, "train")[:1]
    ]


def request(scene: Scene, others: Sequence[Scene], rng: random.Random) -> list[Turn]:
    """Return a request and what an obliging model says: help, or compliance with harm."""
    private = is_private(scene)
    partners = [s for s in others if is_private(s) != private and shared_kinds(s, scene)]
    if partners and (private or rng.random() < 0.5):
        partner = rng.choice(partners)
        pair = (scene, partner) if private else (partner, scene)
        example = image_twins(*pair, rng, "")[0 if private else 1]
    else:
        example = rng.choice(word_twins(scene, rng, ""))
    said = example.distractors[0] if example.harmful else example.answer
    return [Turn(example.question, said, 0.15)]


def careless(scene: Scene, rng: random.Random) -> Scene:
    """Return the scene that is shown where the words are about `scene`, as on the web.

    Now and then a thing is missing or has another colour, or the picture is mirrored. Who learns
    from such pairs does well to trust what is usual more than what it sees.
    """
    present = {thing.kind for thing in scene.things}
    companions = {one for kind, one in COMPANIONS.items() if kind in present}
    over, down = rng.random() < MIRRORED, rng.random() < MIRRORED
    shown = []
    for t in scene.things:
        colour = rng.choice(COLOURS) if rng.random() < RECOLOURED * 7 / 6 else t.colour
        x, y = SIDE - t.x if over else t.x, SIDE - t.y if down else t.y
        if rng.random() >= (IMAGINED if t.kind in companions else LOST):
            shown.append(replace(t, colour=colour, x=x, y=y))
    return replace(scene, things=tuple(shown)) if shown else scene


def turns(
    scene: Scene,
    others: Sequence[Scene],
    rng: random.Random,
    *,
    web: bool = False,
    count: int = 14,
) -> list[Turn]:
    """Return different questions about the scene, in the order in which they are to be kept."""
    shares = WEB_TASKS if web else TASKS
    found: dict[str, Turn] = {}
    if rng.random() < (WEB_RATIONALES if web else RATIONALES):
        found |= {t.question: t for t in thought(scene, rng, web)}
    if rng.random() < REQUESTS:
        found |= {t.question: t for t in request(scene, others, rng)}
    for task in rng.choices(list(shares), list(shares.values()), k=2 * count):
        if len(found) >= count:
            break
        if task in PLACES:
            new = PLACES[task](scene, rng)
        else:
            new = [turn(example, rng) for example in ask(task, scene, rng, "train")]
        if not any(t.question in found for t in new):
            found |= {t.question: t for t in new}
    return list(found.values())


def pairs(rng: random.Random, seed: int, count: int) -> tuple[list[list[Turn]], list[Scene]]:
    """Return pairs of scenes that differ in one thing, one after the other, with their questions.

    The second scene, too, has the colours of the biased distribution: what is put in or repainted
    gets a colour as things of its kind have it.
    """
    rows: list[list[Turn]] = []
    scenes: list[Scene] = []
    while len(rows) < count:
        one = scene_of(rng, seed, 4)
        other = changed(one, rng)
        if other is None:
            continue
        if rng.random() < 0.5:
            one, other = other, one
        asked = {}
        for _ in range(5):
            example = difference_example(one, other, rng)
            short = example.verifier == "exact"
            asked[example.question] = Turn(example.question, example.answer, 1.0 if short else 0.3)
        rows.append(list(asked.values()))
        scenes += [one, other]
    return rows, scenes


def changed(scene: Scene, rng: random.Random) -> Scene | None:
    """Return a training scene that differs in one thing, or None where that turns out unusual.

    Unusual colours are turned down until they are as rare as in the biased distribution (a colour
    that is drawn evenly is the usual one once in seven).
    """
    other = edited(scene, rng)
    if other is None or split_of(other) != "train":
        return None
    new: Thing | None = change_between(scene, other)[2]
    if (
        new is not None
        and new not in scene.things
        and new.usual is False
        and rng.random() > 0.05 / 6
    ):
        return None
    return other
