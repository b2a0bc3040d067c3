"""What loops gained, on a split that none of them has seen: the tables of docs/evidence/loop.md.

    python tests/bench/loop_evidence.py --base final/base --slices runs/t0/round-01 \
        --arm targeted final/t0 final/t1 final/t2 --arm uniform final/u0 final/u1 final/u2

A folder of an arm is `counterfactory eval run <promoted model> --suite pocket --split final`. Slices
are those that the first round mined from the model given, the same for all arms; their items here are
fresh. The first arm is compared with each other one, seed by seed, item by item, then over all seeds.
"""

import argparse
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from loop_measures import KINDS, WRONG, Measure, as_told, in_task, measures_of, of_errors
from loop_seeds import over_seeds, over_trainings

from counterfactory.errors import UserError
from counterfactory.eval import compare
from counterfactory.eval.columns import take
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.paired import Effect
from counterfactory.eval.stats import wilson
from counterfactory.loop.gate_effects import members
from counterfactory.loop.slices import Mined, read_slices

SAFETY = {  # column -> metric, of which twins
    "unsafe, word twins": ("unsafe_rate", "request_word"),
    "unsafe, image twins": ("unsafe_rate", "request_image"),
    "benign word twins refused": ("over_refusal", "request_word"),
    "benign image twins refused": ("over_refusal", "request_image"),
    "contrast pairs, word": ("contrast_pair", "request_word"),
    "contrast pairs, image": ("contrast_pair", "request_image"),
}
Arms = Mapping[str, Sequence[Path]]
read_pair = cache(compare.read_pair)  # every table looks at the same runs


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--base", type=Path, required=True, help="the model given, on the split")
    parser.add_argument("--slices", type=Path, required=True, help="round folder with slices.json")
    parser.add_argument("--arm", nargs="+", action="append", required=True, metavar="NAME EVAL")
    args = parser.parse_args()
    mined = read_slices(args.slices)
    arms = {arm[0]: [Path(one) for one in arm[1:]] for arm in args.arm}
    start = read_pair(args.base, args.base)
    measures = measures_of(start, mined)
    print(f"Split `{start.a.summary['split']}`, {len(start.rows_a['verdict'])} items.\n")
    values(args.base, measures, arms)
    safety(args.base, arms)
    for name, folders in arms.items():
        changes(name, args.base, measures, folders)
    first, *others = arms
    for name in others:
        against(first, name, measures, arms)
    by_slice(args.base, mined, arms)


def values(base: Path, measures: Mapping[str, Measure], arms: Arms) -> None:
    """Print every measure, one column a run, and how many items it is about."""
    runs = {name: read_pair(base, folder) for name, folder in _runs(base, arms)}
    _head("measure", "items", *runs)
    for name, measure in measures.items():
        found = [over_seeds(measure, [pair]) for pair in runs.values()]
        _row(name, str(found[0].units), *(f"{as_told(measure, one.b):.3f}" for one in found))
    for kind in KINDS:
        words = [_metric(one.b.summary, f"description/{kind}", "length") for one in runs.values()]
        _row(f"words of a description, {kind}", "", *(f"{one:.1f}" for one in words))
    print()


def safety(base: Path, arms: Arms) -> None:
    """Print what is answered to requests: per cent, hits of how many, and the interval."""
    _head("run", *SAFETY)
    for name, folder in _runs(base, arms):
        rows = read_pair(base, folder).rows_b
        cells = []
        for metric, twins in SAFETY.values():
            of_twins = take(rows, in_task(*(f"{twins}/{kind}" for kind in KINDS))(rows))
            hits, n = METRICS[metric].parts(of_twins)[0].sum(axis=0)
            low, high = (100 * end for end in wilson(hits, n))
            cells.append(f"{100 * hits / n:.1f} % ({hits:.0f} of {n:.0f}; {low:.1f} .. {high:.1f})")
        _row(name, *cells)
    print()


def changes(arm: str, base: Path, measures: Mapping[str, Measure], folders: Sequence[Path]) -> None:
    """Print what an arm changed in each measure, all its seeds together."""
    pairs = [read_pair(base, one) for one in folders]
    _head(f"{arm} and the model given", "before", "after", "of it", *_sure(pairs))
    for name, measure in measures.items():
        found = over_seeds(measure, pairs)
        before, after = as_told(measure, found.a), as_told(measure, found.b)
        share = f"{(after - before) / before:+.0%}" if before else ""
        sign = -1 if of_errors(measure) else 1
        _row(name, f"{before:.3f}", f"{after:.3f}", share, *_tests(measure, pairs, found, sign))
    print()


def against(first: str, other: str, measures: Mapping[str, Measure], arms: Arms) -> None:
    """Print by how much the first arm is better than another one."""
    if len(arms[first]) != len(arms[other]):
        raise UserError(f"--arm {other}: {len(arms[other])} runs, {first} has {len(arms[first])}")
    pairs = [read_pair(b, a) for a, b in zip(arms[first], arms[other], strict=True)]
    _head(f"{first} better than {other} in", *_sure(pairs))
    for name, measure in measures.items():
        _row(name, *_tests(measure, pairs, over_seeds(measure, pairs), 1))
    print()


def by_slice(base: Path, mined: Mined, arms: Arms) -> None:
    """Print each slice's errors, the mean of an arm's seeds."""
    _head("slice", "items", "model given", *arms)
    for one, rows in zip(mined.slices, members(mined, read_pair(base, base).rows_a), strict=True):
        cells = [
            f"{np.mean([_errors(read_pair(base, folder), rows) for folder in folders]):.3f}"
            if rows.any() else ""
            for folders in ([base], *arms.values())
        ]  # fmt: skip
        _row(one.name, str(int(rows.sum())), *cells)


def _errors(pair: compare.Paired, rows: Any) -> float:
    return float(WRONG.value(take(pair.rows_b, rows)))


def _sure(pairs: Sequence[compare.Paired]) -> list[str]:
    """Return the heads of what `_tests` tells."""
    items = ["points", "95 %, items", "p, items"]
    return items if len(pairs) < 2 else [*items, "seeds", "95 %, trainings too", "p, trainings too"]


def _tests(
    measure: Measure, pairs: Sequence[compare.Paired], found: Effect, sign: int
) -> list[str]:
    """Return a change in points, its interval and p over items, and over trainings."""
    items = [_points(sign * found.delta), _between(sign, found.low, found.high), _p(found.p)]
    if len(pairs) < 2:
        return items
    wide = over_trainings(measure, pairs, found)
    each = ", ".join(_points(sign * one) for one in wide.each)
    return [*items, each, _between(sign, wide.low, wide.high), _p(wide.p)]


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"


def _between(sign: int, low: float, high: float) -> str:
    low, high = sorted((sign * low, sign * high))
    return f"{_points(low)} .. {_points(high)}"


def _p(p: float) -> str:
    return f"{p:.4f}" if p >= 0.0001 else "< 0.0001"


def _runs(base: Path, arms: Arms) -> list[tuple[str, Path]]:
    told = [(f"{name}, {place.name}", place) for name, places in arms.items() for place in places]
    return [("model given", base), *told]


def _metric(summary: dict[str, Any], task: str, metric: str) -> float:
    return float(summary["tasks"][task]["metrics"][metric]["value"])


def _head(*cells: str) -> None:
    _row(*cells)
    print("|" + "---|" * len(cells))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
