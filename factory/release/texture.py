"""The fine texture of the flat parts of a region: what an edit tool leaves behind.

    texture(image, box) -> 36 numbers, or None where the region has no flat part

Edges are left out on purpose: a removed object leaves a plain background, and that is content, not
a trace of the tool. Looked at is what remains when a 3 x 3 mean is taken away from brightness and
from two colour differences: how strong it is, and how alike in neighbouring pixels.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from counterfactory.records import Pixels

Features = npt.NDArray[np.float32]
Plane = npt.NDArray[np.float32]

MIN_SIDE, MIN_FLAT = 8, 24  # pixels
FLAT = 4.0  # largest step of a smoothed plane, of 255
_EDGES = np.array([0, 0.12, 0.3, 0.6, 1, 1.5, 2, 3, 4.5, 7, 12, 1e9], np.float32)


def texture(image: Pixels, box: Sequence[float]) -> Features | None:
    """Return the texture of one region."""
    height, width = image.shape[:2]
    left, right = round(box[0] * width), round(box[2] * width)
    top, bottom = round(box[1] * height), round(box[3] * height)
    crop = image[max(0, top) : bottom, max(0, left) : right].astype(np.float32)
    if min(crop.shape[:2]) < MIN_SIDE:
        return None
    red, green, blue = crop[..., 0], crop[..., 1], crop[..., 2]
    planes = (0.299 * red + 0.587 * green + 0.114 * blue, red - green, blue - green)
    flat = _flat(planes[0]) & _flat(planes[1]) & _flat(planes[2])
    if flat.sum() < MIN_FLAT:
        return None
    return np.concatenate([_plane(plane, flat) for plane in planes]).astype(np.float32)


def _plane(plane: Plane, flat: npt.NDArray[np.bool_]) -> Features:
    """Return a histogram of the residual's size, and how alike neighbours are."""
    residual = plane[1:-1, 1:-1] - _mean3(plane)
    values = np.abs(residual[flat])
    counts, _ = np.histogram(values, bins=_EDGES)
    power = float((residual**2)[flat].mean()) + 0.01  # what rounding leaves must not count
    alike = residual[:, 1:] * residual[:, :-1]
    both = flat[:, 1:] & flat[:, :-1]
    neighbour = float(alike[both].mean()) / power if both.any() else 0.0
    return np.array([*(counts / len(values)), neighbour], np.float32)


def _flat(plane: Plane) -> npt.NDArray[np.bool_]:
    """Return where the smoothed plane changes little, for all but the outermost pixels."""
    smooth = np.pad(_mean3(plane), 1, mode="edge")
    down = np.abs(smooth[2:, 1:-1] - smooth[:-2, 1:-1])
    across = np.abs(smooth[1:-1, 2:] - smooth[1:-1, :-2])
    return np.asarray(np.maximum(down, across) < FLAT)


def _mean3(plane: Plane) -> Plane:
    """Return the 3 x 3 mean of every pixel that has all its neighbours."""
    rows = plane[:-2] + plane[1:-1] + plane[2:]
    return np.asarray((rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / 9, np.float32)
