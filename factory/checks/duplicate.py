"""Keep one of each: a row whose pictures both look like those of an earlier row is a duplicate.

    {check: duplicate, max_distance: 4}   ->   duplicate 1 > 4 ... kept;  0: rejected, "duplicate"

It sees finished rows in candidate order, so which of two stays does not depend on the workers. The
same original may stand in several pairs: their counterfactuals must differ, as a whole or in the
place where they were edited. Rows without a counterfactual are duplicates when pictures and
questions are the same.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory import images
from counterfactory.factory.checks.base import Check, RowJudge, verdict
from counterfactory.factory.checks.likeness import MOST_DISTANCE, Likenesses, signature
from counterfactory.factory.ops.base import Context
from counterfactory.fingerprint import digest
from counterfactory.records import Pixels, Reason, Verdict

FAR = 64.0  # the distance to an earlier row when there is none that is near
MAX_SHIFT = 0.02  # the most that two boxes of one edit differ, in 0..1
MAX_COLOUR = 12.0  # the most that the mean colours of two edited places differ, 0..255


class Duplicate(Check):
    """The Hamming distance to the nearest earlier row."""

    name: ClassVar[str] = "duplicate"
    reads: ClassVar[tuple[str, ...]] = ("image_a",)
    version: ClassVar[int] = 1
    scope: ClassVar[Literal["candidate", "global"]] = "global"

    check: Literal["duplicate"] = "duplicate"
    max_distance: int = Field(
        default=4, ge=0, le=MOST_DISTANCE, description="bits of 64 in which duplicates may differ"
    )

    def setup(self, context: Context) -> RowJudge:
        """Return the function that judges row after row, and remembers."""
        return _Memory(self.max_distance)


class _Memory:
    """What was seen: 56 bytes of each original, 8 more and the edited place of each counterfactual."""

    def __init__(self, max_distance: int) -> None:
        self.max_distance = max_distance
        self.originals = Likenesses(max_distance)
        self.others: list[tuple[int, bytes]] = []  # per row: hash of image_b, trace of its edit

    def __call__(self, row: Mapping[str, Any]) -> Verdict:
        first = _picture(row["image_a"])
        second = _picture(row.get("image_b"))
        if first is None:
            raise ValueError("duplicate: a row without image_a")
        print_a = signature(first)
        print_b = images.phash(second) if second is not None else 0
        trace = _trace(row, second) if second is not None else _asked(row)
        nearest = FAR
        for distance, number in self.originals.near(print_a):
            other_b, other_trace = self.others[number]
            gap = images.hamming(print_b, other_b)
            if gap <= self.max_distance and _same_trace(trace, other_trace):
                nearest = min(nearest, float(max(distance, gap)))
        if nearest == FAR:
            self.originals.add(print_a)
            self.others.append((print_b, trace))
        return verdict(
            "duplicate", nearest, self.max_distance, nearest > self.max_distance, Reason.DUPLICATE
        )


def _picture(cell: Mapping[str, Any] | None) -> Pixels | None:
    return images.decode(cell["bytes"]) if cell is not None else None


def _trace(row: Mapping[str, Any], second: Pixels) -> bytes:
    """Return where the edit was made and what it left there: the mask's box and mean colour."""
    mask = _picture(row.get("mask"))
    where = mask[..., 0] > 127 if mask is not None and mask.shape == second.shape else None
    if where is None or not where.any():
        where = np.ones(second.shape[:2], np.bool_)
    rows, columns = np.flatnonzero(where.any(1)), np.flatnonzero(where.any(0))
    height, width = where.shape
    box = (columns[0] / width, rows[0] / height, columns[-1] / width, rows[-1] / height)
    return np.asarray([*box, *second[where].mean(0)], np.float32).tobytes()


def _asked(row: Mapping[str, Any]) -> bytes:
    """Return a digest of a single picture's questions and preferences."""
    said = [
        [[example["question"], example["answer"]] for example in row.get("examples") or ()],
        [[one["prompt"], one["chosen"], one["rejected"]] for one in row.get("preferences") or ()],
    ]
    return digest(said).encode()[:16]


def _same_trace(one: bytes, other: bytes) -> bool:
    if len(one) != 28 or len(other) != 28:
        return one == other
    gap = np.abs(np.frombuffer(one, np.float32) - np.frombuffer(other, np.float32))
    return bool(gap[:4].max() <= MAX_SHIFT and gap[4:].max() <= MAX_COLOUR)
