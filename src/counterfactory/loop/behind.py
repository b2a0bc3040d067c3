"""From a row back to the failures that caused it: questions of the round that the model got wrong.

    story = explain(release, "9b1e0c-q3")                what the release says: round, labels, slices
    with_failures(story, release).data["made_for"]["slices"][0]["failed"][0]
    ->  {"task": "existence/shifted", "item_id": "00002-random-0", "question": "Can a star be seen?",
         "said": "no", "right": "yes", "shared": ["kind:star", "task:existence"]}

The answers lie in the loop's folder: the one that the release lies in, or one that is named.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.answers import UNPARSED, read_answers
from counterfactory.eval.columns import Columns, read_columns
from counterfactory.eval.counting import truth
from counterfactory.factory.release.explain import Story, identities
from counterfactory.factory.release.manifest import NAME as MANIFEST
from counterfactory.loop.families import families_of
from counterfactory.loop.layout import Round, round_of, rounds_of
from counterfactory.loop.slices import Mined, read_slices

MOST = 3  # questions told of a slice
SAID = 200  # characters


def with_failures(story: Story, release: Path, loop: Path | None = None) -> Story:
    """Return the story with failed questions at each slice, those most like the row first.

    Raises `UserError` where `loop` is named and is not the one that the release was made in.
    """
    made = story.data.get("made_for")
    if not made:
        if loop is not None:
            raise UserError(f"{release}: was made by no loop, expected a release of {loop}")
        return story
    one = _round(made, release, loop)
    if one is None or not made.get("slices"):
        return story
    mined = read_slices(one.folder)
    if loop is not None and mined.weights_hash != made["weights_hash"]:
        raise UserError(
            f"{one.slices}: found the failures of {mined.weights_hash[:12]}, expected those of "
            f"{made['weights_hash'][:12]}, for which {release} was made"
        )
    told = [
        part | {"failed": failed(part, mined, one.mine, made["labels"])} for part in made["slices"]
    ]
    return replace(story, data=story.data | {"made_for": made | {"slices": told}})


def release_with(folder: Path, row_id: str) -> Path:
    """Return the release that holds a row, the latest first, where `folder` is that of a loop.

    A folder of another kind is returned as it is. Raises `UserError` where no release holds the row.
    """
    rounds = rounds_of(folder)
    if not rounds or (folder / MANIFEST).is_file():
        return folder
    found = [path for one in reversed(rounds) for path in sorted(one.release("").glob("*"))]
    found = [path for path in found if (path / MANIFEST).is_file()]
    for path in found:
        if any(identity.startswith(row_id) for _, identity in identities(path)):
            return path
    raise UserError(f"{folder}: found no row {row_id!r} in the {len(found)} releases of its rounds")


def loop_of(release: Path) -> Path | None:
    """Return the loop's folder that a release lies in, LOOP/round-NN/release/NAME; None elsewhere."""
    folder = release.absolute()
    inside = folder.parent.name == "release" and re.fullmatch(r"round-\d+", folder.parents[1].name)
    return folder.parents[2] if inside else None


def _round(made: Mapping[str, Any], release: Path, loop: Path | None) -> Round | None:
    """Return the round whose answers are there; None where no loop is at hand."""
    folder = loop or loop_of(release)
    if folder is None:
        return None
    one = round_of(folder, int(made["round"]))
    if (one.mine / "answers.parquet").is_file() and one.slices.is_file():
        return one
    if loop is not None:
        raise UserError(f"{loop}: found no answers of round {made['round']} in {one.mine}")
    return None


def failed(
    part: Mapping[str, Any], mined: Mined, folder: Path, labels: Collection[str], most: int = MOST
) -> list[dict[str, Any]]:
    """Return questions of a slice that went wrong."""
    columns = read_columns(folder)
    rows = np.flatnonzero(_members(part, mined, columns) & (truth(columns) == 0)).tolist()
    shared = {at: sorted({*columns["slices"][at]} & {*labels}) for at in rows}
    rows.sort(
        key=lambda at: (-len(shared[at]), columns["task"][at], columns["item_id"][at]),
    )
    raw = read_answers(folder, ("raw",)).column("raw")
    return [
        {
            "task": str(columns["task"][at]), "item_id": str(columns["item_id"][at]),
            "question": str(columns["prompt"][at]), "right": str(columns["gold"][at])[:SAID],
            "said": _said(columns, at, str(raw[at].as_py() or "")), "shared": shared[at],
        }
        for at in rows[:most]
    ]  # fmt: skip


def _members(part: Mapping[str, Any], mined: Mined, columns: Columns) -> Any:
    """Return which answers are in a slice, or in that part of it which is of one family of tasks."""
    place = next((at for at, one in enumerate(mined.slices) if one.name == part["of"]), None)
    if place is None:
        return np.zeros(len(columns["verdict"]), dtype=np.bool_)
    extra = set(part["conditions"]) - set(mined.slices[place].conditions)
    families = {label for label in extra if label.startswith("task:")}
    members = mined.members(columns)[place]
    if not families:
        return members
    return members & np.array(
        [bool(families & families_of(labels)) for labels in columns["slices"]]
    )


def _said(columns: Columns, at: int, raw: str) -> str:
    """Return the answer as it was read, or what could not be read."""
    parsed = str(columns["parsed"][at])
    return raw[:SAID] if columns["verdict"][at] == UNPARSED or not parsed else parsed[:SAID]
