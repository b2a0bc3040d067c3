"""Where things are, in words and in boxes: free places, halves, corners.

    >>> region_name((0.05, 0.1, 0.25, 0.3)), at((0.05, 0.1, 0.25, 0.3))
    ('the top left', 'at the top left')
    >>> half((0.6, 0.1, 0.8, 0.3), "x")
    'right'

All boxes are x0, y0, x1, y1 in 0..1 of the picture's width and height.
"""

import random
from collections.abc import Sequence

import numpy as np

from counterfactory.records import Box

CLEAR = 0.11  # centres that differ less are neither left nor right of one another
HALF_CLEAR = 0.04  # a centre nearer to the middle line is in neither half
ROWS = ("top", "", "bottom")
COLUMNS = ("left", "", "right")


def centre(box: Box) -> tuple[float, float]:
    """Return the middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def region_name(box: Box) -> str:
    """Return the ninth of the picture that holds the box's middle: "the top left", "the right", "the middle"."""
    x, y = centre(box)
    words = (ROWS[min(2, int(y * 3))], COLUMNS[min(2, int(x * 3))])
    return f"the {' '.join(word for word in words if word) or 'middle'}"


def at(box: Box) -> str:
    """Return the same with its preposition: "at the top left", "on the right", "in the middle"."""
    name = region_name(box)
    return (
        f"{'at' if name.split()[1] in ROWS else 'in' if name.endswith('middle') else 'on'} {name}"
    )


def half(box: Box, axis: str) -> str:
    """Return left or right ("x"), top or bottom ("y"); empty when the middle line is too near."""
    position = centre(box)["xy".index(axis)]
    if abs(position - 0.5) < HALF_CLEAR:
        return ""
    names = {"x": ("left", "right"), "y": ("top", "bottom")}[axis]
    return names[position > 0.5]


def relations(one: Box, other: Box) -> tuple[str, ...]:
    """Return every relation that clearly holds from `one` to `other`: "left of", "above" ..."""
    (ax, ay), (bx, by) = centre(one), centre(other)
    found = []
    if abs(ax - bx) >= CLEAR:
        found.append("left of" if ax < bx else "right of")
    if abs(ay - by) >= CLEAR:
        found.append("above" if ay < by else "below")
    return tuple(found)


def square(box: Box, pad: float, aspect: float, side: float = 0.0) -> Box:
    """Return the square (in pixels) around a box's middle, padded, cut at the picture's edge.

    `pad` and `side` are shares of the width; `aspect` is width over height. `side` is the least
    side before padding.
    """
    x, y = centre(box)
    reach = max(box[2] - box[0], (box[3] - box[1]) / aspect, side) / 2 + pad
    return (
        max(0.0, x - reach), max(0.0, y - reach * aspect),
        min(1.0, x + reach), min(1.0, y + reach * aspect),
    )  # fmt: skip


def offset(old: Box, new: Box, width: int, height: int) -> tuple[int, int]:
    """Return by how many whole pixels, right and down, a thing moves when its box moves from old to new."""
    return round((new[0] - old[0]) * width), round((new[1] - old[1]) * height)


def overlap(one: Box, other: Box) -> bool:
    """Whether two boxes share any area."""
    return min(one[2], other[2]) > max(one[0], other[0]) and min(one[3], other[3]) > max(
        one[1], other[1]
    )


def grow(box: Box, gap: float) -> Box:
    """Return the box with a margin on every side."""
    return (box[0] - gap, box[1] - gap, box[2] + gap, box[3] + gap)


def free_boxes(
    taken: Sequence[Box], width: float, height: float, *, gap: float, edge: float, steps: int = 14
) -> list[Box]:
    """Return boxes of this size on a grid that stay `gap` away from all taken ones and `edge`
    inside the picture."""
    if width > 1 - 2 * edge or height > 1 - 2 * edge:
        return []
    share = np.arange(steps) / (steps - 1)
    ys, xs = np.meshgrid(
        edge + (1 - 2 * edge - height) * share,
        edge + (1 - 2 * edge - width) * share,
        indexing="ij",
    )
    free = np.ones(xs.shape, dtype=np.bool_)
    for x0, y0, x1, y1 in (grow(box, gap) for box in taken):
        free &= (xs >= x1) | (xs + width <= x0) | (ys >= y1) | (ys + height <= y0)
    found = zip(xs[free].tolist(), ys[free].tolist(), strict=True)
    return [(x, y, x + width, y + height) for x, y in found]


def pick_free(
    rng: random.Random,
    taken: Sequence[Box],
    width: float,
    height: float,
    *,
    gap: float,
    edge: float,
) -> Box | None:
    """Return one free box, drawn with `rng`; None when the picture is full."""
    found = free_boxes(taken, width, height, gap=gap, edge=edge)
    return rng.choice(found) if found else None
