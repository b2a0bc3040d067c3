"""Pairs of pictures and questions that a round made for its slices, small enough to stand in the page.

examples(plan, {"region-diff": Path(".../release/region-diff")})
->  [{"slice": "existence of leaves", "question": "Is there a leaf?", "a": "data:image/png;base64,...",
      "answer_a": "yes", "b": ..., "answer_b": "no", "difference": "..."}]
questions(plan, {"world-qa": Path(".../release/world-qa")})
->  [{"slice": "count questions", "question": "How many suns are there?", "picture": ..., "answer": "2"}]
"""

import base64
import functools
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from counterfactory.eval.failures import small
from counterfactory.factory.release.contents import data_files, scan
from counterfactory.factory.release.row_labels import of_part, row_labels, within

EACH = 2  # pairs of a slice
MOST = 8  # pairs of a round, and questions
LOOKED_AT = 400  # rows of a release, in search of a question for each slice
MOST_BYTES = 96 * 1024  # of one picture in the page
KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"RIFF": "webp"}
TEXTS = ("question", "answer_a", "answer_b", "difference", "id")


def examples(plan: Mapping[str, Any], releases: Mapping[str, Path]) -> list[dict[str, str]]:
    """Return the first pairs of each slice aimed at, most rows first."""
    found: list[dict[str, str]] = []
    taken: set[str] = set()
    for build, folder in releases.items():
        aims = [one for one in plan.get("targets", ()) if one["build"] == build and one["labels"]]
        if aims and list((folder / "data" / "pairs").glob("*.parquet")):
            found += _pairs(aims, folder, taken)
    return found[:MOST]


def _pairs(
    aims: Sequence[Mapping[str, Any]], folder: Path, taken: set[str]
) -> Iterator[dict[str, str]]:
    room = {str(aim["name"]): EACH for aim in aims}
    for row in scan(folder, "pairs"):
        if not any(room.values()):
            return
        for aim in aims:
            name = str(aim["name"])
            if room[name] and row["id"] not in taken and within(row["slices"], aim["labels"]):
                pictures = [picture(row[side]["bytes"]) for side in ("image_a", "image_b")]
                if all(pictures):
                    room[name] -= 1
                    taken.add(row["id"])
                    told = {key: str(row.get(key) or "") for key in TEXTS}
                    yield {"slice": name, "a": pictures[0], "b": pictures[1], **told}


def questions(plan: Mapping[str, Any], releases: Mapping[str, Path]) -> list[dict[str, str]]:
    """Return a question for each slice that a release without pairs was made for, most rows first."""
    found: list[dict[str, str]] = []
    for build, folder in releases.items():
        aims = [one for one in plan.get("targets", ()) if one["build"] == build]
        held = {view for view in ("grpo", "pairs") if data_files(folder, view)}
        if aims and held == {"grpo"}:
            found += _questions(aims, folder)
    names = [str(one["name"]) for one in plan.get("targets", ())]
    return sorted(found, key=lambda one: names.index(one["slice"]))[:MOST]


def _questions(aims: Sequence[Mapping[str, Any]], folder: Path) -> Iterator[dict[str, str]]:
    labels = functools.cache(lambda identity: row_labels(folder, identity))
    left = list(aims)
    for row in islice(scan(folder, "grpo"), LOOKED_AT):
        if not left:
            return
        identity, _, part = row["id"].rpartition("-")
        about = (*of_part(labels(identity), part), *_request(row))
        aim = next((one for one in left if within(about, one["labels"] or one["conditions"])), None)
        shown = picture(row["images"][0]["bytes"]) if aim and row["images"] else ""
        if aim and shown:
            left.remove(aim)
            yield {
                "slice": str(aim["name"]), "picture": shown, "id": row["id"], "answer": row["answer"],
                "question": str(row["prompt"][-1]["content"]),
            }  # fmt: skip


def _request(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the condition that stands for a request: no focus names it, so it is no label."""
    if row["verifier"] != "refusal":
        return ()
    return ("request:harmful" if row["harmful"] else "request:benign",)


def picture(data: bytes) -> str:
    """Return a data URI, "" for what is no picture or too large."""
    try:
        data = small(data)
    except OSError:
        return ""
    kind = next((name for start, name in KINDS.items() if data.startswith(start)), "")
    if not kind or len(data) > MOST_BYTES:
        return ""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
