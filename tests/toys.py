"""Toy models that see colours: small honest classes in place of weights, for tests of what ops do
with answers.

clip = ToyClip()      # a crop and a text are alike when the crop shows the text's colour
sam = ToySam()        # a segment is a connected patch of one colour that is not the ground
paint = ToyInpainter()   # fills the mask with the prompt's colour, or with the ground
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from counterfactory.factory.ops.base import Context, Focus
from counterfactory.models.segment import Segment, mask_box
from counterfactory.records import Candidate, Edit, Mask, Object, Pixels, Sample

PAINT = {
    "red": (220, 30, 30), "green": (30, 180, 30), "blue": (30, 60, 220),
    "yellow": (240, 220, 30), "white": (250, 250, 250), "purple": (150, 40, 190), "brown": (110, 60, 30),
}  # fmt: skip
GROUND = (128, 128, 128)


class ToyClip:
    """Rows are shares of colours: of a picture's pixels, or of a text's words; ground when it names none."""

    def images(self, images: Sequence[Pixels]) -> np.ndarray:
        """Return one unit row per picture."""
        return np.stack([_unit(_shares(image)) for image in images])

    def texts(self, texts: Sequence[str]) -> np.ndarray:
        """Return one unit row per text."""
        return np.stack([_unit(_said(text)) for text in texts])


def _shares(image: Pixels) -> np.ndarray:
    palette = np.array([*PAINT.values(), GROUND], np.float32)
    distance = np.abs(image[:, :, None].astype(np.float32) - palette).sum(-1)
    counts = np.bincount(distance.argmin(-1).ravel(), minlength=len(palette)).astype(np.float32)
    counts[-1] *= 0.1  # the ground says little
    return counts


def _said(text: str) -> np.ndarray:
    row = np.zeros(len(PAINT) + 1, np.float32)
    for index, colour in enumerate(PAINT):
        row[index] = text.split().count(colour)
    if not row.any():
        row[-1] = 1
    return row


def _unit(row: np.ndarray) -> np.ndarray:
    return row / max(float(np.linalg.norm(row)), 1e-9)


class ToySam:
    """Finds patches that differ from the ground, by colour."""

    def everything_of(self, images: Sequence[Pixels]) -> list[list[Segment]]:
        """Return the patches of each picture."""
        return [_patches(image) for image in images]

    def from_points_of(
        self, images: Sequence[Pixels], points: Sequence[np.ndarray]
    ) -> list[list[Segment]]:
        """Return the patches that hold the points; a point on the ground finds nothing."""
        found = []
        for image, some in zip(images, points, strict=True):
            patches = _patches(image)
            found.append([p for x, y in some for p in patches if p.mask[int(y), int(x)]])
        return found

    def from_boxes_of(
        self, images: Sequence[Pixels], boxes: Sequence[np.ndarray]
    ) -> list[list[Segment]]:
        """Return what is not ground in each box."""
        return [
            [self._in_box(image, box) for box in some]
            for image, some in zip(images, boxes, strict=True)
        ]

    def _in_box(self, image: Pixels, box: np.ndarray) -> Segment:
        x0, y0, x1, y1 = (round(float(edge)) for edge in box)
        mask = np.zeros(image.shape[:2], np.bool_)
        mask[y0:y1, x0:x1] = _thing(image)[y0:y1, x0:x1]
        return Segment(mask=mask, score=1.0, box=mask_box(mask))


def _thing(image: Pixels) -> Mask:
    return np.abs(image.astype(int) - np.array(GROUND)).max(-1) > 30


def _patches(image: Pixels) -> list[Segment]:
    count, labels = cv2.connectedComponents(_thing(image).astype(np.uint8))
    masks = [labels == label for label in range(1, count)]
    return [Segment(mask=mask, score=1.0, box=mask_box(mask)) for mask in masks]


class ToyInpainter:
    """Fills masks with the colour that the prompt names."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def inpaint(
        self, images: Sequence[Pixels], masks: Sequence[Mask], prompts: Sequence[str], seeds: Sequence[int],
        **call: Any,
    ) -> list[Pixels]:  # fmt: skip
        """Return the filled pictures."""
        self.calls.append({"prompts": list(prompts), "seeds": list(seeds), **call})
        done = []
        for image, mask, prompt in zip(images, masks, prompts, strict=True):
            colour = next((PAINT[word] for word in prompt.split() if word in PAINT), GROUND)
            done.append(np.where(mask[..., None], np.array(colour, np.uint8), image))
        return done

    def round_trip(
        self, images: Sequence[Pixels], masks: Sequence[Mask], **call: Any
    ) -> list[Pixels]:
        """Return the pictures a little darker inside the mask."""
        return [
            np.where(mask[..., None], image - np.minimum(image, 1), image)
            for image, mask in zip(images, masks, strict=True)
        ]


class ToyModels:
    """Gives the toys for every id."""

    def __init__(self) -> None:
        self.painter = ToyInpainter()

    def clip(self, model: str) -> ToyClip:
        """Return the toy encoder."""
        return ToyClip()

    def sam(self, model: str) -> ToySam:
        """Return the toy segmenter."""
        return ToySam()

    def inpaint(self, model: str) -> ToyInpainter:
        """Return the toy painter."""
        return self.painter


def context(focus: Mapping[str, float] | None = None, models: Any = None, seed: int = 0) -> Context:
    """Return a context with toy models."""
    wanted = tuple(Focus(slice=name, weight=weight) for name, weight in (focus or {}).items())
    return Context(recipe_seed=seed, focus=wanted, models=models or ToyModels(), workdir=Path("."))


def sample(*things: Object, caption: str = "", side: int = 96, name: str = "s") -> Sample:
    """Return a picture with a square of its colour in each thing's box."""
    image = np.full((side, side, 3), GROUND, np.uint8)
    for thing in things:
        if thing.box is not None:
            x0, y0, x1, y1 = (round(edge * side) for edge in thing.box)
            image[y0:y1, x0:x1] = PAINT[thing.colour]
    return Sample(id=name, image=image, source_id=f"toy:{name}", caption=caption, objects=things)


def bare(one: Sample, number: int = 0) -> Candidate:
    """Return the sample as it enters the chain."""
    return Candidate(key=f"{one.id}-{number}", seed=number, sample=one)


def with_edit(one: Sample, edit: Edit, **more: Any) -> Candidate:
    """Return a candidate with an edit."""
    return bare(one).with_(edit=edit, **more)


SUN = Object(kind="sun", colour="yellow", size="large", box=(0.1, 0.1, 0.35, 0.35))
BALL = Object(kind="ball", colour="red", size="small", box=(0.6, 0.6, 0.8, 0.8))
