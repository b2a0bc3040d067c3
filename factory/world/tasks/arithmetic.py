"""Counting with one or two steps, after CLEVR-Math, with the reasoning written out.

    "Remove all red things, then all stars. How many things are left?"  ->  "1"
    "The picture shows a red ball, two blue stars and a green ring. That makes 4 things. Removing
     1 red thing: 4 - 1 = 3. Removing 2 stars: 3 - 2 = 1. So the answer is 1."

Each problem is drawn several times and one is kept so that all answers in reach are equally likely.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from counterfactory.factory.world.language import counted
from counterfactory.factory.world.scene import KINDS, Scene
from counterfactory.factory.world.tasks.base import (
    Group,
    Templates,
    groups_of,
    inventory,
    is_are,
    near_numbers,
    slices,
    worded,
)
from counterfactory.factory.world.tasks.wordings import (
    ADD,
    LEFT,
    LEFT_ADD,
    LEFT_LEFT,
    MORE,
    TOTAL,
    TOTAL_ADD,
)
from counterfactory.records import Example


class Problem(NamedTuple):
    """One problem on one scene: its wordings with what fills them, its steps, its answer."""

    answer: int
    wordings: Templates
    words: dict[str, str]
    steps: str
    groups: tuple[Group, ...]


Maker = Callable[[Scene, random.Random], Problem]
DRAWS = 5  # problems drawn for each one that is asked


def _group(scene: Scene, rng: random.Random) -> Group:
    """Return a group that is in the scene, or now and then one that is not."""
    return Group(rng.choice(KINDS)) if rng.random() < 0.1 else rng.choice(groups_of(scene.things))


def _two_kinds(scene: Scene, rng: random.Random) -> tuple[Group, Group]:
    """Return two groups that share no thing; both are there, or only the first."""
    name = "kind" if rng.random() < 0.7 else "colour"
    values = sorted({getattr(thing, name) for thing in scene.things})
    if len(values) > 1:
        a, b = rng.sample(values, 2)
        return Group(**{name: a}), Group(**{name: b})
    kinds = {thing.kind for thing in scene.things}
    absent = rng.choice([kind for kind in KINDS if kind not in kinds])
    return Group(**{name: values[0]}), Group(absent)


def _size(scene: Scene, group: Group) -> int:
    return len(group.of(scene.things))


def _there(a: Group, n: int, b: Group, m: int) -> str:
    return f"There {is_are(n)} {a.counted(n)} and {b.counted(m)}."


def _minus(total: int, group: Group, n: int) -> str:
    return f"Removing {group.counted(n)}: {total} - {n} = {total - n}."


def _plus(total: int, group: Group, k: int) -> str:
    return f"Adding {group.counted(k)}: {total} + {k} = {total + k}."


def _in_all(total: int) -> str:
    return f"That makes {Group().counted(total)}."


def _add(group: Group, rng: random.Random) -> tuple[int, str]:
    k = rng.randint(1, 3)
    return k, counted(k, "", group.kind)


def left(scene: Scene, rng: random.Random) -> Problem:
    """Remove a group; how many things are left?"""
    a, all_ = _group(scene, rng), len(scene.things)
    n = _size(scene, a)
    steps = f"{_in_all(all_)} {_minus(all_, a, n)}"
    return Problem(all_ - n, LEFT, {"a": a.nouns}, steps, (a,))


def more(scene: Scene, rng: random.Random) -> Problem:
    """How many more of these than of those?"""
    a, b = _two_kinds(scene, rng)
    n, m = _size(scene, a), _size(scene, b)
    if n < m:
        a, n, b, m = b, m, a, n
    steps = f"{_there(a, n, b, m)} {n} - {m} = {n - m}."
    return Problem(n - m, MORE, {"a": a.nouns, "b": b.nouns}, steps, (a, b))


def total(scene: Scene, rng: random.Random) -> Problem:
    """How many of these and those together?"""
    a, b = _two_kinds(scene, rng)
    n, m = _size(scene, a), _size(scene, b)
    steps = f"{_there(a, n, b, m)} {n} + {m} = {n + m}."
    return Problem(n + m, TOTAL, {"a": a.nouns, "b": b.nouns}, steps, (a, b))


def add(scene: Scene, rng: random.Random) -> Problem:
    """Add some of a kind; how many of the kind are there then?"""
    a = Group(rng.choice(scene.things).kind)
    n = _size(scene, a)
    k, added = _add(a, rng)
    steps = f"There {is_are(n)} {a.counted(n)}. {_plus(n, a, k)}"
    return Problem(n + k, ADD, {"a": a.nouns, "added": added}, steps, (a,))


def left_left(scene: Scene, rng: random.Random) -> Problem:
    """Remove a group, then another; how many things are left?"""
    a, all_ = rng.choice(groups_of(scene.things)), len(scene.things)
    rest = [thing for thing in scene.things if not a.holds(thing)]
    choices = [g for g in groups_of(rest) if g != a] or [Group(k) for k in KINDS if k != a.kind]
    b = rng.choice(choices)
    n, m = _size(scene, a), len(b.of(rest))
    steps = f"{_in_all(all_)} {_minus(all_, a, n)} {_minus(all_ - n, b, m)}"
    return Problem(all_ - n - m, LEFT_LEFT, {"a": a.nouns, "b": b.nouns}, steps, (a, b))


def left_add(scene: Scene, rng: random.Random) -> Problem:
    """Remove a group, then add some of a kind; how many things are there then?"""
    a, b, all_ = _group(scene, rng), Group(rng.choice(KINDS)), len(scene.things)
    n = _size(scene, a)
    k, added = _add(b, rng)
    steps = f"{_in_all(all_)} {_minus(all_, a, n)} {_plus(all_ - n, b, k)}"
    return Problem(all_ - n + k, LEFT_ADD, {"a": a.nouns, "added": added}, steps, (a, b))


def total_add(scene: Scene, rng: random.Random) -> Problem:
    """Add some of a kind; how many of it and of another are there together?"""
    kinds = sorted({thing.kind for thing in scene.things})
    a = Group(rng.choice(kinds))
    b = Group(rng.choice([k for k in kinds if k != a.kind] or [k for k in KINDS if k != a.kind]))
    n, m = _size(scene, a), _size(scene, b)
    k, added = _add(a, rng)
    steps = f"{_there(a, n, b, m)} {n} + {m} = {n + m}. {_plus(n + m, a, k)}"
    words = {"a": a.nouns, "b": b.nouns, "added": added}
    return Problem(n + m + k, TOTAL_ADD, words, steps, (a, b))


ONE_STEP: tuple[Maker, ...] = (left, left, more, total, add)
TWO_STEPS: tuple[Maker, ...] = (left_left, left_left, left_add, total_add)


def _ask(
    scene: Scene, task: str, makers: tuple[Maker, ...], rng: random.Random, wordings: str
) -> list[Example]:
    if not scene.things:
        return []
    by_answer: dict[int, Problem] = {}
    for _ in range(DRAWS):
        drawn = rng.choice(makers)(scene, rng)
        by_answer[drawn.answer] = drawn
    problem = by_answer[rng.choice(sorted(by_answer))]
    answer = str(problem.answer)
    shown = f"The picture shows {inventory(scene.things)}."
    names = [f"{n}:{v}" for group in problem.groups for n, v in group.slices.items() if v]
    return [
        Example(
            task=task,
            question=worded(rng, problem.wordings, wordings, **problem.words),
            answer=answer,
            rationale=f"{shown} {problem.steps} So the answer is {answer}.",
            distractors=near_numbers(rng, problem.answer),
            slices=tuple(dict.fromkeys((*slices(task), *names))),
            verifier="number",
        )
    ]


def one_step(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask for one subtraction or addition."""
    return _ask(scene, "arithmetic_one", ONE_STEP, rng, wordings)


def two_steps(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask for two in a row."""
    return _ask(scene, "arithmetic_two", TWO_STEPS, rng, wordings)
