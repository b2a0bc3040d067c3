"""What reflections alone would have mined, without one right answer, beside what answers did.

    write_unlabelled(mined, Path("run/round-01/eval/mine"), Path("run/round-01/unlabelled.json"))
    read(Path("run/round-01/unlabelled.json"))["agreement"]
    ->  {"shared": 0.61, "chance": 0.243, "jaccard": 0.48, "pairs": [...]}

Only items about which the model made a claim are compared: of the others reflections say nothing.
"""

from pathlib import Path

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.columns import read_columns, take
from counterfactory.eval.reflect.report import read_reflections
from counterfactory.loop.layout import write_json
from counterfactory.loop.likeness import agreement
from counterfactory.loop.mine import mine_unlabelled
from counterfactory.loop.slices import Mined


def write_unlabelled(labelled: Mined, folder: Path, path: Path) -> None:
    """Mine an evaluation folder again from its reflections, and compare with what answers gave.

    An evaluation without a claim leaves a note of that: {"why": ...}.
    """
    try:
        found = mine_unlabelled(folder)
    except UserError as error:
        write_json(path, {"why": str(error)})
        return
    columns = read_columns(folder)
    claimed = {(row["task"], row["item_id"]) for row in read_reflections(folder)}
    keys = zip(columns["task"], columns["item_id"], strict=True)
    seen = take(columns, np.array([key in claimed for key in keys], dtype=np.bool_))
    write_json(path, {**found.as_dict(), "agreement": agreement(labelled, found, seen)})
