"""How alike two lists of slices are, say those from answers and those from reflections.

    agreement(mined, unlabelled, read_columns(folder))
    ->  {"shared": 0.61, "jaccard": 0.48, "pairs": [{"a": "existence ...", "b": "...", "jaccard": 0.7}]}

Compared are the items that slices hold, not their words: the same items may be described in two ways.
"""

from typing import Any

import numpy as np

from counterfactory.eval.columns import Columns
from counterfactory.eval.counting import truth
from counterfactory.loop.slices import Mined


def agreement(a: Mined, b: Mined, columns: Columns) -> dict[str, Any]:
    """Compare two lists over the same rows; leave rows out of `columns` that one could not see.

    `shared`: of the wrong items in slices of `a`, the share that slices of `b` hold, too; `chance`:
    the share of all rows that they hold. `jaccard`: rows in both over rows in either. `pairs` names
    for each slice of `a` the nearest of `b`.
    """
    ours, theirs = a.members(columns), b.members(columns)
    one, other = np.asarray(ours.any(axis=0)), np.asarray(theirs.any(axis=0))
    wrong = one & (truth(columns) == 0)
    pairs = []
    for mine, rows in zip(a.slices, ours, strict=True):
        scores = [_jaccard(rows, their) for their in theirs]
        best = int(np.argmax(scores)) if scores else None
        pairs.append(
            {
                "a": mine.name, "b": None if best is None else b.slices[best].name,
                "jaccard": 0.0 if best is None else round(scores[best], 4),
            }
        )  # fmt: skip
    return {
        "shared": round(float((wrong & other).sum() / wrong.sum()), 4) if wrong.any() else None,
        "chance": round(float(other.mean()), 4) if other.size else None,
        "jaccard": round(_jaccard(one, other), 4),
        "pairs": pairs,
    }


def _jaccard(one: Any, other: Any) -> float:
    either = int((one | other).sum())
    return float((one & other).sum() / either) if either else 0.0
