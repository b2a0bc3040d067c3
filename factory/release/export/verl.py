"""verl and EasyR1: local Parquet files, pictures inside as bytes, `<image>` in the texts.

    sft   {"messages": [{"role": "user", "content": "<image>What is it?"}, ...], "images": [...]}
    grpo  {"data_source": "region-diff", "prompt": [...], "images": [...], "ability": "vqa",
           "reward_model": {"style": "rule", "ground_truth": "a box"}, "extra_info": {...},
           "problem": "<image>What is it?", "answer": "a box"}          # the last two: EasyR1

Both read pictures from such a column in all their versions, and from paths only in the newest.
verl marks answers by `data_source`; give it a function of your own for this one, such as
`custom_reward_function.path=reward.py`: it is handed ground truth and extra_info (with `verifier`).
"""

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from counterfactory.factory.release.export.talk import as_messages, asked, chat
from counterfactory.factory.release.export.work import Row, Work, encoded

if TYPE_CHECKING:
    from datasets import Features

ROWS, BYTES = 500, 100 * 2**20  # in a row group, at most
ABILITY = "vqa"


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `sft` or `grpo`; return the names of the files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    name, described = f"{view}-{split}.parquet", features(view)
    schema = described.arrow_schema.with_metadata(
        {"huggingface": json.dumps({"info": {"features": described.to_dict()}})}
    )
    with pq.ParquetWriter(work.out / name, schema) as writer:
        for rows in _groups(_rows(work, view, split)):
            writer.write_table(pa.Table.from_pylist(rows, schema))
    return [name]


def features(view: str) -> "Features":
    """Return the columns."""
    from datasets import Features, Image, List, Value

    text, images = Value("string"), List(Image())
    messages = List({"role": text, "content": text})
    if view == "sft":
        return Features({"messages": messages, "images": images, "id": text})
    extra = {
        "split": text, "index": Value("int64"), "id": text, "question": text,
        "verifier": text, "harmful": Value("bool"),
    }  # fmt: skip
    return Features(
        {
            "data_source": text, "prompt": messages, "images": images, "ability": text,
            "reward_model": {"style": text, "ground_truth": text}, "extra_info": extra,
            "problem": text, "answer": text,
        }
    )  # fmt: skip


def _rows(work: Work, view: str, split: str) -> Iterator[dict[str, Any]]:
    for index, row in enumerate(work.rows(view, split, COLUMNS[view])):
        data = [encoded(cell, f"{view}/{row['id']}")[0] for cell in row["images"]]
        images = [{"bytes": one, "path": None} for one in data]
        if view == "sft":
            talk = as_messages(row["conversations"])
            yield {"messages": talk, "images": images, "id": row["id"]}
        else:
            yield {**_question(work.name, split, index, row), "images": images}


COLUMNS = {
    "sft": ["id", "images", "conversations"],
    "grpo": ["id", "images", "prompt", "answer", "verifier", "harmful"],
}


def _question(name: str, split: str, index: int, row: Row) -> dict[str, Any]:
    problem = asked(row["prompt"], len(row["images"]))
    return {
        "data_source": name,
        "prompt": chat(problem),
        "ability": ABILITY,
        "reward_model": {"style": "rule", "ground_truth": row["answer"]},
        "extra_info": {
            "split": split, "index": index, "id": row["id"], "question": problem,
            "verifier": row["verifier"], "harmful": row["harmful"],
        },
        "problem": problem,
        "answer": row["answer"],
    }  # fmt: skip


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield rows in groups that fit into memory and into the viewers of others."""
    group: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        group.append(row)
        size += sum(len(cell["bytes"]) for cell in row["images"])
        if len(group) >= ROWS or size >= BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group
