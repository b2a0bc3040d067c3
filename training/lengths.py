"""The order in which rows are trained on: shuffled, but the rows of one step have like lengths.

    order([9, 1, 8, 2], rows=2, steps=2, seed=0)      -> [1, 3, 2, 0] or the like: short ones, long ones

A batch is as wide as its longest row, and what pads the others costs as much as text. transformers has
`group_by_length` for that; its order hangs on the random state of the moment, which is another one
after a restart. Here it follows from the seed alone.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterfactory.eval.crew import crew_of
from counterfactory.training.settings import Common

if TYPE_CHECKING:
    from datasets import Dataset

AMONG = 50  # steps whose rows are drawn at random before they are put in order of length


def in_order(rows: "Dataset", settings: Common) -> "Dataset":
    """Return the rows of all steps, one after the other, to be read in sequence."""
    wanted = settings.batch * settings.accumulate * crew_of().world
    lengths = [
        sum(len(str(message["content"])) for talk in row.values() for message in talk)
        for row in rows.select_columns(["prompt", "completion"])
    ]
    return rows.select(order(lengths, rows=wanted, steps=settings.steps, seed=settings.seed))


def order(lengths: Sequence[Any], *, rows: int, steps: int, seed: int) -> list[int]:
    """Return the places of `rows` rows for each of the steps; no row comes again before all have come.

    What does not fill a step at the end of a turn is left out of that turn.

    >>> order([9, 1, 8, 2], rows=2, steps=1, seed=0) in ([1, 3], [2, 0])
    True
    """
    chance, sizes = np.random.default_rng(seed), np.asarray(lengths)
    found: list[int] = []
    while len(found) < rows * steps:
        turn = chance.permutation(len(sizes))
        if len(turn) < rows:
            turn = np.resize(turn, rows)
        turn = turn[: len(turn) // rows * rows]
        some = [turn[at : at + AMONG * rows] for at in range(0, len(turn), AMONG * rows)]
        sorted_ = np.concatenate([part[np.argsort(sizes[part], kind="stable")] for part in some])
        groups = sorted_.reshape(-1, rows)
        found += groups[chance.permutation(len(groups))].ravel().tolist()
    return found[: rows * steps]
