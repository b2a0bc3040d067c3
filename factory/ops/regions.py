"""Regions of a photograph that stand out, found from its colours alone.

    regions(pixels) -> [Region(mask, score=0.71, box), ...]   best first, few overlaps

Felzenszwalb segments of a small copy are merged greedily, nearest colours first. Every segment that
the merging passes through is judged: its size, its solidity, whether it leaves the picture's frame
free, how much it contrasts with the ring around it and how even it is inside. A chosen region is
refined by GrabCut at full size.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from counterfactory.factory.ops.masks import Floats, bounds, disc, grown, smooth, to_lab
from counterfactory.records import Mask, Pixels

WORK_SIDE = 256  # the longest side of the copy that is segmented
MIN_SHARE, MAX_SHARE = 0.0015, 0.25  # of the picture
MIN_SHAPE = 0.45  # solidity times the root of roundness: a disc has 1, a thin strip 0.3
MIN_CONTRAST = 10.0  # colour distance in LAB between a region and the ring around it
MIN_CRISP, EDGE_STEP = 0.7, 7.0  # share of the outline with a step in colour of EDGE_STEP
MAX_OVERLAP = 0.35  # intersection over the smaller of two regions

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Region:
    """A region that stands out, at the working size."""

    mask: Mask
    score: float  # 0..1
    share: float  # of the picture's pixels
    contrast: float  # LAB distance to the ring around it
    calm: float  # 0..1: how even the ring is, so how well the region can be painted over


def regions(pixels: Pixels, limit: int = 24) -> list[Region]:
    """Return the regions that stand out, best first, at most `limit`."""
    small = small_copy(pixels)
    lab = to_lab(small)
    nodes = _merge_tree(_segments(small), lab)
    found = [region for node in nodes if (region := _judge(node, lab)) is not None]
    found.sort(key=lambda region: -region.score)
    kept: list[Region] = []
    for region in found:
        if all(_overlap(region.mask, other.mask) <= MAX_OVERLAP for other in kept):
            kept.append(region)
        if len(kept) == limit:
            break
    return kept


def small_copy(pixels: Pixels) -> Pixels:
    """Return the picture at the working size."""
    import cv2

    height, width = pixels.shape[:2]
    scale = min(1.0, WORK_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small: Pixels = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
    return small


def _segments(small: Pixels) -> Labels:
    from skimage.segmentation import felzenszwalb

    labels: Labels = felzenszwalb(small, scale=40, sigma=0.7, min_size=20).astype(np.int32)
    return labels


def _merge_tree(labels: Labels, lab: Floats) -> list[Mask]:
    """Return the mask of every segment and of every union on the way to one segment."""
    count = int(labels.max()) + 1
    flat = labels.ravel()
    area = np.bincount(flat, minlength=count).astype(np.float64)
    sums = np.stack(
        [np.bincount(flat, lab[..., c].ravel().astype(np.float64), count) for c in range(3)], 1
    )
    links = _neighbours(labels)
    members: dict[int, list[int]] = {node: [node] for node in range(count)}
    areas, totals = dict(enumerate(area)), dict(enumerate(sums))

    def distance(a: int, b: int) -> float:
        gap = float(np.linalg.norm(totals[a] / areas[a] - totals[b] / areas[b]))
        return gap * min(1.0, 0.3 + math.sqrt(min(areas[a], areas[b]) / labels.size * 60))

    heap = [(distance(a, b), a, b) for a in links for b in links[a] if a < b]
    heapq.heapify(heap)
    alive, history, following = set(range(count)), list(members.values()), count
    while heap:
        _, a, b = heapq.heappop(heap)
        if a not in alive or b not in alive:
            continue
        alive -= {a, b}
        new, following = following, following + 1
        members[new] = members[a] + members[b]
        areas[new], totals[new] = areas[a] + areas[b], totals[a] + totals[b]
        if areas[new] <= MAX_SHARE * labels.size:
            history.append(members[new])
        links[new] = {other for other in links[a] | links[b] if other in alive}
        alive.add(new)
        for other in sorted(links[new]):
            links[other].add(new)
            heapq.heappush(heap, (distance(other, new), other, new))
    least = MIN_SHARE * labels.size
    large = [nodes for nodes in history if area[nodes].sum() >= least]
    lookup = np.zeros((len(large), count), np.bool_)
    for row, nodes in enumerate(large):
        lookup[row, nodes] = True
    return [row[labels] for row in lookup]


def _neighbours(labels: Labels) -> dict[int, set[int]]:
    pairs = np.concatenate(
        [
            np.stack([labels[:, :-1].ravel(), labels[:, 1:].ravel()], 1),
            np.stack([labels[:-1].ravel(), labels[1:].ravel()], 1),
        ]
    )
    links: dict[int, set[int]] = {node: set() for node in range(int(labels.max()) + 1)}
    for a, b in np.unique(pairs[pairs[:, 0] != pairs[:, 1]], axis=0).tolist():
        links[a].add(b)
        links[b].add(a)
    return links


def _judge(mask: Mask, lab: Floats) -> Region | None:
    """Return the region with its score, or None when it does not stand out."""
    share = float(mask.mean())
    if not MIN_SHARE <= share <= MAX_SHARE or _touches_frame(mask):
        return None
    top, left, bottom, right = bounds(mask, 2 + round(0.3 * float(np.sqrt(mask.sum()))))
    part = lab[top:bottom, left:right]
    inside = smooth(mask[top:bottom, left:right])
    shape = _shape(inside, mask[top:bottom, left:right])
    if shape < MIN_SHAPE:
        return None
    colours = _colours(inside, part)
    if colours is None:
        return None
    contrast, crisp, even, calm = colours
    if contrast < MIN_CONTRAST or crisp < MIN_CRISP:
        return None
    whole = np.zeros_like(mask)
    whole[top:bottom, left:right] = inside
    share = float(whole.mean())
    size = min(1.0, (share / 0.02) ** 0.4)
    score = min(1.0, contrast / 40) * crisp**2 * shape * (0.4 + 0.6 * even) * (0.5 + 0.5 * calm)
    return Region(whole, score * size, share, contrast, calm)


def _shape(inside: Mask, before: Mask) -> float:
    """Return 0..1: how compact a smoothed mask is, 0 when smoothing made another one of it."""
    import cv2

    outlines, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    area, around = cv2.contourArea(outlines[0]), cv2.arcLength(outlines[0], True)
    solidity = area / max(cv2.contourArea(cv2.convexHull(outlines[0])), 1.0)
    roundness = min(1.0, 4 * np.pi * area / max(around, 1.0) ** 2)
    agreement = float((before & inside).sum()) / float((before | inside).sum())
    return 0.0 if agreement < 0.6 else float(solidity * roundness**0.5)


def _colours(inside: Mask, lab: Floats) -> tuple[float, float, float, float] | None:
    """Return contrast to the ring around, how crisp the edge is, how even region and ring are."""
    import cv2

    reach = max(2, round(0.25 * float(np.sqrt(inside.sum()))))
    core = cv2.erode(inside.astype(np.uint8), disc(1), borderValue=0) > 0
    ring = grown(inside, reach) & ~grown(inside, 1)
    if not core.any() or not ring.any():
        return None
    ours, theirs = lab[core], lab[ring]
    contrast = float(np.linalg.norm(np.median(ours, 0) - np.median(theirs, 0)))
    near, far = _local_mean(lab, inside), _local_mean(lab, ~inside)
    edge = inside & ~core
    crisp = float((np.linalg.norm(near[edge] - far[edge], axis=1) > EDGE_STEP).mean())
    even, calm = (1 / (1 + float(part.std(0).sum()) / 25) for part in (ours, theirs))
    return contrast, crisp, even, calm


def _local_mean(lab: Floats, where: Mask) -> Floats:
    """Return at each pixel the mean colour of those pixels of `where` that are near."""
    import cv2

    weight = where.astype(np.float32)
    total = cv2.blur(lab * weight[..., None], (5, 5))
    return np.asarray(total / np.maximum(cv2.blur(weight, (5, 5)), 1e-6)[..., None], np.float32)


def _touches_frame(mask: Mask) -> bool:
    edge = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    return bool(edge.any())


def _overlap(a: Mask, b: Mask) -> float:
    return float((a & b).sum()) / max(1.0, min(float(a.sum()), float(b.sum())))
