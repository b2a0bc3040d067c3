"""Choose what to edit in a photograph of which nothing is known, by colour and contrast alone.

    edit: recolour to blue, target unknown
    ->  target: a red area, box (0.10, 0.21, 0.34, 0.55);  target_mask: its pixels;  mask: those and their rim

For a removal it takes regions that can be painted over well (it tries the fill), for a move it also
finds a place to go to. The region is drawn by the candidate's seed, better ones more often. A
target with a box (as COCO gives them) is cut out of its box instead. With `model` the outline comes
from a SAM, prompted with the region's box.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.ops import destinations, lexicon, masks
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.colours import contrast, main_colour
from counterfactory.factory.ops.faces import face_mask
from counterfactory.factory.ops.fill import fill
from counterfactory.factory.ops.regions import Region, regions, small_copy
from counterfactory.fingerprint import seed_for
from counterfactory.records import Box, Candidate, Edit, Mask, Object, Pixels, Reason

NAME = "mask_classical"
AREA = "area"  # what a region of unknown kind is called
HIDING = ("remove", "move", "resize")  # kinds that leave a hole
Outline = Callable[[Pixels, Mask], Mask]


class MaskClassical(Op):
    """Choose a region that suits the edit, and say where the edit may paint."""

    name: ClassVar[str] = NAME
    reads: ClassVar[tuple[str, ...]] = ("sample.image", "edit")
    writes: ClassVar[tuple[str, ...]] = ("mask", "target_mask", "edit")
    version: ClassVar[int] = 1

    op: Literal["mask_classical"] = "mask_classical"
    min_share: float = Field(default=0.002, gt=0, lt=1, description="least share of the picture")
    max_share: float = Field(default=0.25, gt=0, lt=1, description="most share of the picture")
    max_hole: float = Field(default=0.08, gt=0, lt=1, description="most share that may be filled")
    min_score: float = Field(
        default=0.09, ge=0, le=1, description="least score of a region: contrast, edge, shape, size"
    )
    min_colour: float = Field(
        default=0.55, ge=0, le=1, description="least share of a region that has its colour word"
    )
    max_misfit: float = Field(
        default=32.0, gt=0, description="most LAB distance between a hole's ring and its fill's"
    )
    max_left: float = Field(
        default=0.5, ge=0, description="most contrast that a fill may leave, of what the region had"
    )
    spare_faces: bool = Field(default=True, description="leave faces seen from the front alone")
    tries: int = Field(default=8, ge=1, le=100, description="regions looked at before giving up")
    model: str = Field(default="", description="a SAM that draws the outlines instead of GrabCut")

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the SAM, where one is wanted."""
        return (("sam", self.model),) if self.model else ()

    def setup(self, context: Context) -> Runnable:
        """Return the function over batches."""
        chooser = _Chooser(self, _outline(self.model, context), context.recipe_seed)

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            return [chooser(candidate) for candidate in batch]

        return run


@dataclass(frozen=True, slots=True)
class _Choice:
    """A region that suits an edit."""

    target: Mask
    colour: str
    place: Box | None = None  # where a moved, resized or copied region goes


class _Chooser:
    """Finds regions, remembers those of the last pictures, and fits one to each edit."""

    def __init__(self, op: MaskClassical, outline: Outline, seed: int) -> None:
        self.op, self.outline, self.seed = op, outline, seed
        self.known: dict[str, list[Region]] = {}

    def __call__(self, candidate: Candidate) -> Outcome:
        """Return the candidate with its masks and its target, or a Reject."""
        edit = candidate.edit
        if edit is None:
            return candidate.rejected(NAME, Reason.NO_TARGET)
        if edit.target is not None and edit.target.box is None and edit.target.kind:
            return candidate.rejected(NAME, Reason.TARGET_NOT_FOUND, metric="box")
        rng = random.Random(candidate.seed)
        missing = Reason.NO_TARGET
        for rough in self._offered(candidate, edit):
            found = self._suits(candidate.sample.image, rough, edit, rng)
            if isinstance(found, _Choice):
                return _finished(candidate, edit, found)
            missing = found
        return candidate.rejected(NAME, missing, metric="regions", value=0.0, threshold=1.0)

    def _offered(self, candidate: Candidate, edit: Edit) -> list[Mask]:
        """Return masks to try, at full size or smaller.

        They come in an order drawn once for a picture; each visit to the picture begins one later,
        so that the same edit is not made twice while there are other regions.
        """
        image = candidate.sample.image
        if edit.target is not None and edit.target.box is not None:
            return [_cut_from_box(image, edit.target.box)]
        found = self._regions(candidate.sample.id, image)
        hides = edit.kind in HIDING
        weights = [region.score * (region.calm**2 if hides else 1.0) for region in found]
        rng = random.Random(seed_for(self.seed, NAME, candidate.sample.id, edit.kind))
        drawn = sorted(  # a weighted shuffle: heavy regions come early
            range(len(found)), key=lambda i: -(rng.random() ** (1 / max(weights[i], 1e-9)))
        )
        limit = self.op.max_hole if hides else self.op.max_share
        fitting = [
            found[i].mask
            for i in drawn
            if self.op.min_share <= found[i].share <= limit and found[i].score >= self.op.min_score
        ]
        start = visit_of(candidate.sample.source_id) % max(1, len(fitting))
        return [*fitting[start:], *fitting[:start]][: self.op.tries]

    def _regions(self, identity: str, image: Pixels) -> list[Region]:
        if identity not in self.known:
            found = regions(image)
            if self.op.spare_faces:
                faces = face_mask(small_copy(image))
                found = [one for one in found if float(faces[one.mask].mean()) < 0.3]
            while len(self.known) >= 16:
                self.known.pop(next(iter(self.known)))
            self.known[identity] = found
        return self.known[identity]

    def _suits(
        self, image: Pixels, rough: Mask, edit: Edit, rng: random.Random
    ) -> _Choice | Reason:
        """Return the region with its colour and place, or why it does not suit."""
        target = self.outline(image, rough)
        if not target.any() or float(target.mean()) < self.op.min_share:
            return Reason.MASK_TOO_SMALL
        colour, share = main_colour(image, target)
        if share < self.op.min_colour:
            return Reason.NO_TARGET
        if edit.kind == "recolour":
            wanted = edit.replacement.colour if edit.replacement else ""
            same = wanted.replace("gray", "grey") == colour
            return Reason.NOTHING_CHANGED if same else _Choice(target, colour)
        if edit.kind in HIDING:
            filled = fill(image, hole_of(target))
            left = contrast(filled.pixels, target) / max(contrast(image, target), 1e-6)
            if filled.misfit > self.op.max_misfit or left > self.op.max_left:
                return Reason.NO_TARGET
            if edit.kind == "remove":
                return _Choice(target, colour)
        given = edit.replacement.box if edit.replacement else None
        place = given or destinations.find(image, target, edit.kind, rng)
        return Reason.NO_SPACE if place is None else _Choice(target, colour, place)


