"""What a round mined, held against the failures that the pocket world builds into its model.

    python tests/bench/mining_score.py runs/loop/round-01 [round-02 ...]

Prints precision and recall (tests/loop/known_failures.py says what counts), each failure with the slice
that comes nearest, and the slices that belong to none; for rounds with a cross-examination the same
for what was mined without right answers.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "loop"))
from known_failures import precision_recall

from counterfactory.eval.columns import read_columns
from counterfactory.loop.mine import mine_unlabelled
from counterfactory.loop.slices import read_slices


def main() -> None:
    """Print the scores of each round folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rounds", nargs="+", type=Path, metavar="ROUND")
    for folder in parser.parse_args().rounds:
        columns = read_columns(folder / "eval" / "mine")
        print(f"{folder}: from right answers")
        tell(precision_recall(read_slices(folder), columns))
        if (folder / "unlabelled.json").is_file():
            print(f"{folder}: from the model's own doubts")
            tell(precision_recall(mine_unlabelled(folder / "eval" / "mine"), columns))


def tell(score: dict[str, Any]) -> None:
    """Print one score."""
    print(
        f"  precision {_share(score['precision'])}  recall {_share(score['recall'])}, "
        f"a failure's slices taken together {_share(score['recall_together'])}"
    )
    for name, one in score["modes"].items():
        print(
            f"  {name:18} {one['errors']:5} errors  F1 {one['f1']:.2f}  together {one['together']:.2f}"
            f"  {one['slice']}"
        )
    print(f"  of none: {', '.join(score['strangers']) or '-'}")


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


if __name__ == "__main__":
    main()
