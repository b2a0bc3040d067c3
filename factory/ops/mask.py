"""Find the target in the picture and say what may be repainted.

    "a large yellow sun", box known  ->  SAM on the box: the sun's own pixels; the edit may repaint the square around it
    "a dog", only a caption          ->  SAM on everything, CLIP picks the segment that looks most like "a dog"

Writes `target_mask` (the target's pixels) and `mask` (what the edit may repaint: for diffusion a
square with some room, so that any replacement fits; for a classical recolour the target itself),
and gives the target its box. For a move, `extra["old_place"]` is the part of the mask that the
target leaves. Without a model: `mask_classical`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.ops import finders, places
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.masks import grown
from counterfactory.models.segment import mask_box
from counterfactory.records import Box, Candidate, Edit, Mask, Object, Reason

TIGHT = ("recolour",)  # kinds whose classical edit stays on the target's own pixels


MOVED_ROOM = 3  # pixels around a moved thing that may change: its rim goes with it


class MaskOp(Op):
    """Locate the target, then choose the region to repaint."""

    name: ClassVar[str] = "mask"
    writes: ClassVar[tuple[str, ...]] = ("mask", "target_mask", "edit")
    version: ClassVar[int] = 1

    op: Literal["mask"] = "mask"
    model: str = Field(default="pocket", description="a SAM")
    clip: str | None = Field(
        default="pocket", description="names segments where there is no box; null: boxes only"
    )
    where: Literal["auto", "box", "text"] = Field(
        default="auto",
        description="find the target by its box, by its phrase, or by the box where there is one",
    )
    pad: float = Field(
        default=4 / 128, ge=0, le=0.5, description="room around the target, share of the width"
    )
    sides: dict[Literal["small", "large"], float] = Field(
        default={},
        description="least side of the repainted square by the target's size word, share of the width",
    )
    min_area: float = Field(
        default=0.001, ge=0, le=1, description="least share of the picture to repaint"
    )
    max_area: float = Field(
        default=0.4, gt=0, le=1, description="most share of the picture to repaint"
    )
    min_fit: float = Field(
        default=0.3, ge=0, le=1, description="least IoU of a mask's box with the box given"
    )
    min_similarity: float = Field(
        default=0.2, ge=-1, le=1, description="least CLIP cosine of a segment and the phrase"
    )
    prompt: str = Field(
        default="{}", pattern=r"\{\}", description="how CLIP is asked: a photo of {}"
    )

    def reads_of(self) -> tuple[str, ...]:
        """Return what locating needs."""
        return ("sample.image", "edit", *(("sample.objects",) if self.where == "box" else ()))

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the models that locate."""
        names = (("clip", self.clip),) if self.clip and self.where != "box" else ()
        return (("sam", self.model), *names)

    def setup(self, context: Context) -> Runnable:
        """Load the models and return the function over batches."""
        clip = context.models.clip(self.clip) if self.clip and self.where != "box" else None
        locate = finders.by_model(
            context.models.sam(self.model), clip, where=self.where, min_fit=self.min_fit,
            min_similarity=self.min_similarity, prompt=self.prompt,
        )  # fmt: skip

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            located = locate(batch)
            return [
                one.rejected("mask", **found)
                if isinstance(found, dict)
                else self._masked(one, found)
                for one, found in zip(batch, located, strict=True)
            ]

        return run

    def _masked(self, candidate: Candidate, target: Mask | None) -> Outcome:
        """Return the candidate with its masks, or the Reject of one whose mask has no good size."""
        if candidate.edit is None:
            raise ValueError("mask: found a candidate without an edit, expected propose before it")
        edit = _settled(candidate.edit, target)
        areas = self._areas(
            edit, target, candidate.sample.image.shape[1], candidate.sample.image.shape[0]
        )
        share = float(areas.whole.mean())
        for bad, reason, limit in (
            (share < self.min_area, Reason.MASK_TOO_SMALL, self.min_area),
            (share > self.max_area, Reason.MASK_TOO_LARGE, self.max_area),
        ):
            if bad:
                return candidate.rejected(
                    "mask", reason, metric="mask_area", value=share, threshold=limit
                )
        extra = (
            {**candidate.extra, "old_place": areas.old}
            if areas.old is not None
            else candidate.extra
        )
        return candidate.with_(edit=edit, mask=areas.whole, target_mask=target, extra=extra)

    def _areas(self, edit: Edit, target: Mask | None, width: int, height: int) -> "_Areas":
        """Return the region that this edit may repaint."""
        new = edit.replacement
        if target is None:
            assert new is not None and new.box is not None  # an added thing has its place
            return _Areas(self._square(new, new.box, width, height))
        assert edit.target is not None and edit.target.box is not None
        room = max(1, round(self.pad * width))
        if edit.method == "classical" and edit.kind in TIGHT:
            return _Areas(grown(target, 1))
        old = self._square(edit.target, edit.target.box, width, height)
        if edit.method == "classical":
            old = grown(target, room)
        if edit.kind != "move" or new is None or new.box is None:
            return _Areas(old)
        return _Areas(old | grown(shifted(target, edit.target.box, new.box), MOVED_ROOM), old)

    def _square(self, thing: Object, box: Box, width: int, height: int) -> Mask:
        side = dict(self.sides).get(thing.size, 0.0) if thing.size in ("small", "large") else 0.0  # type: ignore[call-overload]
        return rectangle(places.square(box, self.pad, width / height, side), width, height)


@dataclass(frozen=True, slots=True)
class _Areas:
    whole: Mask
    old: Mask | None = None  # for a move: the part that the target leaves


def _settled(edit: Edit, target: Mask | None) -> Edit:
    """Give a target that had none the box of its mask."""
    if target is None or edit.target is None:
        return edit
    return replace(edit, target=replace(edit.target, box=edit.target.box or mask_box(target)))


def rectangle(box: Box, width: int, height: int) -> Mask:
    """Return a mask that fills a box."""
    mask = np.zeros((height, width), dtype=np.bool_)
    x0, x1 = round(box[0] * width), round(box[2] * width)
    y0, y1 = round(box[1] * height), round(box[3] * height)
    mask[y0:y1, x0:x1] = True
    return mask


def shifted(mask: Mask, old: Box, new: Box) -> Mask:
    """Return the mask moved as its box moved, by whole pixels; what leaves the picture is cut."""
    height, width = mask.shape
    right, down = places.offset(old, new, width, height)
    moved = np.zeros_like(mask)
    rows, columns = np.nonzero(mask)
    rows, columns = rows + down, columns + right
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    moved[rows[inside], columns[inside]] = True
    return moved
