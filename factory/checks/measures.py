"""Measures on two pictures of one size that checks share."""

import numpy as np
import numpy.typing as npt

from counterfactory.records import Mask, Pixels


def changed(one: Pixels, other: Pixels, tolerance: int) -> Mask:
    """Return which pixels have a channel that moved by more than `tolerance`."""
    gap = np.abs(one.astype(np.int16) - other.astype(np.int16)).max(axis=2)
    return np.asarray(gap > tolerance, np.bool_)


def ssim_map(one: Pixels, other: Pixels) -> npt.NDArray[np.float32]:
    """Return the structural similarity at each pixel, mean of the channels (Wang et al. 2004)."""
    import cv2

    a, b = one.astype(np.float32), other.astype(np.float32)

    def smooth(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        done: npt.NDArray[np.float32] = cv2.GaussianBlur(values, (11, 11), 1.5)
        return done

    mean_a, mean_b = smooth(a), smooth(b)
    var_a = smooth(a * a) - mean_a * mean_a
    var_b = smooth(b * b) - mean_b * mean_b
    both = smooth(a * b) - mean_a * mean_b
    c1, c2 = np.float32((0.01 * 255) ** 2), np.float32((0.03 * 255) ** 2)
    top = (2 * mean_a * mean_b + c1) * (2 * both + c2)
    bottom = (mean_a * mean_a + mean_b * mean_b + c1) * (var_a + var_b + c2)
    return np.asarray((top / bottom).mean(axis=2), np.float32)
