"""The whole story of one row or reject, told from the release folder alone.

    story = explain(Path("out/region-diff"), "4f0c")
    story.status      "kept"
    str(story)        source, edit, steps, models, seed, verdicts against thresholds, views; of a loop's
                      release the slices of failures that the row was made for, too
    story.data        the same as JSON types

An id may be cut short as long as one row only begins with it. The note of a failed op (an
exception) is shown when the build's working folder still lies beside the release; it is never
published.
"""

import sqlite3
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from os.path import commonprefix
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.made_for import MadeFor, serving
from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import contents, scan
from counterfactory.factory.release.row_labels import of_part, row_labels
from counterfactory.factory.release.views import base_id

Data = dict[str, Any]

_SHOWN = 6  # matches and neighbours named in an error
_TEXTS = ("caption_a", "caption_b", "difference", "question", "answer_a", "answer_b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What became of one candidate."""

    id: str
    status: str  # "kept" or "rejected"
    data: Data = field(repr=False)

    def __str__(self) -> str:
        """Return the story as lines for people."""
        from counterfactory.factory.release.story import told

        return told(self.data)


def explain(folder: Path, row_id: str) -> Story:
    """Return the story of a row, named by an id of any view or by the beginning of one."""
    promised = manifest.read(folder)
    identity = resolve(folder, row_id)
    about = {
        "release": promised["name"],
        "version": promised["version"],
        "fingerprint": promised["fingerprint"],
    }
    reject = _first(scan(folder, "rejects"), identity)
    if reject is not None:
        data: Data = {"id": identity, "status": "rejected", **about, "reject": reject}
        data["note"] = note_of(folder, identity)
        data |= _purpose(promised, None)
        return Story(id=identity, status="rejected", data=data)
    data = {"id": identity, "status": "kept", **about}
    pair = _first(scan(folder, "pairs", _columns(folder)), identity)
    data |= _of_pair(pair) if pair else {"models": promised["models"]}
    data["views"] = appearances(folder, identity)
    if not pair:
        data["said"] = list(islice(_said(folder, identity), 20))
    labels = of_part(row_labels(folder, identity), row_id.removeprefix(f"{identity}-"))
    data |= _purpose(promised, labels)
    return Story(id=identity, status="kept", data=data)


def _purpose(promised: Mapping[str, Any], labels: Collection[str] | None) -> Data:
    """Return what a loop made a row for; without labels only slices that take every row are told."""
    if not promised.get("made_for"):
        return {}
    try:
        made = MadeFor.model_validate(promised["made_for"])
    except ValueError as error:
        raise UserError(f"{manifest.NAME}: made_for: {' '.join(str(error).split())}") from None
    told = made.model_dump(mode="json", exclude={"slices", "mix", "stages", "after"})
    if labels is not None:
        told["labels"] = list(labels)
        told["slices"] = [one.model_dump(mode="json") for one in serving(made.slices, labels)]
    return {"made_for": told}


def resolve(folder: Path, row_id: str) -> str:
    """Return the one full id that `row_id` names. Raises `UserError` with what may be meant."""
    matches: set[str] = set()
    near: dict[str, int] = {}
    for view, full in identities(folder):
        base = base_id(view, full)
        if row_id and row_id in (full, base):
            return base
        if row_id and full.startswith(row_id):
            matches.add(base)
        shared = len(commonprefix([full, row_id]))
        if len(near) < _SHOWN or shared > min(near.values()):
            near[base] = max(shared, near.get(base, 0))
            if len(near) > _SHOWN:
                del near[min(near, key=lambda name: (near[name], name))]
    if len(matches) == 1:
        return matches.pop()
    if matches:
        some = ", ".join(sorted(matches)[:_SHOWN])
        raise UserError(f"{row_id!r} begins {len(matches)} ids, expected one: {some}")
    closest = sorted(near, key=lambda name: (-near[name], name))[:3]
    hint = f"; did you mean {' or '.join(closest)}?" if closest else ""
    raise UserError(f"{folder}: found no row or reject {row_id!r}{hint}")


def appearances(folder: Path, identity: str) -> dict[str, list[str]]:
    """Return the ids of all rows made from one candidate, by view."""
    found: dict[str, list[str]] = {}
    for view, full in identities(folder):
        if view != "rejects" and base_id(view, full) == identity:
            found.setdefault(view, []).append(full)
    return found


def note_of(folder: Path, identity: str) -> str:
    """Return the exception that ended a candidate, from the ledger beside the release if any."""
    ledger = folder.absolute().with_name(f"{folder.absolute().name}.build") / "ledger.sqlite"
    if not ledger.is_file():
        return ""
    try:
        with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True, timeout=2)) as open_:
            rows = open_.execute("SELECT note FROM candidates WHERE key = ?", (identity,))
            found = rows.fetchone()
    except sqlite3.Error:
        return ""
    return str(found[0]) if found else ""


def identities(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (view, id) of every row."""
    for view in contents(folder):
        for row in scan(folder, view, ["id"]):
            yield view, row["id"]


def _first(rows: Iterator[Data], identity: str) -> Data | None:
    return next((row for row in rows if row["id"] == identity), None)


def _columns(folder: Path) -> list[str]:
    """Return the columns of pairs but for the pictures."""
    found = contents(folder)
    names = found["pairs"].schema.names if "pairs" in found else []
    return [name for name in names if name not in ("image_a", "image_b", "mask")]


def _of_pair(pair: Mapping[str, Any]) -> Data:
    made = pair["provenance"]
    return {
        "group_id": pair["group_id"],
        "source_id": made["source_id"],
        "license": pair["license"],
        "recipe": made["recipe"],
        "ops": made["ops"],
        "models": made["models"],
        "seed": made["seed"],
        "edit": pair["edit"],
        "boxes": pair["boxes"],
        **{name: pair[name] for name in _TEXTS},
        "slices": pair["slices"],
        "verdicts": pair["verdicts"],
    }


def _said(folder: Path, identity: str) -> Iterator[Data]:
    """Yield what was said in the rows of a candidate that is no pair."""
    found = contents(folder)
    for view in ("sft", "dpo", "grpo", "kto"):
        if view not in found:
            continue
        names = [n for n in found[view].schema.names if n in _TALK]
        for row in scan(folder, view, ["id", *names]):
            if base_id(view, row["id"]) == identity:
                texts = {name: _text(row[name]) for name in names}
                yield {"view": view, "id": row["id"], **texts}


_TALK = ("prompt", "completion", "chosen", "rejected", "answer", "label", "harmful", "source_ids")


def _text(value: Any) -> Any:
    if isinstance(value, list) and value and isinstance(value[0], Mapping):
        return value[-1]["content"]
    return value
