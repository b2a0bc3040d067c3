"""Where in a photograph a moved, copied or resized region can go.

    find(pixels, target, "move", rng)  ->  a box like the target's own, on ground like that around the target

A place is good when it is even and has the colour of the target's surroundings. It must lie in
another ninth of the picture than the target, so that words can tell the two apart.
"""

import random

import numpy as np

from counterfactory.factory.ops import places
from counterfactory.factory.ops.colours import name_lab
from counterfactory.factory.ops.masks import Floats, bounds, box_of, grown, inner_point, to_lab
from counterfactory.factory.ops.places import region_name
from counterfactory.factory.ops.regions import small_copy
from counterfactory.records import Box, Mask, Pixels

STEPS = 24  # places tried along each side
EDGE = 0.02  # kept free at the frame
MAX_COST = 18.0  # LAB distance to the ground around the target, plus unevenness
MAX_SAME = 0.2  # of the new place that may have the region's colour before it comes
BEST = 5  # among which the seed draws
FACTORS = (0.6, 1.6)  # a resized region shrinks or grows to


def find(pixels: Pixels, target: Mask, kind: str, rng: random.Random) -> Box | None:
    """Return the box that the region shall have afterwards, or None when there is no room."""
    if kind == "resize":
        return _resized(target, rng)
    import cv2

    small = small_copy(pixels)
    shape = cv2.resize(target.astype(np.float32), small.shape[1::-1], interpolation=cv2.INTER_AREA)
    region = shape > 0.5
    if not region.any():
        return None
    old, point = box_of(target), inner_point(target)
    cost, same = _ground_cost(small, region)
    found = []
    room = places.free_boxes(
        [places.grow(old, 0.02)], old[2] - old[0], old[3] - old[1], gap=0, edge=EDGE, steps=STEPS
    )
    for box in room:
        new = point[0] + box[0] - old[0], point[1] + box[1] - old[1]
        x, y = places.centre(box)
        row, column = int(y * region.shape[0]), int(x * region.shape[1])
        apart = region_name((*new, *new)) != region_name((*point, *point))
        if apart and cost[row, column] <= MAX_COST and same[row, column] < MAX_SAME:
            found.append((float(cost[row, column]), box))
    return rng.choice(sorted(found)[:BEST])[1] if found else None


def _ground_cost(small: Pixels, region: Mask) -> tuple[Floats, Floats]:
    """Return, for a box of the region's size at each place, how far the ground there is from that
    around the region, and the share of it that has the region's own colour word."""
    import cv2

    lab = to_lab(small)
    top, left, bottom, right = bounds(region)
    size = (right - left, bottom - top)
    names = name_lab(lab)
    own = (names == np.bincount(names[region]).argmax()).astype(np.float32)
    mean, square, same = (
        cv2.blur(part, size, borderType=cv2.BORDER_REFLECT) for part in (lab, np.square(lab), own)
    )
    uneven = np.sqrt(np.maximum(square - np.square(mean), 0).sum(-1))
    cost = np.linalg.norm(mean - _ground(lab, region), axis=-1) + uneven
    return np.asarray(cost, np.float32), np.asarray(same, np.float32)


def place_mask(target: Mask, box: Box, margin: int = 2) -> Mask:
    """Return the pixels that the target covers once it is scaled into `box`, and a margin."""
    import cv2

    height, width = target.shape
    top, left, bottom, right = bounds(target)
    x, y = round(box[0] * width), round(box[1] * height)
    size = (max(1, round(box[2] * width) - x), max(1, round(box[3] * height) - y))
    shape = target[top:bottom, left:right].astype(np.uint8)
    shape = cv2.resize(shape, size, interpolation=cv2.INTER_NEAREST)
    x, y = min(max(x, 0), width - size[0]), min(max(y, 0), height - size[1])
    place = np.zeros_like(target)
    place[y : y + size[1], x : x + size[0]] = shape > 0
    return grown(place, margin) if margin else place


def _resized(target: Mask, rng: random.Random) -> Box | None:
    """Return the target's box, scaled about its foot: things stand on something."""
    x0, y0, x1, y1 = box_of(target)
    factors = list(FACTORS)
    rng.shuffle(factors)
    for factor in factors:
        wide, high = (x1 - x0) * factor, (y1 - y0) * factor
        x = (x0 + x1) / 2
        box = (x - wide / 2, y1 - high, x + wide / 2, y1)
        if box[0] >= EDGE and box[1] >= EDGE and box[2] <= 1 - EDGE and box[3] <= 1:
            return box
    return None


def _ground(lab: Floats, target: Mask) -> Floats:
    """Return the colour around the target."""
    reach = max(4, round(0.2 * float(np.sqrt(target.sum()))))
    ring = grown(target, reach) & ~grown(target, 3)
    return np.asarray(np.median(lab[ring] if ring.any() else lab.reshape(-1, 3), 0), np.float32)
