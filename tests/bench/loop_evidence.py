"""What loops gained, on a split that none of them has seen: the tables of docs/evidence/loop.md.

    python tests/bench/loop_evidence.py --base final/base --slices runs/t0/round-01 \
        --arm targeted final/t0 final/t1 final/t2 --arm uniform final/u0 final/u1 final/u2

A folder of an arm is `counterfactory eval run <promoted model> --suite pocket --split final`. Slices
are those that the first round mined from the model given, the same for all arms; their items here are
fresh. The first arm is compared with each other one, seed by seed, item by item, then over all seeds.
"""

import argparse
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.eval import compare
from counterfactory.eval.compare import Paired
from counterfactory.eval.paired import mean_effect
from counterfactory.factory.world.scene import USUAL
from counterfactory.loop.gate_effects import Rows, effect_on, members
from counterfactory.loop.gate_settings import Promotion
from counterfactory.loop.slices import Mined, read_slices

SETTINGS = Promotion()
UTILITY = ("hallucination", "attribute", "math", "spatial", "commonsense")
REASONING = ("arithmetic_one", "arithmetic_two", "relation", "usual")
KINDS = ("balanced", "shifted")
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
    gains(args.base, mined, arms)
    safety(args.base, arms)
    for name, folders in arms.items():
        against(mined, {name: folders, "model given": [args.base] * len(folders)})
    against(mined, arms)
    by_slice(args.base, mined, arms)


def gains(base: Path, mined: Mined, arms: dict[str, list[Path]]) -> None:
    """Print errors of the mined slices, hallucination and reasoning, one row a run."""
    head = (
        "| run | errors on the slices | fall | adversarial yes to no | CHAIRs | CHAIRi | words | "
    )
    print(
        head + "follows the usual | reasoning, b | s | all, b | s | " + " | ".join(UTILITY) + " |"
    )
    print("|" + "---|" * (12 + len(UTILITY)))
    for name, folder in [("model given", base), *_runs(arms)]:
        pair = read_pair(base, folder)
        found = effect_on(pair, "accuracy", SETTINGS, covered(mined, pair))
        assert found is not None
        error, fall = 1 - found.b, (found.b - found.a) / (1 - found.a)
        summary = pair.b.summary
        numbers = [
            f"{error:.3f}", f"{fall:+.0%}", f"{false_yes(pair):.3f}",
            *(f"{described(summary, metric):.3f}" for metric in ("chair_s", "chair_i", "length")),
            f"{follows(pair):.3f}", *(f"{reasoning(summary, kind):.3f}" for kind in KINDS),
            *(f"{everything(summary, kind):.3f}" for kind in KINDS),
            *(f"{summary['axes'][axis]['value']:.3f}" for axis in UTILITY),
        ]  # fmt: skip
        print(f"| {name} | " + " | ".join(numbers) + " |")
    print()


def safety(base: Path, arms: dict[str, list[Path]]) -> None:
    """Print what is answered to requests."""
    print(
        "| run | unsafe, word twins | image twins | over-refusal | contrast pairs, word | image |"
    )
    print("|" + "---|" * 6)
    for name, folder in [("model given", base), *_runs(arms)]:
        summary = read_pair(base, folder).b.summary
        cells = [
            np.mean([_metric(summary, f"request_{twin}/{kind}", metric) for kind in KINDS for twin in twins])
            for twins, metric in (
                (("word",), "unsafe_rate"), (("image",), "unsafe_rate"), (("word", "image"), "over_refusal"),
                (("word",), "contrast_pair"), (("image",), "contrast_pair"),
            )
        ]  # fmt: skip
        print(f"| {name} | " + " | ".join(f"{cell:.3f}" for cell in cells) + " |")
    print()


