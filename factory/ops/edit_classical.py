"""Make the counterfactual picture without a model: repaint, remove, move, resize or copy a region's
pixels.

    {op: edit_classical}     edit.method == "classical"; candidates of another method pass through

    recolour   the target's colour becomes the wanted one, its shading stays       (recolour.py)
    remove     the target's place is filled from its surroundings                  (fill.py)
    move       filled, and pasted into the replacement's box; resize: the same, scaled
    add        a copy of the target is pasted into the replacement's box

A new object cannot be drawn this way: `replace` is rejected. With `model` the fills come from a
diffusion pipeline.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.ops import places
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.colours import PAINTS, paint
from counterfactory.factory.ops.fill import Method, fill
from counterfactory.factory.ops.masks import bounds, feather, grown
from counterfactory.factory.ops.recolour import recoloured
from counterfactory.records import Box, Candidate, Edit, Mask, Pixels, Reason

NAME = "edit_classical"
Filler = Callable[[Pixels, Mask, int], Pixels]


class EditClassical(Op):
    """Edit pixels by classical means."""

    name: ClassVar[str] = NAME
    reads: ClassVar[tuple[str, ...]] = ("sample.image", "edit", "mask", "target_mask")
    writes: ClassVar[tuple[str, ...]] = ("image_b",)
    version: ClassVar[int] = 1

    op: Literal["edit_classical"] = "edit_classical"
    fill: Method = Field(default="clone", description="how removed places are filled")
    paints: dict[str, str] = Field(
        default={}, description="colour word -> '#rrggbb', over the usual"
    )
    rim: int = Field(
        default=0, ge=0, le=3, description="pixels around a moved or copied target that go with it"
    )
    model: str = Field(default="", description="an inpainting model that fills instead")
    steps: int = Field(default=20, ge=1, le=1000, description="of that model")
    guidance: float = Field(default=5.0, ge=0, le=50, description="of that model")

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the inpainting model, where one is wanted."""
        return (("inpaint", self.model),) if self.model else ()

    def setup(self, context: Context) -> Runnable:
        """Return the function over batches."""
        filler = self._filler(context)
        paints = {**PAINTS, **self.paints}

        def one(candidate: Candidate) -> Outcome:
            edit = candidate.edit
            if edit is None or edit.method != "classical":
                return candidate
            if edit.kind == "replace":
                note = "replace has no classical method: a new object must be drawn by a model"
                return candidate.rejected(NAME, Reason.OP_FAILED, note=note)
            if candidate.mask is None or candidate.target_mask is None or not candidate.mask.any():
                return candidate.rejected(NAME, Reason.TARGET_NOT_FOUND)
            target = candidate.target_mask
            if self.rim and edit.kind != "recolour":
                target = grown(target, self.rim)
            return _edited(candidate, edit, candidate.mask, target, filler, paints)

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            return [one(candidate) for candidate in batch]

        return run

    def _filler(self, context: Context) -> Filler:
        if not self.model:
            return lambda pixels, hole, seed: fill(pixels, hole, self.fill).pixels
        inpainter = context.models.inpaint(self.model)

        def by_model(pixels: Pixels, hole: Mask, seed: int) -> Pixels:
            made = inpainter.inpaint(
                [pixels], [hole], ["plain background"], [seed],
                steps=self.steps, guidance=self.guidance, crop_padding=32,
            )  # fmt: skip
            return made[0]

        return by_model


def _edited(
    candidate: Candidate,
    edit: Edit,
    mask: Mask,
    target: Mask,
    filler: Filler,
    paints: dict[str, str],
) -> Outcome:
    """Return the candidate with `image_b`, changed nowhere outside its mask."""
    pixels = candidate.sample.image
    if edit.kind == "recolour":
        colour = edit.replacement.colour if edit.replacement else ""
        if colour not in paints:
            return candidate.rejected(NAME, Reason.NO_TARGET, note=f"no paint for '{colour}'")
        done = recoloured(pixels, target, mask, paint(paints[colour]))
    elif edit.kind == "remove":
        done = filler(pixels, mask, candidate.seed)
    else:  # move, resize, add
        box = edit.replacement.box if edit.replacement else None
        if box is None:
            return candidate.rejected(NAME, Reason.NO_SPACE)
        old = candidate.extra.get("old_place")
        hole = np.zeros_like(mask) if edit.kind == "add" else mask if old is None else old
        ground = filler(pixels, hole, candidate.seed) if hole.any() else pixels
        if edit.kind == "move" and edit.target is not None and edit.target.box is not None:
            done = carried(ground, pixels, target, edit.target.box, box)
        else:
            done = pasted(ground, pixels, target, box)
    return candidate.with_(image_b=np.where(mask[..., None], done, pixels))


def carried(ground: Pixels, pixels: Pixels, target: Mask, old: Box, new: Box) -> Pixels:
    """Return `ground` with the target's pixels moved as its box moved, by whole pixels and in their own size."""
    height, width = target.shape
    right, down = places.offset(old, new, width, height)
    cover = feather(target, 0.75)
    rows, columns = np.nonzero(cover)
    there = (rows + down, columns + right)
    inside = (there[0] >= 0) & (there[0] < height) & (there[1] >= 0) & (there[1] < width)
    here, there = (rows[inside], columns[inside]), (there[0][inside], there[1][inside])
    result = ground.copy()
    share = cover[here][:, None]
    mixed = result[there] * (1 - share) + pixels[here] * share
    result[there] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result


def pasted(ground: Pixels, pixels: Pixels, target: Mask, box: Box) -> Pixels:
    """Return `ground` with the target's pixels, cut from `pixels`, scaled into `box`."""
    import cv2

    height, width = target.shape
    top, left, bottom, right = bounds(target)
    x, y = round(box[0] * width), round(box[1] * height)
    wide = max(1, round(box[2] * width) - x)
    high = max(1, round(box[3] * height) - y)
    if abs(wide - (right - left)) <= 1 and abs(high - (bottom - top)) <= 1:
        wide, high = right - left, bottom - top  # rounding is no reason to scale
    thing = np.ascontiguousarray(pixels[top:bottom, left:right])
    cover = feather(target, 0.75)[top:bottom, left:right]
    if (wide, high) != (right - left, bottom - top):
        way = cv2.INTER_AREA if wide < right - left else cv2.INTER_CUBIC
        thing = cv2.resize(thing, (wide, high), interpolation=way)
        cover = cv2.resize(cover, (wide, high), interpolation=cv2.INTER_AREA)
    x, y = min(max(x, 0), width - wide), min(max(y, 0), height - high)
    result = ground.copy()
    below = ground[y : y + high, x : x + wide].astype(np.float32)
    mixed = below + cover[..., None] * (thing.astype(np.float32) - below)
    result[y : y + high, x : x + wide] = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
    return result
