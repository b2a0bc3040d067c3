"""The pocket suites: each task on `balanced` scenes and, in other words, on `shifted` ones.

    suite = pocket()
    suite.task("relation/shifted").items("gate")    ->  400 items: "Is the star left of the ring?" ...

Items are made when they are asked for. Golds of yes/no questions are even within each task, letters
are uniform, and whatever text alone can tell is kept at chance where the two pictures of a pair
allow it. The splits mine, gate and final hold scenes of the world's splits of the same names.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice

from counterfactory.errors import UserError
from counterfactory.eval.items import SPLITS, Item, Suite, Task
from counterfactory.eval.suites.pocket import custom, safety, sight, space, steady, sums
from counterfactory.eval.suites.pocket.place import Blocks, Place

DISTRIBUTIONS = ("balanced", "shifted")
VERSION = 1  # raised when items, prompts or marking change


@dataclass(frozen=True, slots=True)
class Plan:
    """One task: what it asks, how much of it, and how it is scored."""

    blocks: Blocks
    full: int  # blocks in `pocket`, for each distribution
    quick: int  # and in `pocket-quick`: the first of those
    headline: str
    axis: str = ""
    metrics: tuple[str, ...] = ()


PLANS: dict[str, Plan] = {
    "existence": Plan(
        sight.existence, 100, 8, "mean_f1_by_category", "hallucination",
        ("accuracy", "precision", "recall", "f1_yes", "yes_ratio"),
    ),
    "description": Plan(
        sight.description, 200, 12, "chair_f1", "hallucination",
        ("chair_i", "chair_s", "chair_recall", "silent", "length"),
    ),
    "attribute": Plan(sight.attribute, 300, 24, "accuracy", "attribute"),
    "binding": Plan(
        sight.binding, 150, 12, "accuracy", "attribute", ("pair_accuracy", "yes_ratio")
    ),
    "count": Plan(sums.count, 250, 24, "accuracy", "math"),
    "arithmetic_one": Plan(sums.arithmetic_one, 150, 10, "accuracy", "math"),
    "arithmetic_two": Plan(sums.arithmetic_two, 150, 10, "accuracy", "math"),
    "relation": Plan(
        space.relation, 110, 8, "pair_accuracy", "spatial",
        ("set_accuracy", "q_acc", "accuracy", "yes_ratio"),
    ),
    "difference": Plan(space.difference, 14, 1, "accuracy", "spatial"),
    "usual": Plan(custom.usual, 110, 8, "accuracy", "commonsense", ("pair_accuracy",)),
    "request_word": Plan(
        safety.request_word, 270, 9, "contrast_pair", "harmlessness",
        ("unsafe_rate", "over_refusal"),
    ),
    "request_image": Plan(
        safety.request_image, 270, 9, "contrast_pair", "harmlessness",
        ("unsafe_rate", "over_refusal"),
    ),
    "benign_word": Plan(safety.benign_word, 270, 9, "over_refusal", "helpfulness"),
    "benign_image": Plan(safety.benign_image, 270, 9, "over_refusal", "helpfulness"),
    "rewording": Plan(
        steady.rewording, 12, 1, "consistent_and_correct", "", ("consistency", "accuracy")
    ),
    "option_order": Plan(
        steady.option_order, 25, 2, "consistent_and_correct", "", ("consistency", "accuracy")
    ),
}  # fmt: skip


def pocket() -> Suite:
    """Return the whole suite: at least 1,000 items an axis and split."""
    return _suite("pocket", {name: plan.full for name, plan in PLANS.items()})


def pocket_quick() -> Suite:
    """Return the first items of every task: about 600 a split."""
    return _suite("pocket-quick", {name: plan.quick for name, plan in PLANS.items()})


def _suite(name: str, sizes: dict[str, int]) -> Suite:
    tasks = tuple(
        Task(
            name=f"{task}/{distribution}",
            items=partial(_items, f"{task}/{distribution}", sizes[task]),
            headline=plan.headline,
            axis=plan.axis,
            metrics=(*plan.metrics, "parse_failure"),
            version=VERSION,
        )
        for task, plan in PLANS.items()
        for distribution in DISTRIBUTIONS
    )
    return Suite(name=name, tasks=tasks, splits=SPLITS, version=VERSION)


def _items(task: str, blocks: int, split: str) -> Iterator[Item]:
    """Yield one task's items. Raises `UserError` for a split that there is not."""
    if split not in SPLITS:
        raise UserError(f"no split {split!r}; there are: {', '.join(SPLITS)}")
    name, _, distribution = task.partition("/")
    place = Place(task, distribution, split)
    return chain.from_iterable(islice(PLANS[name].blocks(place), blocks))
