"""The labels of a row: what its question is about, as a recipe's `focus` names it.

    row_labels(folder, "9b1e...")           {"": ("edit:add", "task:existence", "kind:cross")}   a pair
    row_labels(folder, "9b1e...")           {"q0": ("task:count", "kind:sun"), "p0": (...)}      a sample
    of_part(labels, "r0")                   ("task:count", "kind:sun"): the rationale of question 0
    kept_with(folder, [("task:count",), ("kind:sun",)])     [412, 80] kept candidates

Pairs carry theirs. Those of other rows are read from the build's working folder while it still lies
beside the release; they are never published.
"""

import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from counterfactory.factory.release.contents import contents, scan

Labels = tuple[str, ...]
COLUMNS = ["id", "examples", "preferences"]  # of a working folder's segments: what labels stand in
_PART = re.compile(r"(?P<sort>[qrp])(?P<number>\d+)[yn]?")


def row_labels(folder: Path, identity: str) -> dict[str, Labels]:
    """Return labels by part of what was made from one candidate; a pair has one part, "".

    Empty where nothing is known of them.
    """
    if "pairs" in contents(folder):
        rows = scan(folder, "pairs", ["id", "slices"])
        found = next((row["slices"] for row in rows if row["id"] == identity), None)
        if found is not None:
            return {"": tuple(found)}
    made = _canonical(folder.absolute(), identity)
    if made is None:
        return {}
    parts = {"q": made["examples"] or (), "p": made["preferences"] or ()}
    return {
        f"{sort}{number}": tuple(one["slices"] or ())
        for sort, held in parts.items()
        for number, one in enumerate(held)
    }


def of_part(labels: Mapping[str, Labels], part: str) -> Labels:
    """Return the labels of one part, "" for all: "r3" is the rationale of "q3", "p1y" half of "p1"."""
    match = _PART.fullmatch(part)
    name = ("q" if match["sort"] == "r" else match["sort"]) + match["number"] if match else ""
    if name in labels:
        return labels[name]
    return tuple(dict.fromkeys(label for held in labels.values() for label in held))


def within(slices: Sequence[str], labels: Sequence[str]) -> bool:
    """Say whether a row was made for a focus: it names the focus itself, or all of its labels."""
    return " & ".join(labels) in slices or set(labels) <= set(slices)


def kept_with(folder: Path, wanted: Sequence[Labels]) -> list[int] | None:
    """Return how many kept candidates have a part with all labels, for each of `wanted`.

    None where nothing is known of labels: the working folder is gone.
    """
    parts = _parts(folder.absolute())
    if parts is None:
        return None
    counts = [0] * len(wanted)
    try:
        for one in parts:
            for at, labels in enumerate(wanted):
                counts[at] += any(within(part, labels) for part in one)
    except sqlite3.Error:
        return None
    return counts


def _parts(folder: Path) -> Iterator[list[Labels]] | None:
    """Return the labels of each kept candidate's parts, one candidate at a time."""
    if "pairs" in contents(folder):
        return ([tuple(row["slices"])] for row in scan(folder, "pairs", ["slices"]))
    work = _work(folder)
    known = (work / "ledger.sqlite").is_file() and any((work / "segments").glob("*.parquet"))
    return _worked(work) if known else None


def _worked(work: Path) -> Iterator[list[Labels]]:
    """Yield the labels that workers wrote, one batch in memory at a time."""
    import pyarrow.parquet as pq

    with _ledger(work) as db:
        for path in sorted((work / "segments").glob("*.parquet")):
            query = "SELECT key FROM candidates WHERE batch = ? AND status = 'kept'"
            kept = {key for (key,) in db.execute(query, (int(path.stem),))}
            for row in pq.read_table(path, columns=COLUMNS).to_pylist():
                if row["id"] in kept:
                    held = [*(row["examples"] or ()), *(row["preferences"] or ())]
                    yield [tuple(one["slices"] or ()) for one in held]


def _canonical(folder: Path, identity: str) -> dict[str, Any] | None:
    """Return what a worker wrote of a kept candidate, from the working folder; None without one."""
    import pyarrow.parquet as pq

    work = _work(folder)
    if not (work / "ledger.sqlite").is_file():
        return None
    try:
        with _ledger(work) as opened:
            query = "SELECT batch FROM candidates WHERE key = ? AND segment_row IS NOT NULL"
            batch = opened.execute(query, (identity,)).fetchone()
    except sqlite3.Error:
        return None
    path = work / "segments" / f"{batch[0]:06d}.parquet" if batch else None
    if path is None or not path.is_file():
        return None
    rows = pq.read_table(path, columns=COLUMNS).to_pylist()
    found: dict[str, Any] | None = next((row for row in rows if row["id"] == identity), None)
    return found


def _work(folder: Path) -> Path:
    """Return where the working folder of a release lies."""
    return folder.with_name(f"{folder.name}.build")


def _ledger(work: Path) -> closing[sqlite3.Connection]:
    """Open the ledger of a working folder for reading alone, to be closed by `with`."""
    address = f"{(work / 'ledger.sqlite').as_uri()}?mode=ro"
    return closing(sqlite3.connect(address, uri=True, timeout=2))
