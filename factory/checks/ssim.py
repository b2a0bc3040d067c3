"""Structural similarity within a band: the pair shows one scene, and its edit can be seen.

    {check: ssim, min_pair: 0.6, max_edit: 0.97}   ->   ssim.pair 0.98 >= 0.6, ssim.edit 0.52 <= 0.97

What CLIP similarity does where there is a model, SSIM does without: a pair too different is no
counterfactual, and an edit whose own place looks the same before and after is none either.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, unscored, verdict
from counterfactory.factory.checks.measures import ssim_map
from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Reason, Verdict


class Ssim(Check):
    """Mean SSIM of the whole pair, and of the pixels in the mask."""

    name: ClassVar[str] = "ssim"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b", "mask")
    version: ClassVar[int] = 1

    check: Literal["ssim"] = "ssim"
    min_pair: float = Field(
        default=0.6, ge=-1, le=1, description="least SSIM of the whole pictures"
    )
    max_edit: float = Field(default=0.97, ge=-1, le=1, description="most SSIM inside the mask")

    def setup(self, context: Context) -> Judge:
        """Return the function that judges."""

        def judge(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            return [self._judged(candidate) for candidate in batch]

        return judge

    def _judged(self, candidate: Candidate) -> list[Verdict]:
        mask, image_b = candidate.mask, candidate.image_b
        if mask is None or image_b is None or image_b.shape != candidate.image_a.shape:
            return [unscored("ssim.pair")]
        similarity = ssim_map(candidate.image_a, image_b)
        whole = float(similarity.mean(dtype=np.float64))
        inside = float(similarity[mask].mean(dtype=np.float64)) if mask.any() else 1.0
        return [
            verdict(
                "ssim.pair", whole, self.min_pair,
                whole >= self.min_pair, Reason.PAIR_TOO_DIFFERENT,
            ),
            verdict(
                "ssim.edit", inside, self.max_edit,
                inside <= self.max_edit, Reason.PAIR_TOO_SIMILAR,
            ),
        ]  # fmt: skip
