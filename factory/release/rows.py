"""The canonical row: what a worker writes for one kept candidate; all views are made from it.

    to_row(candidate, Provenance(recipe="region-diff", recipe_fingerprint="5f0c..."))
    -> {"id": "a41f...", "image_a": {"bytes": b"...", "path": None}, "caption_a": "A sun ...", ...}

Images stand in the row as PNG bytes. `image_b`, `mask` and `edit` are null where the recipe makes
no pairs. A row holds nothing that differs between two runs: no time, no version, no machine.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from counterfactory import images
from counterfactory.records import (
    Candidate,
    Edit,
    Example,
    Mask,
    ModelRef,
    Pixels,
    Preference,
    Verdict,
)

Row = dict[str, Any]
"""One canonical row, as plain Python values; `ROW_SCHEMA` is its type."""

TEXT = pa.string()
TEXTS = pa.list_(TEXT)
IMAGE = pa.struct({"bytes": pa.binary(), "path": TEXT})

EDIT = pa.struct(
    {name: TEXT for name in ("kind", "method", "target", "replacement", "prompt_a", "prompt_b")}
)
VERDICT = pa.struct(
    {
        "check": TEXT,
        "score": pa.float64(),
        "threshold": pa.float64(),
        "passed": pa.bool_(),
        "judge": TEXT,
    }
)
MODEL = pa.struct({"role": TEXT, "id": TEXT, "revision": TEXT})
PROVENANCE = pa.struct(
    {
        "recipe": TEXT,
        "recipe_fingerprint": TEXT,
        "ops": TEXTS,
        "models": pa.list_(MODEL),
        "seed": pa.int64(),
        "source_id": TEXT,
        "parents": TEXTS,
        "round": pa.int32(),
    }
)
EXAMPLE = pa.struct(
    {
        "task": TEXT,
        "question": TEXT,
        "answer": TEXT,
        "rationale": TEXT,
        "distractors": TEXTS,
        "slices": TEXTS,
        "verifier": TEXT,
        "harmful": pa.bool_(),
        "pair": TEXT,
    }
)
PREFERENCE = pa.struct(
    {"kind": TEXT, "prompt": TEXT, "chosen": TEXT, "rejected": TEXT, "slices": TEXTS}
)

ROW_SCHEMA = pa.schema(
    {
        "id": TEXT,  # the candidate's key
        "group_id": TEXT,  # the sample's id: rows of one group share their original image
        "image_a": IMAGE,
        "image_b": IMAGE,
        "mask": IMAGE,
        "boxes": pa.list_(pa.list_(pa.float32())),  # x0, y0, x1, y1 in 0..1; most different first
        "edit": EDIT,
        "caption_a": TEXT,
        "caption_b": TEXT,
        "difference": TEXT,
        "question": TEXT,
        "answer_a": TEXT,
        "answer_b": TEXT,
        "verdicts": pa.list_(VERDICT),
        "slices": TEXTS,
        "provenance": PROVENANCE,
        "license": TEXT,
        "examples": pa.list_(EXAMPLE),
        "preferences": pa.list_(PREFERENCE),
        "fingerprint": TEXT,  # of the scene, for the contamination index; empty for photographs
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What all rows of a build share: the recipe they come from and the models it uses."""

    recipe: str
    recipe_fingerprint: str
    models: tuple[ModelRef, ...] = ()
    round: int = 0


def to_row(candidate: Candidate, provenance: Provenance) -> Row:
    """Return the canonical row of a candidate that passed every check."""
    sample = candidate.sample
    texts = ("caption_a", "caption_b", "difference", "question", "answer_a", "answer_b")
    # a pair carries what was asked of the pair, and not what was asked of its sample
    is_pair = candidate.image_b is not None
    examples = candidate.examples if is_pair or candidate.examples else sample.examples
    preferences = candidate.preferences if is_pair or candidate.preferences else sample.preferences
    row = {
        "id": candidate.key,
        "group_id": sample.id,
        "image_a": image_cell(candidate.image_a),
        "image_b": image_cell(candidate.image_b),
        "mask": image_cell(candidate.mask),
        "boxes": [[float(edge) for edge in box] for box in candidate.boxes],
        "edit": _edit(candidate.edit),
        **{name: getattr(candidate, name) for name in texts},
        "caption_a": candidate.caption_a or sample.caption,
        "verdicts": [_verdict(verdict) for verdict in candidate.verdicts],
        "slices": list(candidate.slices),
        "provenance": _provenance(candidate, provenance),
        "license": sample.license,
        "examples": [_example(example) for example in examples],
        "preferences": [_preference(preference) for preference in preferences],
        "fingerprint": sample.fingerprint,
    }
    return {name: _writable(value) for name, value in row.items()}


def image_cell(picture: Pixels | Mask | None) -> dict[str, bytes | None] | None:
    """Return the Parquet cell of a picture as `datasets.Image` reads it, or None.

    The path stays empty: a name in it would be one more thing that must not escape the folder.
    """
    return None if picture is None else {"bytes": images.png(picture), "path": None}


def table(rows: list[Mapping[str, Any]]) -> pa.Table:
    """Return canonical rows as a table of `ROW_SCHEMA`: what a segment file holds."""
    return pa.Table.from_pylist([dict(row) for row in rows], schema=ROW_SCHEMA)


def _writable(value: Any) -> Any:
    """Return the value with half surrogate pairs replaced: JSON can hold them, Parquet cannot."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_writable(item) for item in value]
    if isinstance(value, dict):
        return {name: _writable(item) for name, item in value.items()}
    return value


def _edit(edit: Edit | None) -> dict[str, str] | None:
    if edit is None:
        return None
    return {
        "kind": edit.kind,
        "method": edit.method,
        "target": edit.target.phrase if edit.target else "",
        "replacement": edit.replacement.phrase if edit.replacement else "",
        "prompt_a": edit.prompt_a,
        "prompt_b": edit.prompt_b,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "check": verdict.check,
        "score": verdict.score,
        "threshold": verdict.threshold,
        "passed": verdict.passed,
        "judge": verdict.judge,
    }


def _provenance(candidate: Candidate, shared: Provenance) -> dict[str, Any]:
    return {
        "recipe": shared.recipe,
        "recipe_fingerprint": shared.recipe_fingerprint,
        "ops": list(candidate.ops),
        "models": [
            {"role": model.role, "id": model.id, "revision": model.revision}
            for model in shared.models
        ],
        "seed": candidate.seed,
        "source_id": candidate.sample.source_id,
        "parents": [candidate.sample.id],
        "round": shared.round,
    }


def _example(example: Example) -> dict[str, Any]:
    return {
        "task": example.task,
        "question": example.question,
        "answer": example.answer,
        "rationale": example.rationale,
        "distractors": list(example.distractors),
        "slices": list(example.slices),
        "verifier": example.verifier,
        "harmful": example.harmful,
        "pair": example.pair,
    }


def _preference(preference: Preference) -> dict[str, Any]:
    return {
        "kind": preference.kind,
        "prompt": preference.prompt,
        "chosen": preference.chosen,
        "rejected": preference.rejected,
        "slices": list(preference.slices),
    }
