"""Crops around masks: cut out, scale to a model's size, scale back, paste inside the mask and
nowhere else.

    box = crop_box(mask, padding=8)                  # (40, 22, 94, 76): square, padded, inside the image
    small = cut(image, box, 64)                      # 64 x 64 x 3
    paste(image, repainted, mask, box)               # pixels outside the mask stay bit for bit

The crop is the one of diffusers' `padding_mask_crop`, which takes one image a call; done here, a
whole batch of crops goes through the pipeline at once.
"""

import numpy as np

from counterfactory.records import Mask, Pixels

Square = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels, ends excluded


def crop_box(mask: Mask, padding: int) -> Square:
    """Return the square crop around a mask's true pixels, padded, moved inside the image where it
    can be.

    A mask wider than the image is high gives a rectangle: the crop never leaves the image.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    height, width = mask.shape
    x0, x1 = int(columns[0]) - padding, int(columns[-1]) + 1 + padding
    y0, y1 = int(rows[0]) - padding, int(rows[-1]) + 1 + padding
    side = max(x1 - x0, y1 - y0)
    wide, high = min(side, width), min(side, height)
    x0 = min(max((x0 + x1 - wide) // 2, 0), width - wide)
    y0 = min(max((y0 + y1 - high) // 2, 0), height - high)
    return x0, y0, x0 + wide, y0 + high


def resize(pixels: Pixels, width: int, height: int) -> Pixels:
    """Return the picture at another size: area average when it shrinks, Lanczos when it grows."""
    import cv2

    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = pixels.shape[0] * pixels.shape[1] > width * height
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=method), dtype=np.uint8)


def cut(image: Pixels, box: Square, size: int) -> Pixels:
    """Return the crop at size x size."""
    x0, y0, x1, y1 = box
    return resize(np.ascontiguousarray(image[y0:y1, x0:x1]), size, size)


def cut_mask(mask: Mask, box: Square, size: int) -> Mask:
    """Return the mask's crop at size x size."""
    import cv2

    x0, y0, x1, y1 = box
    part = mask[y0:y1, x0:x1].astype(np.uint8)
    scaled = cv2.resize(part, (size, size), interpolation=cv2.INTER_NEAREST)
    return np.asarray(scaled, dtype=np.bool_)


def paste(image: Pixels, patch: Pixels, mask: Mask, box: Square, *, feather: int = 0) -> Pixels:
    """Return `image` with `patch` inside the mask.

    `feather` mixes that many rows of pixels at the mask's inner edge.
    """
    x0, y0, x1, y1 = box
    part, under = mask[y0:y1, x0:x1], image[y0:y1, x0:x1]
    over = resize(patch, x1 - x0, y1 - y0).astype(np.float32)
    share = _share(mask, feather)[y0:y1, x0:x1, None]
    mixed = np.rint(under * (1 - share) + over * share).astype(np.uint8)
    result = image.copy()
    result[y0:y1, x0:x1] = np.where(part[..., None], mixed, under)
    return result


def _share(mask: Mask, feather: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    """Return how much of the patch each pixel takes: 1 inside, falling in equal steps towards the
    edge, 0 outside."""
    share = mask.astype(np.float32)
    if feather > 0:
        import cv2

        # the image's own border is no edge: nothing lies beyond it that could be seen
        padded = np.pad(mask.astype(np.uint8), 1, mode="edge")
        depth = cv2.distanceTransform(padded, cv2.DIST_C, 3)[1:-1, 1:-1]
        share *= np.minimum(depth / (feather + 1), 1.0).astype(np.float32)
    return share
