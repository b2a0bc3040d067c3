"""Evaluation folders of small made answers in which something is planted.

rows = scenes(400, wrong=lambda row: "kind:leaf" in row["slices"])
folder = written(tmp_path / "eval", rows)
"""

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterfactory.eval.answers import schema
from counterfactory.eval.reflect import report

KINDS = ("leaf", "sun", "moon", "box", "ring")
COLOURS = ("red", "green", "blue", "white")
FORMS = ("Which colour has the {}?", "What colour is the {} here?", "Tell me the colour of the {}.")
Row = dict[str, Any]


def scenes(
    n: int, *, wrong: Callable[[Row], float], seed: int = 0, split: str = "mine", each: int = 2
) -> list[Row]:
    """Return rows of a colour task and an existence task; `wrong` says how likely a row's error is."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        kind, colour = rng.choice(KINDS), rng.choice(COLOURS)
        asked = number % 2
        task = ("attribute", "existence")[asked]
        gold = (colour, rng.choice(("yes", "no")))[asked]
        prompt = (rng.choice(FORMS).format(kind), f"Is there a {colour} {kind}?")[asked]
        row = {
            "suite": "toy", "split": split, "task": f"{task}/{('plain', 'new')[number // 2 % 2]}",
            "item_id": str(number), "cluster_id": f"c{number // each}", "weights_hash": "w",
            "prompt_hash": f"p{number}", "prompt": prompt, "gold": gold,
            "verifier": ("text", "yes_no")[asked], "raw": "",
            "slices": [f"task:{task}", f"kind:{kind}", f"colour:{colour}"],
        }  # fmt: skip
        bad = rng.random() < float(wrong(row))
        other = {"yes": "no", "no": "yes"}.get(gold, rng.choice([c for c in COLOURS if c != gold]))
        rows.append(row | {"verdict": "wrong" if bad else "correct", "parse_ok": True,
                           "parsed": other if bad else gold})  # fmt: skip
    return rows


def written(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write answers.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema()), folder / "answers.parquet")
    return folder


def doubting(folder: Path, rows: Sequence[Row], doubt: Callable[[Row], float]) -> Path:
    """Add reflections.parquet: a claim of each row, taken back with this probability."""
    rng = random.Random(1)
    claims = []
    for row in rows:
        p = 1 - min(1.0, max(0.0, doubt(row) + rng.uniform(-0.05, 0.05)))
        claims.append({
            "task": row["task"], "item_id": row["item_id"], "cluster_id": row["cluster_id"],
            "slices": row["slices"], "prompt": row["prompt"], "answer": row["parsed"],
            "explanation": "", "source": "rationale", "claim_kind": "existence", "claim": "",
            "claim_slices": [], "question": "", "claimed": "yes", "answered": "yes",
            "p_claimed": p, "contradiction": p < 0.5, "region": None,
        })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(claims, schema=report.schema()), folder / report.NAME)
    return folder
