"""The two pictures are alike, and not the same: CLIP's image cosine lies in a band.

    {check: similarity, min: 0.90, max: 0.98}     Img-Diff's band for ViT-B/32

Below the band the edit changed more than it should have; above it nothing visible happened.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from counterfactory.factory.checks.base import Check, Judge, verdict
from counterfactory.factory.ops.base import Context, counterfactual
from counterfactory.records import Candidate, Reason, Verdict


class Similarity(Check):
    """Judge how alike the two pictures are."""

    name: ClassVar[str] = "similarity"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b")
    version: ClassVar[int] = 1

    check: Literal["similarity"] = "similarity"
    model: str = Field(default="pocket", description="a CLIP")
    min: float = Field(default=0.90, ge=-1, le=1, description="least cosine of the two pictures")
    max: float = Field(default=0.98, ge=-1, le=1.01, description="most cosine of the two pictures")

    @model_validator(mode="after")
    def _ordered(self) -> "Similarity":
        if self.min >= self.max:
            raise ValueError(f"found min {self.min} and max {self.max}, expected min below max")
        return self

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the judge."""
        return (("clip", self.model),)

    def setup(self, context: Context) -> Judge:
        """Load the judge and return the function over batches."""
        clip = context.models.clip(self.model)

        def run(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            if not batch:
                return []
            rows = clip.images(
                [
                    picture
                    for one in batch
                    for picture in (one.image_a, counterfactual(one, "similarity"))
                ]
            )
            cosines = (rows[0::2] * rows[1::2]).sum(axis=1)
            return [self._verdicts(float(cosine)) for cosine in cosines]

        return run

    def _verdicts(self, cosine: float) -> list[Verdict]:
        judge = f"clip:{self.model}"
        return [
            verdict(
                "similarity.min",
                cosine,
                self.min,
                cosine >= self.min,
                Reason.PAIR_TOO_DIFFERENT,
                judge=judge,
            ),
            verdict(
                "similarity.max",
                cosine,
                self.max,
                cosine <= self.max,
                Reason.PAIR_TOO_SIMILAR,
                judge=judge,
            ),
        ]
