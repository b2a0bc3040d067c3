"""reflections.parquet -> how contradictory each item is, and how well that predicts being wrong.

    report(read_reflections(folder), verdicts)
    {"claims": 8120, "contradictions": 0.14, "auc": 0.78, "low": 0.75, "high": 0.81, "by_task": {...}}

An item's score is the mean, over its claims, of the probability that the model takes the claim
back. The area under the ROC curve is computed within each task and averaged with the number of
(wrong, right) pairs as weight, so that a hard task is not what makes an item look wrong.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError

Floats = NDArray[Any]
NAME = "reflections.parquet"
DRAWS = 500  # of the bootstrap


def schema() -> Any:
    """Return the arrow schema of reflections.parquet."""
    import pyarrow as pa

    text, texts = pa.string(), pa.list_(pa.string())
    types = {
        "slices": texts, "claim_slices": texts, "p_claimed": pa.float64(),
        "contradiction": pa.bool_(), "region": pa.list_(pa.float32()),
    }  # fmt: skip
    from counterfactory.eval.reflect.examine import COLUMNS

    return pa.schema([(name, types.get(name, text)) for name in COLUMNS])


def read_reflections(folder: Path) -> list[dict[str, Any]]:
    """Return the rows of an evaluation folder. Raises `UserError` when it was run without."""
    import pyarrow.parquet as pq

    path = folder / NAME
    if not path.is_file():
        raise UserError(f"{folder}: no {NAME}; run `eval run` with --reflect")
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def scores(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Return each item's self-contradiction in 0..1, by (task, item id)."""
    doubts: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        doubts.setdefault((row["task"], row["item_id"]), []).append(1 - row["p_claimed"])
    return {key: float(np.mean(values)) for key, values in doubts.items()}


def auc(score: Floats, wrong: Floats) -> tuple[float, int]:
    """Return the area under the ROC curve (ties count half) and its number of pairs."""
    from scipy.stats import rankdata

    bad, good = int(wrong.sum()), int((~wrong).sum())
    if not bad or not good:
        return float("nan"), 0
    ranks = rankdata(score)
    return float((ranks[wrong].sum() - bad * (bad + 1) / 2) / (bad * good)), bad * good


def report(
    rows: list[dict[str, Any]], verdicts: Mapping[tuple[str, str], str], *, seed: int = 0
) -> dict[str, Any]:
    """Return the numbers; `verdicts` are those of answers.parquet, by (task, item id)."""
    found = scores(rows)
    known = {
        k: v for k, v in verdicts.items() if k in found and v in ("correct", "wrong", "unparsed")
    }
    by_task: dict[str, Any] = {}
    columns: dict[str, tuple[Floats, Floats]] = {}
    for task in sorted({task for task, _ in known}):
        keys = [key for key in known if key[0] == task]
        score = np.array([found[key] for key in keys])
        wrong = np.array([known[key] != "correct" for key in keys])
        value, pairs = auc(score, wrong)
        columns[task] = (score, wrong)
        by_task[task] = {
            "auc": None if np.isnan(value) else round(value, 4), "pairs": pairs,
            "n": len(keys), "wrong": int(wrong.sum()), "contradiction": round(float(score.mean()), 4),
        }  # fmt: skip
    overall, low, high = _pooled(columns, seed)
    kinds = {row["claim_kind"] for row in rows}
    return {
        "items": len(found), "claims": len(rows), "auc": overall, "low": low, "high": high,
        "contradictions": _share(rows),
        "by_kind": {k: _share([r for r in rows if r["claim_kind"] == k]) for k in sorted(kinds)},
        "by_task": by_task,
    }  # fmt: skip


def _share(rows: list[dict[str, Any]]) -> float | None:
    return round(float(np.mean([r["contradiction"] for r in rows])), 4) if rows else None


def _pooled(
    columns: Mapping[str, tuple[Floats, Floats]], seed: int
) -> tuple[float | None, float | None, float | None]:
    """Return the pair-weighted mean of the tasks' areas and its 95 % bootstrap interval."""
    rng = np.random.default_rng(seed)

    def mean(draw: bool) -> float:
        total, weight = 0.0, 0
        for score, wrong in columns.values():
            pick = rng.integers(0, len(score), len(score)) if draw else np.arange(len(score))
            value, pairs = auc(score[pick], wrong[pick])
            if pairs:
                total, weight = total + value * pairs, weight + pairs
        return total / weight if weight else float("nan")

    value = mean(False)
    if np.isnan(value):
        return None, None, None
    low, high = np.nanpercentile([mean(True) for _ in range(DRAWS)], [2.5, 97.5])
    return round(value, 4), round(float(low), 4), round(float(high), 4)
