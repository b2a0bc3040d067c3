"""Masks and colours of photographs: cut out along edges, smooth, grow, measure.

mask = refine(pixels, rough)     # a rough mask of any size, moved to the edges in the picture
box_of(mask)                     # (0.12, 0.40, 0.31, 0.66)
"""

import numpy as np
import numpy.typing as npt

from counterfactory.records import Box, Mask, Pixels

Floats = npt.NDArray[np.float32]


def refine(pixels: Pixels, region: Mask) -> Mask:
    """Return a working-size region at the size of `pixels`, its edge moved to the picture's edges."""
    import cv2

    height, width = pixels.shape[:2]
    soft = cv2.resize(region.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    rough = soft > 0.5
    cut = cut_out(pixels, rough, band=max(3, round(0.012 * max(height, width))))
    return smooth(cut if overlap_union(cut, rough) >= 0.6 else rough)


def cut_out(pixels: Pixels, rough: Mask, band: int) -> Mask:
    """Return `rough` with the belt of `band` pixels on both sides of its edge decided by GrabCut."""
    import cv2

    top, left, bottom, right = bounds(rough, margin=4 * band)
    crop = np.ascontiguousarray(pixels[top:bottom, left:right])
    inside = rough[top:bottom, left:right].astype(np.uint8)
    kernel = disc(band)
    core, hull = cv2.erode(inside, kernel, borderValue=0), cv2.dilate(inside, kernel)
    if not core.any() or hull.all():
        return rough
    trimap = np.where(inside > 0, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    trimap[core > 0], trimap[hull == 0] = cv2.GC_FGD, cv2.GC_BGD
    cv2.setRNGSeed(0)  # GrabCut starts from k-means
    back, front = np.zeros((1, 65)), np.zeros((1, 65))  # the two colour models, made in place
    cv2.grabCut(crop, trimap, None, back, front, 2, cv2.GC_INIT_WITH_MASK)
    done = np.zeros_like(rough)
    done[top:bottom, left:right] = (trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)
    return done


def smooth(mask: Mask) -> Mask:
    """Return the largest piece of a mask without holes and frayed edges."""
    import cv2

    side = max(1, round(0.04 * float(np.sqrt(mask.sum()))))
    grey = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, disc(side))
    grey = grey if grey.any() else mask.astype(np.uint8)
    outlines, _ = cv2.findContours(grey, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return mask
    filled = np.zeros(mask.shape, np.uint8)
    cv2.drawContours(filled, [max(outlines, key=cv2.contourArea)], -1, 1, cv2.FILLED)
    return filled > 0


def to_lab(pixels: Pixels) -> Floats:
    """Return the picture in CIELAB: L in 0..100, a and b around 0."""
    import cv2

    lab: Floats = cv2.cvtColor(pixels.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2LAB)
    return lab


def from_lab(lab: Floats) -> Pixels:
    """Return a CIELAB picture as pixels; colours that a screen does not have are clipped."""
    import cv2

    rgb = cv2.cvtColor(np.ascontiguousarray(lab, np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.clip(np.rint(rgb * 255), 0, 255), np.uint8)


def feather(mask: Mask, width: float = 1.5) -> Floats:
    """Return 0 outside the mask, rising to 1 within a few pixels inside it."""
    import cv2

    padded = np.pad(mask, 1).astype(np.uint8)  # the picture's frame is no edge of the mask
    padded[[0, -1]], padded[:, [0, -1]] = padded[[1, -2]], padded[:, [1, -2]]
    depth = cv2.distanceTransform(padded, cv2.DIST_L2, 3)[1:-1, 1:-1]
    return np.asarray(np.clip(depth / (2 * width), 0, 1), np.float32)


def disc(radius: int) -> npt.NDArray[np.uint8]:
    """Return a round structuring element."""
    import cv2

    kernel: npt.NDArray[np.uint8] = cv2.getStructuringElement(
        cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)
    )
    return kernel


def grown(mask: Mask, radius: int) -> Mask:
    """Return the mask, grown by `radius` pixels."""
    import cv2

    return np.asarray(cv2.dilate(mask.astype(np.uint8), disc(radius)) > 0)


def bounds(mask: Mask, margin: int = 0) -> tuple[int, int, int, int]:
    """Return top, left, bottom, right of the mask's pixels, grown by `margin` within the picture."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    height, width = mask.shape
    return (
        max(0, int(rows[0]) - margin),
        max(0, int(columns[0]) - margin),
        min(height, int(rows[-1]) + 1 + margin),
        min(width, int(columns[-1]) + 1 + margin),
    )


def box_of(mask: Mask) -> Box:
    """Return the box around a mask, in 0..1."""
    top, left, bottom, right = bounds(mask)
    height, width = mask.shape
    return left / width, top / height, right / width, bottom / height


def inner_point(mask: Mask) -> tuple[float, float]:
    """Return x and y, in 0..1, of a point that lies well inside the mask."""
    import cv2

    deep = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    row, column = np.unravel_index(int(deep.argmax()), deep.shape)
    return (int(column) + 0.5) / mask.shape[1], (int(row) + 0.5) / mask.shape[0]


def overlap_union(a: Mask, b: Mask) -> float:
    """Return intersection over union."""
    return float((a & b).sum()) / max(1.0, float((a | b).sum()))
