"""Answers for tests of the numbers: rows as `eval run` writes them, and folders of such rows."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from counterfactory.eval.answers import schema
from counterfactory.eval.columns import read_columns
from counterfactory.eval.items import Item, Task
from counterfactory.eval.summary import summarise

OTHER = {"yes": "no", "no": "yes", "refuse": "comply", "comply": "refuse"}


def answer(number: int, right: bool | str = True, **facts: Any) -> dict[str, Any]:
    """Return a row; `right` may also be a verdict. One item a cluster unless it says otherwise."""
    row = {
        "suite": "toy", "split": "gate", "task": "t", "item_id": str(number),
        "cluster_id": f"c{number}", "weights_hash": "w", "prompt_hash": f"p{number}",
        "prompt": f"Question {number}?", "gold": "yes", "verifier": "yes_no", "raw": "", **facts,
    }  # fmt: skip
    verdict = right if isinstance(right, str) else "correct" if right else "wrong"
    said = {"correct": row["gold"], "wrong": OTHER.get(row["gold"], "other")}.get(verdict)
    return {"parsed": said, "parse_ok": said is not None, "verdict": verdict} | row


def answers(right: Sequence[bool | str], **facts: Any) -> list[dict[str, Any]]:
    """Return one row for each verdict."""
    return [answer(number, one, **facts) for number, one in enumerate(right)]


def no_items(_split: str) -> Any:
    """Stand for the items of a task, which nobody asks for here."""
    return iter(tuple[Item, ...]())


def task(name: str = "t", headline: str = "accuracy", axis: str = "math", **facts: Any) -> Task:
    """Return a task."""
    return Task(name=name, items=no_items, headline=headline, axis=axis, **facts)


def folder(path: Path, rows: Sequence[dict[str, Any]], tasks: Sequence[Task]) -> Path:
    """Write an evaluation folder as `eval run` does."""
    path.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema()), path / "answers.parquet")
    summary = summarise(read_columns(path), tasks, samples=50)
    text = json.dumps({**summary, "run": {"model": path.name}}, allow_nan=False)
    (path / "summary.json").write_text(text, encoding="utf-8")
    return path
