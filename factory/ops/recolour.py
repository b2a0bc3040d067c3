"""Give a region another colour and keep its shading, its highlights and its texture.

    recoloured(pixels, target, allowed, paint("#2858d0"))     a red saucer -> a blue saucer

Lightness is mapped so that black stays black, the region's middle becomes the paint's lightness and
white stays white. Along the edge, a pixel changes by as much as it belongs to the region, so no
fringe of the old colour is left.
"""

import numpy as np

from counterfactory.factory.ops.masks import Floats, bounds, disc, from_lab, grown, to_lab
from counterfactory.records import Mask, Pixels

MAX_GAIN = 3.0  # of dark contrast: a black region has noise that must not become a pattern
COLOURFUL = 14.0  # median chroma above which the region's own chroma decides where the paint is
EDGE = 2  # pixels on both sides of the outline whose share of the region is measured


def recoloured(pixels: Pixels, target: Mask, allowed: Mask, paint: Floats) -> Pixels:
    """Return the picture with the target painted; pixels outside `allowed` are the same."""
    top, left, bottom, right = bounds(target | allowed, 2 * EDGE + 3)
    part, inside = pixels[top:bottom, left:right], target[top:bottom, left:right]
    lab = to_lab(part)
    core = _eroded(inside, EDGE)
    core = core if core.any() else inside
    share, flat = _membership(lab, inside, core)
    own = np.where(core[..., None], lab, flat)
    middle = np.median(lab[core], 0)
    change = _painted(own, middle, paint) - own
    mixed = from_lab(lab + share[..., None] * change)
    result = pixels.copy()
    where = allowed[top:bottom, left:right] & (share > 0)
    result[top:bottom, left:right][where] = mixed[where]
    return result


def _painted(lab: Floats, middle: Floats, paint: Floats) -> Floats:
    """Return colours as they would be if `middle` were `paint`."""
    light, chroma = lab[..., 0], np.hypot(lab[..., 1], lab[..., 2])
    below = min(MAX_GAIN, float(paint[0]) / max(float(middle[0]), 1.0))
    above = (100 - float(paint[0])) / max(100 - float(middle[0]), 1.0)
    gap = light - middle[0]
    new = np.clip(paint[0] + np.where(gap < 0, below, min(MAX_GAIN, above)) * gap, 0, 100)
    usual = float(np.hypot(middle[1], middle[2]))
    if usual > COLOURFUL:
        strength = np.clip(chroma / usual, 0, 1.25)
    else:
        strength = np.where(
            new < paint[0],
            new / max(float(paint[0]), 1.0),
            (100 - new) / max(100 - float(paint[0]), 1.0),
        )
    return np.stack([new, strength * paint[1], strength * paint[2]], -1).astype(np.float32)


def _membership(lab: Floats, inside: Mask, core: Mask) -> tuple[Floats, Floats]:
    """Return how much of each pixel belongs to the region, and the region's colour nearby."""
    outside = ~grown(inside, EDGE)
    ours, theirs = _nearby(lab, core), _nearby(lab, outside)
    line = ours - theirs
    length = np.square(line).sum(-1)
    share = ((lab - theirs) * line).sum(-1) / np.maximum(length, 1e-6)
    # where the two are too alike to tell, the mask decides
    share = np.where(length > 64, np.clip(share, 0, 1), inside)
    share[core], share[outside] = 1, 0
    return share.astype(np.float32), ours


def _nearby(lab: Floats, where: Mask) -> Floats:
    """Return at each pixel the mean colour of the nearest pixels of `where`."""
    import cv2

    size = 4 * EDGE + 3
    weight = where.astype(np.float32)
    near = cv2.GaussianBlur(weight, (size, size), EDGE)
    total = cv2.GaussianBlur(lab * weight[..., None], (size, size), EDGE)
    mean = lab[where].mean(0) if where.any() else lab.mean((0, 1))
    enough = (near > 1e-3)[..., None]
    found = np.where(enough, total / np.maximum(near, 1e-3)[..., None], mean)
    return np.asarray(found, np.float32)


def _eroded(mask: Mask, radius: int) -> Mask:
    import cv2

    return np.asarray(cv2.erode(mask.astype(np.uint8), disc(radius), borderValue=1) > 0)