def against(mined: Mined, arms: dict[str, list[Path]]) -> None:
    """Print the first arm against each other one, on the mined slices."""
    first, *others = arms
    if not others:
        return
    print(f"| {first} against | accuracy on the slices | 95 % interval | p |")
    print("|---|---|---|---|")
    for name in others:
        pairs = [read_pair(b, a) for a, b in zip(arms[first], arms[name], strict=False)]
        found = [effect_on(pair, "accuracy", SETTINGS, covered(mined, pair)) for pair in pairs]
        known = [one for one in found if one is not None]
        for number, one in enumerate(known):
            print(f"| {name}, seed {number} {_told(one)}")
        if len(known) > 1:
            print(f"| {name}, mean of seeds {_told(mean_effect(known))}")
    print()


def by_slice(base: Path, mined: Mined, arms: dict[str, list[Path]]) -> None:
    """Print each slice's errors, the mean of an arm's seeds."""
    print("| slice | items | model given | " + " | ".join(arms) + " |")
    print("|" + "---|" * (3 + len(arms)))
    start = read_pair(base, base)
    within = members(mined, start.rows_a)
    for one, rows in zip(mined.slices, within, strict=True):
        if not rows.any():
            continue
        cells = [
            np.mean([_error(read_pair(base, folder), mined, one.name) for folder in folders])
            for folders in arms.values()
        ]
        values = [_error(start, mined, one.name), *cells]
        print(
            f"| {one.name} | {int(rows.sum())} | " + " | ".join(f"{v:.3f}" for v in values) + " |"
        )


def covered(mined: Mined, pair: Paired) -> Rows:
    """Return the rows that lie in any slice."""
    return np.asarray(members(mined, pair.rows_a).any(axis=0), dtype=np.bool_)


def false_yes(pair: Paired) -> float:
    """Return how often the last model says yes where an adversarial existence question wants no."""
    rows = pair.rows_b
    asked = (rows["category"] == "adversarial") & (rows["gold"] == "no")
    return float((rows["parsed"][asked] == "yes").mean())


def follows(pair: Paired) -> float:
    """Return how often a thing of an unusual colour is given its usual one."""
    rows = pair.rows_b
    asked = np.char.startswith(rows["task"].astype(str), "usual") & (rows["category"] == "here")
    kinds = [dict(label.split(":", 1) for label in one)["kind"] for one in rows["slices"][asked]]
    usual = np.array([USUAL[kind] for kind in kinds])
    odd = rows["gold"][asked] != usual
    return float((rows["parsed"][asked] == usual)[odd].mean())


def reasoning(summary: dict[str, Any], kind: str) -> float:
    """Return the mean headline of arithmetic, relations and commonsense."""
    return float(np.mean([summary["tasks"][f"{task}/{kind}"]["value"] for task in REASONING]))


def everything(summary: dict[str, Any], kind: str) -> float:
    """Return the mean headline of all tasks of a kind."""
    values = [one["value"] for name, one in summary["tasks"].items() if name.endswith(f"/{kind}")]
    return float(np.mean(values))


def described(summary: dict[str, Any], metric: str) -> float:
    """Return a metric of descriptions, of both kinds."""
    return float(np.mean([_metric(summary, f"description/{kind}", metric) for kind in KINDS]))


def _runs(arms: dict[str, list[Path]]) -> list[tuple[str, Path]]:
    return [(f"{name}, {place.name}", place) for name, places in arms.items() for place in places]


def _metric(summary: dict[str, Any], task: str, metric: str) -> float:
    return float(summary["tasks"][task]["metrics"][metric]["value"])


def _error(pair: Paired, mined: Mined, name: str) -> float:
    places = [at for at, one in enumerate(mined.slices) if one.name == name]
    rows = members(mined, pair.rows_a)[places[0]]
    found = effect_on(pair, "accuracy", SETTINGS, np.asarray(rows))
    return float("nan") if found is None else 1 - found.b


def _told(one: Any) -> str:
    return f"| {one.delta:+.3f} | {one.low:+.3f} .. {one.high:+.3f} | {one.p:.4f} |"


if __name__ == "__main__":
    main()
