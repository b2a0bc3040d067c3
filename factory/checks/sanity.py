"""Pictures that are pictures: not blank, not dark, of one size, and not blacked out where the edit
was made.

    {check: sanity}   ->   sanity.size, sanity.contrast 41.2 >= 4, sanity.brightness 96 >= 6, sanity.blackout 0 <= 0.5

Diffusion pipelines give black squares when a step overflows or a safety filter strikes: `blackout`
is the share of the mask's pixels that were not black and are now.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, verdict
from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Mask, Pixels, Reason, Verdict

BLACK = 3  # the brightest channel of a pixel that counts as black


class Sanity(Check):
    """Size, contrast and brightness of both pictures; blackout of the edited place."""

    name: ClassVar[str] = "sanity"
    reads: ClassVar[tuple[str, ...]] = ("image_a",)
    version: ClassVar[int] = 1

    check: Literal["sanity"] = "sanity"
    min_side: int = Field(default=32, ge=1, description="least side in pixels")
    min_contrast: float = Field(
        default=4.0, ge=0, description="least standard deviation of the grey levels, 0..255"
    )
    min_brightness: float = Field(default=6.0, ge=0, description="least mean grey level, 0..255")
    max_blackout: float = Field(
        default=0.5, ge=0, le=1, description="most share of the mask that turned black"
    )

    def setup(self, context: Context) -> Judge:
        """Return the function that judges."""

        def judge(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            return [self._judged(candidate) for candidate in batch]

        return judge

    def _judged(self, candidate: Candidate) -> list[Verdict]:
        pictures = [candidate.image_a]
        if candidate.image_b is not None:
            pictures.append(candidate.image_b)
            if candidate.image_b.shape != candidate.image_a.shape:
                return [verdict("sanity.size", 0.0, 1.0, False, Reason.PAIR_TOO_DIFFERENT)]
        side = min(min(picture.shape[:2]) for picture in pictures)
        contrast = min(float(_grey(picture).std()) for picture in pictures)
        brightness = min(float(_grey(picture).mean()) for picture in pictures)
        verdicts = [
            verdict(
                "sanity.size", side, self.min_side,
                side >= self.min_side, Reason.IMAGE_TOO_SMALL,
            ),
            verdict(
                "sanity.contrast", contrast, self.min_contrast,
                contrast >= self.min_contrast, Reason.IMAGE_BLANK,
            ),
            verdict(
                "sanity.brightness", brightness, self.min_brightness,
                brightness >= self.min_brightness, Reason.IMAGE_BLANK,
            ),
        ]  # fmt: skip
        if candidate.image_b is not None and candidate.mask is not None and candidate.mask.any():
            share = _blackout(candidate.image_a, candidate.image_b, candidate.mask)
            fine = share <= self.max_blackout
            verdicts.append(
                verdict("sanity.blackout", share, self.max_blackout, fine, Reason.IMAGE_BLANK)
            )
        return verdicts


def _blackout(image_a: Pixels, image_b: Pixels, mask: Mask) -> float:
    import cv2

    black_a, black_b = (image.max(axis=2) <= BLACK for image in (image_a, image_b))
    ring = (cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0) & ~mask
    usual = float(black_a[ring].mean()) if ring.any() else 0.0  # a thing on black leaves black
    return max(0.0, float((black_b & ~black_a)[mask].mean()) - usual)


def _grey(pixels: Pixels) -> "np.ndarray[tuple[int, ...], np.dtype[np.float32]]":
    return np.asarray(pixels.astype(np.float32).mean(axis=2))
