"""How much a model agrees with itself: what may rise while the model gets worse.

    agreements(pair, Promotion())      ->  {"reworded questions": Effect(...), "own claims": Effect(...)}

Three kinds, each only where both runs measured it: groups of questions that ask the same (the suite's
consistency tasks), votes of one prompt asked several times (`--select vote:8`), and the model's answers
to its own claims (`--reflect`). A loop asks each prompt once; with `reflect: true` it examines claims on
some items of each task. None of them looks at a right answer.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from counterfactory.eval.answers import read_answers
from counterfactory.eval.columns import codes
from counterfactory.eval.compare import Paired, Run
from counterfactory.eval.paired import Effect, resampled
from counterfactory.eval.resample import add_up, draws, products, swaps
from counterfactory.fingerprint import seed_for
from counterfactory.loop.gate_effects import effect_on
from counterfactory.loop.gate_settings import Promotion

METRIC = "consistency"
REFLECTIONS = "reflections.parquet"
Name = tuple[str, str]


def agreements(pair: Paired, settings: Promotion) -> dict[str, Effect]:
    """Return the change of each kind of agreement that both runs measured."""
    found = {
        "groups of questions": _groups(pair, settings),
        "votes": _means(pair, _votes, "votes", settings),
        "own claims": _means(pair, _claims, "claims", settings),
    }
    return {name: effect for name, effect in found.items() if effect is not None}


def _groups(pair: Paired, settings: Promotion) -> Effect | None:
    tasks = pair.a.summary["tasks"]
    named = {name for name, task in tasks.items() if METRIC in task.get("metrics", ())}
    rows = np.array([task in named for task in pair.rows_a["task"]], dtype=np.bool_)
    return effect_on(pair, METRIC, settings, rows)


def _votes(run: Run) -> Mapping[Name, float]:
    """Return, for each item, the share of its votes that say what most of them say."""
    table = read_answers(run.folder, ("task", "item_id", "votes"))
    found = {}
    for row in table.to_pylist():
        if len(votes := [vote.strip().lower() for vote in row["votes"] or ()]) > 1:
            found[row["task"], row["item_id"]] = max(Counter(votes).values()) / len(votes)
    return found


def _claims(run: Run) -> Mapping[Name, float]:
    """Return, for each item, the share of its own claims that the model stands by."""
    path = run.folder / REFLECTIONS
    if not path.is_file():
        return {}
    kept: dict[Name, list[float]] = defaultdict(list)
    for task, item, denied in _denials(path):
        kept[task, item].append(1.0 - denied)
    return {name: float(np.mean(values)) for name, values in kept.items()}


def _denials(path: Path) -> list[tuple[str, str, bool]]:
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["task", "item_id", "contradiction"])
    columns = [table.column(name).to_pylist() for name in table.column_names]
    return [row for row in zip(*columns, strict=True) if row[2] is not None]


def _means(pair: Paired, read: object, use: str, settings: Promotion) -> Effect | None:
    """Return the change of a mean over items, by bootstrap and permutation of clusters."""
    assert callable(read)
    a, b = read(pair.a), read(pair.b)
    names = zip(pair.rows_a["task"], pair.rows_a["item_id"], strict=True)
    rows = [at for at, name in enumerate(names) if name in a and name in b]
    if not rows:
        return None
    keys = [(pair.rows_a["task"][at], pair.rows_a["item_id"][at]) for at in rows]
    cluster, size = codes(pair.rows_a["cluster_id"][rows])
    values = np.array([(a[key], b[key], 1.0) for key in keys])
    sums = add_up(values, cluster, size)
    chance = [
        np.random.default_rng(seed_for(settings.seed, use, what))
        for what in ("bootstrap", "permutation")
    ]
    drawn = products(draws(size, settings.samples, chance[0]), sums)
    gap = sums[:, 1] - sums[:, 0]
    swapped = products(swaps(size, settings.permutations, chance[1]), -2 * gap[:, None])
    total = sums.sum(axis=0)
    return resampled(
        a=float(total[0] / total[2]), b=float(total[1] / total[2]), units=len(rows), clusters=size,
        drawn=(drawn[:, 1] - drawn[:, 0]) / drawn[:, 2],
        swapped=(swapped[:, 0] + gap.sum()) / total[2],
    )  # fmt: skip
