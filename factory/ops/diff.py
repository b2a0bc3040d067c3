"""Find where two pictures differ, from the pictures alone: it looks neither at the edit nor its mask.

    {op: diff, model: pocket, clip: pocket}  ->  boxes = ((0.31, 0.20, 0.55, 0.46),)

Candidate boxes are the connected parts of the change map and, with a SAM, what it finds in either
picture. Img-Diff lets FastSAM segment everything in both; here SAM is prompted where pixels changed,
which finds the same things at a tenth of the cost (`prompts: everything` does as they do). A box
must hold enough change and, with a CLIP, its two crops must look different (cosine below 0.85).
Then NMS at IoU 0.5, most different first, at most 5. Img-Diff orders by crop similarity
(`order: clip`); the default orders by how well a box fits a changed region, which is finer.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops import changes
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable, counterfactual
from counterfactory.factory.ops.crop import square_crop
from counterfactory.models.clip import Clip
from counterfactory.models.segment import Segmenter, box_iou
from counterfactory.records import Box, Candidate, Pixels, Reason

Scored = tuple[float, Box]  # difference, box


class Diff(Op):
    """Set the boxes of a pair; reject a pair that holds no difference."""

    name: ClassVar[str] = "diff"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b")
    writes: ClassVar[tuple[str, ...]] = ("boxes",)
    version: ClassVar[int] = 1

    op: Literal["diff"] = "diff"
    model: str | None = Field(
        default="pocket", description="a SAM for more boxes; null: the change map alone"
    )
    clip: str | None = Field(
        default="pocket", description="judges whether two crops differ; null: pixels alone"
    )
    prompts: Literal["changed", "everything"] = Field(
        default="changed", description="SAM looks where pixels changed, or on a grid everywhere"
    )
    points: int = Field(default=4, ge=1, le=64, description="points in each changed part")
    threshold: int = Field(
        default=24, ge=1, le=255, description="least change of a channel that counts"
    )
    min_area: float = Field(
        default=1 / 400, ge=0, le=1, description="least share of the picture in a box"
    )
    min_change: float = Field(
        default=0.2, ge=0, le=1, description="least share of a box that changed"
    )
    max_similarity: float = Field(
        default=0.85, ge=-1, le=1, description="most CLIP cosine of a box's two crops"
    )
    max_iou: float = Field(default=0.5, ge=0, le=1, description="boxes that overlap more are one")
    max_boxes: int = Field(default=5, ge=1, le=100)
    order: Literal["change", "clip"] = "change"
    prefilter: int = Field(
        default=12, ge=1, le=200, description="boxes that fit the change map best go to CLIP"
    )

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the SAM and the CLIP, where they are wanted."""
        return tuple(
            (role, model) for role, model in (("sam", self.model), ("clip", self.clip)) if model
        )

    def setup(self, context: Context) -> Runnable:
        """Load the models and return the function over batches."""
        sam = context.models.sam(self.model) if self.model else None
        clip = context.models.clip(self.clip) if self.clip else None

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            pairs = [(one.image_a, counterfactual(one, "diff")) for one in batch]
            proposed = self._proposed(sam, pairs)
            scored = [
                self._by_change(*pair, boxes) for pair, boxes in zip(pairs, proposed, strict=True)
            ]
            kept = self._by_clip(clip, pairs, scored) if clip else scored
            return [self._finished(one, boxes) for one, boxes in zip(batch, kept, strict=True)]

        return run

    def _proposed(
        self, sam: Segmenter | None, pairs: Sequence[tuple[Pixels, Pixels]]
    ) -> list[list[Box]]:
        """Return what SAM finds in either picture of each pair."""
        if sam is None or not pairs:
            return [[] for _ in pairs]
        flat = [picture for pair in pairs for picture in pair]
        if self.prompts == "everything":
            found = sam.everything_of(flat)
        else:
            maps = [changes.change_map(*pair, self.threshold) for pair in pairs]
            points = [changes.points(one, self.points) for one in maps]
            found = sam.from_points_of(flat, [some for some in points for _ in "ab"])
        return [
            [segment.box for side in found[start : start + 2] for segment in side]
            for start in range(0, len(found), 2)
        ]

    def _by_change(self, one: Pixels, other: Pixels, boxes: Sequence[Box]) -> list[Scored]:
        """Return boxes that hold enough change, those that fit a changed region best first."""
        changed = changes.change_map(one, other, self.threshold)
        parts = changes.parts(changed)
        if not parts:
            return []
        found = [(changes.fit(changed, parts, box), box) for box in dict.fromkeys([*parts, *boxes])]
        good = [
            (score, box)
            for score, box in found
            if changes.area(box) >= self.min_area and changes.share(changed, box) >= self.min_change
        ]
        return sorted(good, key=lambda pair: (-pair[0], pair[1]))[: self.prefilter]

    def _by_clip(
        self, clip: Clip, pairs: Sequence[tuple[Pixels, Pixels]], scored: Sequence[list[Scored]]
    ) -> list[list[Scored]]:
        """Drop boxes whose crops look alike; all crops of the batch are encoded together."""
        crops = [
            square_crop(picture, box)
            for pair, boxes in zip(pairs, scored, strict=True) for _, box in boxes for picture in pair
        ]  # fmt: skip
        if not crops:
            return [list(boxes) for boxes in scored]
        rows = clip.images(crops)
        cosines = iter((rows[0::2] * rows[1::2]).sum(axis=1).tolist())
        kept: list[list[Scored]] = []
        for boxes in scored:
            judged = [(score, box, next(cosines)) for score, box in boxes]
            different = [one for one in judged if one[2] < self.max_similarity]
            if self.order == "clip":
                different.sort(key=lambda one: (one[2], one[1]))
            kept.append([(score, box) for score, box, _ in different])
        return kept

    def _finished(self, candidate: Candidate, scored: Sequence[Scored]) -> Outcome:
        boxes: list[Box] = []
        for _, box in scored:
            if all(
                box_iou(box, other) <= self.max_iou and not changes.within(box, other)
                for other in boxes
            ):
                boxes.append(box)
        if not boxes:
            return candidate.rejected(
                "diff", Reason.NO_DIFFERENCE, metric="regions", value=0.0, threshold=1.0
            )
        return candidate.with_(boxes=tuple(boxes[: self.max_boxes]))
