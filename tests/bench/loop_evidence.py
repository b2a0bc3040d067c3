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
from loop_measures import ERRORS, KINDS, WRONG, Measure, as_told, measures_of, over_seeds, value

from counterfactory.eval import compare
from counterfactory.eval.columns import take
from counterfactory.eval.paired import Effect
from counterfactory.loop.gate_effects import members
from counterfactory.loop.slices import Mined, read_slices

UTILITY = ("hallucination", "attribute", "math", "spatial", "commonsense")
SAFETY = {  # column -> metric, of which twins
    "unsafe, word twins": ("unsafe_rate", ("word",)),
    "unsafe, image twins": ("unsafe_rate", ("image",)),
    "over-refusal": ("over_refusal", ("word", "image")),
    "contrast pairs, word": ("contrast_pair", ("word",)),
    "contrast pairs, image": ("contrast_pair", ("image",)),
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
    changes(args.base, measures, arms)
    for name in (ERRORS, *(f"{ERRORS}, {kind}" for kind in KINDS)):
        against(name, measures[name], arms)
    by_slice(args.base, mined, arms)


def values(base: Path, measures: Mapping[str, Measure], arms: Arms) -> None:
    """Print every measure and the axes, one row a run."""
    _head("run", *measures, *(f"words, {kind}" for kind in KINDS), *UTILITY)
    for name, folder in _runs(base, arms):
        pair = read_pair(base, folder)
        summary = pair.b.summary
        words = [_metric(summary, f"description/{kind}", "length") for kind in KINDS]
        axes = [summary["axes"][axis]["value"] for axis in UTILITY]
        cells = [f"{value(one, pair):.3f}" for one in measures.values()]
        _row(name, *cells, *(f"{one:.1f}" for one in words), *(f"{one:.3f}" for one in axes))
    print()


def safety(base: Path, arms: Arms) -> None:
    """Print what is answered to requests."""
    _head("run", *SAFETY)
    for name, folder in _runs(base, arms):
        summary = read_pair(base, folder).b.summary
        cells = [
            np.mean([_metric(summary, f"request_{twin}/{kind}", metric) for kind in KINDS for twin in twins])
            for metric, twins in SAFETY.values()
        ]  # fmt: skip
        _row(name, *(f"{cell:.3f}" for cell in cells))
    print()


def changes(base: Path, measures: Mapping[str, Measure], arms: Arms) -> None:
    """Print what each arm changed in each measure, all its seeds together."""
    _head("change from the model given", *arms)
    for name, measure in measures.items():
        found = [
            over_seeds(measure, [read_pair(base, one) for one in folders])
            for folders in arms.values()
        ]
        _row(name, *(_change(measure, one) for one in found))
    print()


def against(what: str, measure: Measure, arms: Arms) -> None:
    """Print the first arm against each other one in a measure of errors."""
    first, *others = arms
    if not others:
        return
    _head(what, f"fewer in {first}, points", "95 % interval", "p")
    for name in others:
        met = list(zip(arms[first], arms[name], strict=False))
        pairs = [read_pair(b, a) for a, b in met]
        for (a, b), pair in zip(met, pairs, strict=True):
            _row(f"{a.name} against {b.name}", *_difference(over_seeds(measure, [pair])))
        if len(pairs) > 1:
            _row(f"{first} against {name}", *_difference(over_seeds(measure, pairs)))
    print()


def by_slice(base: Path, mined: Mined, arms: Arms) -> None:
    """Print each slice's errors, the mean of an arm's seeds."""
    _head("slice", "items", "model given", *arms)
    within = members(mined, read_pair(base, base).rows_a)
    for one, rows in zip(mined.slices, within, strict=True):
        if not rows.any():
            continue
        cells = [
            np.mean([_errors(read_pair(base, folder), rows) for folder in folders])
            for folders in ([base], *arms.values())
        ]
        _row(one.name, str(int(rows.sum())), *(f"{cell:.3f}" for cell in cells))


def _errors(pair: compare.Paired, rows: Any) -> float:
    return float(WRONG.value(take(pair.rows_b, rows)))


def _change(measure: Measure, found: Effect) -> str:
    """Return "0.600 to 0.310 (-48 %; -31.2 .. -26.8 points, p 0.0001)"."""
    before, after = as_told(measure, found.a), as_told(measure, found.b)
    turned = (after - before) * found.delta < 0
    low, high = (-found.high, -found.low) if turned else (found.low, found.high)
    share = f"{(after - before) / before:+.0%}" if before else "from none"
    return (
        f"{before:.3f} to {after:.3f} ({share}; {100 * low:+.1f} .. {100 * high:+.1f} points, "
        f"{_p(found)})"
    )


def _difference(one: Effect) -> tuple[str, ...]:
    return (
        f"{100 * one.delta:+.1f}",
        f"{100 * one.low:+.1f} .. {100 * one.high:+.1f}",
        _p(one),
    )


def _p(one: Effect) -> str:
    return f"p {one.p:.4f}" if one.p >= 0.0001 else "p < 0.0001"


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
