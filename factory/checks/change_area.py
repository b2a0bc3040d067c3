"""The share of the picture that changed, within a band: not a speck, not the whole picture.

{check: change_area, least: 0.001, most: 0.35}   ->   change_area.least 0.021 >= 0.001, ...
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, unscored, verdict
from counterfactory.factory.checks.measures import changed
from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Reason, Verdict


class ChangeArea(Check):
    """The share of all pixels that moved."""

    name: ClassVar[str] = "change_area"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b")
    version: ClassVar[int] = 1

    check: Literal["change_area"] = "change_area"
    tolerance: int = Field(
        default=24, ge=0, le=255, description="a channel that moved by no more is unchanged"
    )
    least: float = Field(default=0.001, ge=0, le=1, description="least share of all pixels")
    most: float = Field(default=0.35, ge=0, le=1, description="most share of all pixels")

    def setup(self, context: Context) -> Judge:
        """Return the function that judges."""

        def judge(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            return [self._judged(candidate) for candidate in batch]

        return judge

    def _judged(self, candidate: Candidate) -> list[Verdict]:
        image_b = candidate.image_b
        if image_b is None or image_b.shape != candidate.image_a.shape:
            return [unscored("change_area.least")]
        share = float(changed(candidate.image_a, image_b, self.tolerance).mean())
        return [
            verdict(
                "change_area.least", share, self.least,
                share >= self.least, Reason.NOTHING_CHANGED,
            ),
            verdict(
                "change_area.most", share, self.most,
                share <= self.most, Reason.PAIR_TOO_DIFFERENT,
            ),
        ]  # fmt: skip