def visit_of(source_id: str) -> int:
    """Return how often a source gave this picture before.

    >>> visit_of("skimage:coffee.png#3"), visit_of("folder:cat.jpg")
    (3, 0)
    """
    tail = source_id.rpartition("#")[2]
    return int(tail) if "#" in source_id and tail.isdecimal() else 0


def hole_of(target: Mask) -> Mask:
    """Return what must be painted over so that nothing of the target is left, not even its glow."""
    return masks.grown(target, max(6, round(0.15 * float(np.sqrt(target.sum())))))


def _finished(candidate: Candidate, edit: Edit, chosen: _Choice) -> Candidate:
    """Return the candidate with its target named, and its masks."""
    known = edit.target or Object(kind=AREA)
    target = replace(
        known,
        kind=known.kind or AREA,
        colour=known.colour or chosen.colour,
        box=masks.box_of(chosen.target),
    )
    new, extra = edit.replacement, candidate.extra
    if edit.kind == "recolour":
        mask = masks.grown(chosen.target, 2)
        new = replace(new or target, kind=(new.kind if new else "") or target.kind)
    elif edit.kind == "remove":
        mask, new = hole_of(chosen.target), None
    else:
        assert chosen.place is not None
        new = replace(target, box=chosen.place)
        mask = destinations.place_mask(chosen.target, chosen.place)
        if edit.kind != "add":
            hole = hole_of(chosen.target)
            mask, extra = mask | hole, {**extra, "old_place": hole}
    prompt_b = lexicon.article(new.phrase) if new is not None else edit.prompt_b
    edit = replace(
        edit,
        target=target,
        replacement=new,
        prompt_a=lexicon.article(target.phrase),
        prompt_b=prompt_b,
    )
    slices = (*candidate.slices, f"colour:{target.colour}")
    return candidate.with_(
        edit=edit, mask=mask, target_mask=chosen.target, extra=extra,
        slices=tuple(dict.fromkeys(slices)),
    )  # fmt: skip


def _cut_from_box(image: Pixels, box: Box) -> Mask:
    height, width = image.shape[:2]
    rough = np.zeros((height, width), np.bool_)
    x0, y0, x1, y1 = (
        round(edge * size) for edge, size in zip(box, (width, height) * 2, strict=True)
    )
    rough[y0:y1, x0:x1] = True
    if not rough.any():
        return rough
    band = max(2, round(0.2 * min(x1 - x0, y1 - y0)))
    return masks.smooth(masks.cut_out(image, rough, band))


def _outline(model: str, context: Context) -> Outline:
    """Return what makes a final mask of a rough one."""
    if not model:
        return masks.refine
    sam: Any = context.models.sam(model)

    def by_sam(pixels: Pixels, rough: Mask) -> Mask:
        own = masks.refine(pixels, rough)
        top, left, bottom, right = masks.bounds(own)
        box = np.array([[left, top, right, bottom]], np.float64)
        (found,) = sam.from_boxes_of([pixels], [box])
        best = max(found, key=lambda one: masks.overlap_union(one.mask, own), default=None)
        if best is None or masks.overlap_union(best.mask, own) < 0.5:
            return own  # it saw another thing in that box
        return masks.smooth(np.asarray(best.mask, np.bool_))

    return by_sam
