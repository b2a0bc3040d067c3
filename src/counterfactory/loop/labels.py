"""What can be said of an item: the conditions that slices are made of.

    labels_of(columns)[0]
    ->  {"task:existence", "kind:leaf", "category:adversarial", "answer:no", "variant:shifted", ...}

Most come with the item (its `slices` and its category). Added are the right answer where answers are
few (`answer:no`, `answer:5+` for five or more), the task's name and variant, and the wording
(text_patterns.py). `habit:against` holds where the model leans to one answer for such items and the
right one is another: the leaning is counted from its answers, never told.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.columns import Columns, size
from counterfactory.eval.counting import STRUCTURE
from counterfactory.loop import text_patterns

Label = str
AGAINST, WITH = "habit:against", "habit:with"
GIVEN = ("answer:", "habit:")  # what only someone who knows the right answer can say
DERIVED = (*GIVEN, "asks:", "variant:", "test:", "text:")  # not labels of the item itself
FEW = ("yes", "no")
OPEN = ("refusal",)  # verifiers whose answers are texts
LEAST_SAID = 10
OVERUSE = 0.15  # more often said than right, as a share
SURE = 3.0  # standard errors


@dataclass(frozen=True, slots=True)
class Habit:
    """An answer that a model gives to a kind of question more often than it is right."""

    among: tuple[Label, ...]
    answer: str
    said: float  # share of the answers
    right: float  # share of the right answers


def labels_of(
    columns: Columns, habits: Collection[Habit] = (), *, wanted: Collection[Label] | None = None
) -> list[frozenset[Label]]:
    """Return the labels of each row; text patterns only if wanted, for there are many."""
    plain = plain_labels(columns)
    leaning = habit_labels(columns, plain, habits)
    texts = text_patterns.among(wanted or (), columns["prompt"].tolist())
    return [frozenset().union(*parts) for parts in zip(plain, leaning, texts, strict=True)]


def plain_labels(columns: Columns) -> list[list[Label]]:
    """Return what an item says of itself, and its answer, task and variant, best names first."""
    tasks = [task.partition("/") for task in columns["task"]]
    several = _several(columns["task"])
    found = []
    for at, (stem, _, variant) in enumerate(tasks):
        names = [name for name in columns["slices"][at] if not name.startswith(STRUCTURE)]
        if category := columns["category"][at]:
            names.append(f"category:{category}")
        names += [f"test:{stem}", f"asks:{columns['verifier'][at]}"]
        if variant in several:
            names.append(f"variant:{variant}")
        names += answer_labels(columns["gold"][at], columns["verifier"][at])
        found.append(list(dict.fromkeys(names)))
    return found


def _several(tasks: NDArray[np.object_]) -> set[str]:
    """Return the variants that more than one task has."""
    stems = defaultdict(set)
    for task in set(tasks):
        stem, _, variant = task.partition("/")
        stems[variant].add(stem)
    return {variant for variant, found in stems.items() if variant and len(found) > 1}


def answer_labels(gold: str, verifier: str) -> list[Label]:
    """Return the labels of a right answer: yes, no, or each number that it reaches.

    >>> answer_labels("3", "number")
    ['answer:1+', 'answer:2+', 'answer:3+']
    """
    if gold in FEW:
        return [f"answer:{gold}"]
    if verifier not in OPEN and gold.isdecimal() and int(gold) <= 50:
        return [f"answer:{least}+" for least in range(1, int(gold) + 1)]
    return []


def group_of(columns: Columns, plain: list[list[Label]], at: int) -> tuple[Label, ...]:
    """Return what a habit may depend on: the task, the attribute asked for, the kind."""
    kinds = [name for name in plain[at] if name.startswith("kind:")]
    asked = [name for name in plain[at] if name.startswith(("task:", "attribute:"))]
    return (*asked, *kinds) if len(kinds) == 1 and columns["verifier"][at] not in OPEN else ()


def habits_of(columns: Columns, rows: NDArray[np.bool_] | None = None) -> tuple[Habit, ...]:
    """Return the answers that are given far more often than they are right, by kind of question."""
    plain = plain_labels(columns)
    said: Mapping[tuple[Label, ...], Counter[str]] = defaultdict(Counter)
    right: Mapping[tuple[Label, ...], Counter[str]] = defaultdict(Counter)
    counted = np.ones(size(columns), dtype=np.bool_) if rows is None else rows
    for at in map(int, np.flatnonzero(counted)):
        if (group := group_of(columns, plain, at)) and columns["parsed"][at]:
            said[group][columns["parsed"][at]] += 1
            right[group][columns["gold"][at]] += 1
    found = (_habit(group, said[group], right[group]) for group in sorted(said))
    return tuple(habit for habit in found if habit)


def _habit(group: tuple[Label, ...], said: Counter[str], right: Counter[str]) -> Habit | None:
    total = said.total()
    answer = max(sorted(said), key=lambda text: said[text] - right[text])
    often, fair = said[answer] / total, right[answer] / total
    error = sqrt(max(often * (1 - often) + fair * (1 - fair), 1 / total) / total)
    if said[answer] < LEAST_SAID or often - fair < max(OVERUSE, SURE * error):
        return None
    return Habit(group, answer, round(often, 4), round(fair, 4))


def habit_labels(
    columns: Columns, plain: list[list[Label]], habits: Collection[Habit]
) -> list[tuple[Label, ...]]:
    """Return habit:with or habit:against for each row that a habit is about."""
    answers = {habit.among: habit.answer for habit in habits}
    found: list[tuple[Label, ...]] = []
    for at in range(size(columns)):
        leaning = answers.get(group_of(columns, plain, at)) if answers else None
        found.append(
            () if leaning is None else (WITH if columns["gold"][at] == leaning else AGAINST,)
        )
    return found


def crossed_habit_labels(columns: Columns, *, seed: int) -> list[tuple[Label, ...]]:
    """The same with habits that were counted on other clusters, so that no row judges itself."""
    clusters = sorted(set(columns["cluster_id"]))
    half = np.random.default_rng(seed).permutation(len(clusters)) % 2 == 0
    side = dict(zip(clusters, half, strict=True))
    first = np.array([side[name] for name in columns["cluster_id"]], dtype=np.bool_)
    plain = plain_labels(columns)
    by_first = habit_labels(columns, plain, habits_of(columns, first))
    by_second = habit_labels(columns, plain, habits_of(columns, ~first))
    return [
        two if one_is else one for one_is, one, two in zip(first, by_first, by_second, strict=True)
    ]
