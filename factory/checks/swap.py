"""Each picture prefers its own caption: CLIP sees A with both captions, and B with both captions.

    A: "a yellow sun and a ball" 0.31 > "a blue moon and a ball" 0.24     lead 0.07
    B: "a blue moon and a ball"  0.29 > "a yellow sun and a ball" 0.27    lead 0.02   both above `margin`: passed

A pair that passes is an image-text contrast as Winoground has them, so its captions are hard
negatives of each other.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, verdict
from counterfactory.factory.ops.base import Context, counterfactual
from counterfactory.factory.ops.crop import around, square_crop
from counterfactory.records import Candidate, Pixels, Reason, Verdict


class Swap(Check):
    """Judge whether captions and pictures belong together as they are, and not the other way round."""

    name: ClassVar[str] = "swap"
    version: ClassVar[int] = 1

    check: Literal["swap"] = "swap"
    model: str = Field(default="pocket", description="a CLIP")
    margin: float = Field(
        default=0.0, ge=-2, le=2, description="least lead of a picture's own caption, cosine"
    )
    view: Literal["whole", "region", "both"] = Field(
        default="whole",
        description="what CLIP sees: the whole picture, the changed region, or the mean of both",
    )

    skip: tuple[str, ...] = Field(
        default=(), description="edit kinds not asked about: few CLIPs tell left from right (move)"
    )

    def reads_of(self) -> tuple[str, ...]:
        """Return what is compared."""
        base = ("image_a", "image_b", "caption_a", "caption_b")
        return base if self.view == "whole" else (*base, "boxes")

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the judge."""
        return (("clip", self.model),)

    def setup(self, context: Context) -> Judge:
        """Load the judge and return the function over batches."""
        clip = context.models.clip(self.model)

        def judged(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            if not batch:
                return []
            views = [self._views(one) for one in batch]
            looks = iter(
                clip.images([picture for some in views for pair in some for picture in pair])
            )
            words = clip.texts([text for one in batch for text in (one.caption_a, one.caption_b)])
            found = []
            for index, some in enumerate(views):
                text_a, text_b = words[2 * index], words[2 * index + 1]
                leads = []
                for _ in some:
                    look_a, look_b = next(looks), next(looks)
                    leads.append((look_a @ (text_a - text_b), look_b @ (text_b - text_a)))
                found.append(
                    [
                        self._verdict(side, [lead[i] for lead in leads])
                        for i, side in enumerate("ab")
                    ]
                )
            return found

        def run(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            asked = [one.edit is None or one.edit.kind not in self.skip for one in batch]
            found = iter(judged([one for one, yes in zip(batch, asked, strict=True) if yes]))
            return [next(found) if yes else [] for yes in asked]

        return run

    def _verdict(self, side: str, leads: Sequence[float]) -> Verdict:
        score = float(sum(leads) / len(leads))
        return verdict(
            f"swap.{side}", score, self.margin, score > self.margin, Reason.CAPTION_NOT_PREFERRED,
            judge=f"clip:{self.model}",
        )  # fmt: skip

    def _views(self, one: Candidate) -> list[tuple[Pixels, Pixels]]:
        """Return the pairs of pictures to look at."""
        whole = (one.image_a, counterfactual(one, "swap"))
        if self.view == "whole" or not one.boxes:
            return [whole]
        box = around(list(one.boxes))
        region = (square_crop(one.image_a, box), square_crop(whole[1], box))
        return [region] if self.view == "region" else [whole, region]
