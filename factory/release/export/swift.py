"""ms-swift: JSON lines of messages with `<image>`, and the pictures' paths.

    sft   {"messages": [{"role": "user", "content": "<image>What is it?"}, ...], "images": [...]}
    dpo   the same, with "rejected_response"        kto   the same, with "label"
    grpo  messages without an answer, with "solution", which reward functions are given

ms-swift looks for a path below ROOT_IMAGE_DIR and below the folder it was started from.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterfactory.factory.release.export.talk import as_messages, asked, chat
from counterfactory.factory.release.export.work import Row, Work, said


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `sft`, `dpo`, `kto` or `grpo`; return the names of the files."""
    name = f"{view}-{split}.jsonl"
    columns, make = FORMS[view]
    with work.lines(name) as lines:
        for row in work.rows(view, split, ["id", "images", *columns]):
            place = f"{view}/{row['id']}"
            images = [work.picture(cell, place) for cell in row["images"]]
            lines.add({**make(row), "images": images, "id": row["id"]})
    return [name]


def _sft(row: Row) -> dict[str, Any]:
    return {"messages": as_messages(row["conversations"])}


def _dpo(row: Row) -> dict[str, Any]:
    messages = chat(row["prompt_text"], row["chosen_text"])
    return {"messages": messages, "rejected_response": row["rejected_text"]}


def _kto(row: Row) -> dict[str, Any]:
    asking = asked(row["prompt"], len(row["images"]))
    return {"messages": chat(asking, said(row["completion"])), "label": row["label"]}


def _grpo(row: Row) -> dict[str, Any]:
    return {
        "messages": chat(asked(row["prompt"], len(row["images"]))), "solution": row["answer"],
        "verifier": row["verifier"], "harmful": row["harmful"],
    }  # fmt: skip


FORMS: Mapping[str, tuple[list[str], Callable[[Row], dict[str, Any]]]] = {
    "sft": (["conversations"], _sft),
    "dpo": (["prompt_text", "chosen_text", "rejected_text"], _dpo),
    "kto": (["prompt", "completion", "label"], _kto),
    "grpo": (["prompt", "answer", "verifier", "harmful"], _grpo),
}
