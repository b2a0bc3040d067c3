"""Keep an edit only if it changed its region and nothing else.

    {check: locality, max_outside: 0.02}   ->   locality.outside 0.000 <= 0.02, locality.inside 0.41 >= 0.05

Asked to recolour the left mug: inside the mask 41 % of the pixels moved, outside 0.0 %: passed. A
second seed also moved the table (outside 9 %): rejected, "outside_changed".
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, unscored, verdict
from counterfactory.factory.checks.measures import changed
from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Reason, Verdict


class Locality(Check):
    """Shares of changed pixels outside and inside the mask."""

    name: ClassVar[str] = "locality"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b", "mask")
    version: ClassVar[int] = 1

    check: Literal["locality"] = "locality"
    tolerance: int = Field(
        default=8, ge=0, le=255, description="a channel that moved by no more is unchanged"
    )
    max_outside: float = Field(
        default=0.02, ge=0, le=1, description="most share of pixels outside the mask that moved"
    )
    min_inside: float = Field(
        default=0.05, ge=0, le=1, description="least share of pixels inside the mask that moved"
    )

    def setup(self, context: Context) -> Judge:
        """Return the function that judges."""

        def judge(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            return [self._judged(candidate) for candidate in batch]

        return judge

    def _judged(self, candidate: Candidate) -> list[Verdict]:
        mask, image_b = candidate.mask, candidate.image_b
        if mask is None or image_b is None or image_b.shape != candidate.image_a.shape:
            return [unscored("locality.outside")]
        moved = changed(candidate.image_a, image_b, self.tolerance)
        outside = float(moved[~mask].mean()) if not mask.all() else 0.0
        inside = float(moved[mask].mean()) if mask.any() else 0.0
        return [
            verdict(
                "locality.outside", outside, self.max_outside,
                outside <= self.max_outside, Reason.OUTSIDE_CHANGED,
            ),
            verdict(
                "locality.inside", inside, self.min_inside,
                inside >= self.min_inside, Reason.NOTHING_CHANGED,
            ),
        ]  # fmt: skip
