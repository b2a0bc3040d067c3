"""The change map of two pictures and how well boxes fit it.

changed = change_map(a, b, threshold=24)         # bool, height x width, cleaned of specks
parts(changed)                                   # boxes of its connected parts, near ones merged
fit(changed, parts(changed), box)                # 1.0 for a box that holds a changed region and nothing else
"""

from collections.abc import Sequence

import numpy as np

from counterfactory.factory.ops.places import grow, overlap
from counterfactory.records import Box, Mask, Pixels

NEAR = 0.02  # parts nearer than this, share of the picture's side, are one
SPECK = 0.0008  # parts smaller than this share of the picture are noise


def change_map(one: Pixels, other: Pixels, threshold: int) -> Mask:
    """Return where any channel changed by at least `threshold`, without specks of single pixels."""
    import cv2

    distance = np.abs(one.astype(np.int16) - other.astype(np.int16)).max(axis=2)
    raw = (distance >= threshold).astype(np.uint8)
    kernel = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.morphologyEx(raw, cv2.MORPH_OPEN, kernel), dtype=np.bool_)


def parts(changed: Mask) -> list[Box]:
    """Return the boxes of connected changed parts, largest first; parts near one another are merged."""
    import cv2

    height, width = changed.shape
    _, _, stats, _ = cv2.connectedComponentsWithStats(changed.astype(np.uint8), connectivity=8)
    boxes: list[Box] = [
        (float(x / width), float(y / height), float((x + w) / width), float((y + h) / height))
        for x, y, w, h, size in stats[1:].tolist()
        if size >= SPECK * changed.size
    ]
    merged = _merge(boxes)
    return sorted(merged, key=lambda box: (-area(box), box))


def _merge(boxes: Sequence[Box]) -> list[Box]:
    """Join boxes that nearly touch until none do."""
    found: list[Box] = []
    for box in boxes:
        near = [other for other in found if overlap(grow(box, NEAR), other)]
        while near:
            found = [other for other in found if other not in near]
            for other in near:
                box = (
                    min(box[0], other[0]), min(box[1], other[1]),
                    max(box[2], other[2]), max(box[3], other[3]),
                )  # fmt: skip
            near = [other for other in found if overlap(grow(box, NEAR), other)]
        found.append(box)
    return found


def points(changed: Mask, count: int) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
    """Return points (N, 2), x before y, spread over each changed part: the deepest pixels, apart."""
    import cv2

    found: list[tuple[float, float]] = []
    number, labels = cv2.connectedComponents(changed.astype(np.uint8), connectivity=8)
    for label in range(1, number):
        part = labels == label
        if part.sum() < SPECK * changed.size:
            continue
        depth = cv2.distanceTransform(np.pad(part.astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
        for _ in range(count):
            row, column = np.unravel_index(int(depth.argmax()), depth.shape)
            radius = float(depth[row, column])
            if radius <= 0:
                break
            found.append((float(column) + 0.5, float(row) + 0.5))
            rows, columns = np.ogrid[: depth.shape[0], : depth.shape[1]]
            depth[(rows - row) ** 2 + (columns - column) ** 2 <= (1.5 * radius + 2) ** 2] = 0
    return np.array(found, np.float64).reshape(-1, 2)


def share(changed: Mask, box: Box) -> float:
    """Return the share of a box that changed."""
    inside = _inside(changed, box)
    return float(inside.mean()) if inside.size else 0.0


def fit(changed: Mask, regions: Sequence[Box], box: Box) -> float:
    """Return the F1 of a box with the changed part it touches most: how much of it changed, how
    much of it is held."""
    touched = max((region for region in regions), key=lambda region: _shared(box, region))
    whole = float(_inside(changed, touched).sum())
    held = float(_inside(changed, box).sum())
    size = area(box) * changed.size
    return 2 * min(held, whole) / (size + whole) if size + whole else 0.0


def area(box: Box) -> float:
    """Return the share of the picture that a box covers."""
    return max(0.0, box[2] - box[0]) * max(0.0, box[3] - box[1])


def within(box: Box, other: Box) -> bool:
    """Whether nearly all of a box lies in another one: it would tell nothing new."""
    return _shared(box, other) >= 0.8 * area(box)


def _shared(one: Box, other: Box) -> float:
    return area(
        (max(one[0], other[0]), max(one[1], other[1]), min(one[2], other[2]), min(one[3], other[3]))
    )


def _inside(changed: Mask, box: Box) -> Mask:
    height, width = changed.shape
    return changed[
        round(box[1] * height) : round(box[3] * height),
        round(box[0] * width) : round(box[2] * width),
    ]
