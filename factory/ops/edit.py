"""Make the counterfactual picture with a diffusion model: inpaint what the mask allows, keep all
else bit for bit.

    {op: edit, model: pocket, steps: 8}     edit.method == "diffusion": replace, recolour, remove, add, resize, move

A moved thing keeps its own pixels: the model paints over its old place and the thing is pasted at
the new one. Candidates of another method pass through. `round_trip` sends the original through
the same autoencoder with the same crop and paste, so that both sides of the pair share its
texture.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.ops import places
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.mask import shifted
from counterfactory.factory.ops.masks import grown
from counterfactory.models.inpaint import Inpainter
from counterfactory.records import Candidate, Mask, Pixels


class EditOp(Op):
    """Repaint the masked region by a diffusers inpainting pipeline."""

    name: ClassVar[str] = "edit"
    reads: ClassVar[tuple[str, ...]] = ("sample.image", "edit", "mask", "target_mask")
    version: ClassVar[int] = 1

    op: Literal["edit"] = "edit"
    model: str = Field(default="pocket", description="any diffusers pipeline that can inpaint")
    steps: int = Field(default=8, ge=1, le=1000)
    guidance: float = Field(default=2.0, ge=0, le=50)
    crop_padding: float = Field(
        default=8 / 128,
        ge=0,
        le=1,
        description="surroundings shown to the model, share of the width",
    )
    size: int | None = Field(
        default=None, ge=32, le=4096, description="side of the crop for the model; null: its own"
    )
    rim: int = Field(
        default=0, ge=0, le=3, description="pixels around a moved target that go with it"
    )
    feather: int = Field(
        default=1, ge=0, le=64, description="pixels inside the mask's edge that are mixed"
    )
    round_trip: bool = Field(
        default=False, description="send the original through the same autoencoder"
    )
    options: dict[str, float | int | bool | str | tuple[int, ...]] = Field(
        default={}, description="further arguments of the pipeline's call"
    )

    def writes_of(self) -> tuple[str, ...]:
        """Return image_b, and the original where it is sent through the autoencoder."""
        return ("image_b", "original") if self.round_trip else ("image_b",)

    writes: ClassVar[tuple[str, ...]] = ("image_b",)

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the pipeline."""
        return (("inpaint", self.model),)

    def setup(self, context: Context) -> Runnable:
        """Load the pipeline and return the function over batches."""
        inpainter = context.models.inpaint(self.model)

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            mine = [one for one in batch if one.edit is not None and one.edit.method == "diffusion"]
            done = {
                one.key: made for one, made in zip(mine, self._edited(inpainter, mine), strict=True)
            }
            return [done.get(one.key, one) for one in batch]

        return run

    def _edited(self, inpainter: Inpainter, batch: Sequence[Candidate]) -> list[Candidate]:
        if not batch:
            return []
        images = [one.sample.image for one in batch]
        holes = [_hole(one) for one in batch]
        crops = [round(self.crop_padding * image.shape[1]) for image in images]
        made: list[Pixels] = []
        back: list[Pixels | None] = []
        for padding, group in _runs(crops):
            part = [batch[i] for i in group]
            pictures, places = [images[i] for i in group], [holes[i] for i in group]
            made += inpainter.inpaint(
                pictures, places, [one.edit.prompt_b if one.edit else "" for one in part],
                [one.seed for one in part], steps=self.steps, guidance=self.guidance,
                crop_padding=padding, size=self.size, feather=self.feather, options=self.options,
            )  # fmt: skip
            back += self._back(inpainter, part, pictures, padding)
        return [
            one.with_(image_b=_with_moved(one, picture, self.rim), original=original)
            for one, picture, original in zip(batch, made, back, strict=True)
        ]

    def _back(
        self, inpainter: Inpainter, batch: Sequence[Candidate], pictures: list[Pixels], padding: int
    ) -> list[Pixels | None]:
        """Return each original with the mask's pixels sent through the autoencoder, or None where it is kept."""
        if not self.round_trip:
            return [one.original for one in batch]
        return list(
            inpainter.round_trip(
                pictures, [_hole(one) for one in batch], crop_padding=padding,
                size=self.size, feather=self.feather,
            )
        )  # fmt: skip


def _runs(values: Sequence[int]) -> list[tuple[int, list[int]]]:
    """Return (value, indices) of neighbours with equal values: pictures of one size go together."""
    found: list[tuple[int, list[int]]] = []
    for index, value in enumerate(values):
        if not found or found[-1][0] != value:
            found.append((value, []))
        found[-1][1].append(index)
    return found


def _hole(candidate: Candidate) -> Mask:
    """Return what the model repaints: the mask, or the old place of a thing that moves."""
    if candidate.mask is None:
        raise ValueError("edit: found a candidate without a mask, expected mask before it")
    old = candidate.extra.get("old_place")
    return candidate.mask if old is None else np.asarray(old, dtype=np.bool_)


def _with_moved(candidate: Candidate, picture: Pixels, rim: int) -> Pixels:
    """Paste a moved thing's own pixels at its new place."""
    edit, target = candidate.edit, candidate.target_mask
    if edit is None or edit.kind != "move" or target is None:
        return picture
    assert edit.target is not None and edit.replacement is not None
    old, new = edit.target.box, edit.replacement.box
    assert old is not None and new is not None
    height, width = target.shape
    right, down = places.offset(old, new, width, height)
    place = shifted(grown(target, rim) if rim else target, old, new)
    rows, columns = np.nonzero(place)
    result = picture.copy()
    result[rows, columns] = candidate.sample.image[rows - down, columns - right]
    return result
