"""Faces in a photograph, by the cascade that ships inside scikit-image: people are left as they are."""

import functools
from typing import Any

from counterfactory.records import Mask, Pixels

MIN_SIDE = 24  # the cascade's own window


def face_mask(pixels: Pixels) -> Mask:
    """Return where faces seen from the front may be; some boxes are false alarms."""
    import numpy as np

    height, width = pixels.shape[:2]
    found = np.zeros((height, width), np.bool_)
    if min(height, width) <= MIN_SIDE:
        return found
    boxes = _cascade().detect_multi_scale(
        img=pixels, scale_factor=1.2, step_ratio=1, min_size=(MIN_SIDE, MIN_SIDE),
        max_size=(height, width),
    )  # fmt: skip
    for box in boxes:
        top, left, side = box["r"], box["c"], box["width"]
        found[top : top + box["height"], left : left + side] = True
    return found


@functools.cache
def _cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())
