"""What stands behind a removed thing: classical fills of a hole in a photograph.

    fill(pixels, hole, "clone")    the best-fitting piece of the surroundings, drawn to its colours
    fill(pixels, hole, "telea")    OpenCV inpainting; "ns": the same by Navier-Stokes

Inpainting by diffusion of the rim smears any hole wider than a few pixels. A piece of the same
picture has its texture and its noise, so `clone` looks for the shift at which the ring around the
hole fits best. Where the ground is plain it needs no piece, and a smooth continuation with grain
cannot bring in a thing from elsewhere.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from counterfactory.factory.ops.masks import Floats, bounds, feather, from_lab, grown, to_lab
from counterfactory.records import Mask, Pixels

Method = Literal["clone", "telea", "ns"]

MAX_PATTERN = 72  # pixels: larger holes are matched on a smaller copy
INSIDE_WEIGHT = 0.35  # of the hole's own guess (a smear) beside its ring, when shifts are compared
FOREIGN_WEIGHT, GUESS_WEIGHT = 60.0, 0.6
PLAIN, BESIDE = 8.5, 5  # ground as even as this, that many pixels around, is continued smoothly
TRIES = 5  # shifts that are tried out, best match first
REACH = 3.0  # how far to look, in sizes of the hole


@dataclass(frozen=True, slots=True)
class Filled:
    """A filled picture, and how well the fill goes with what is around it."""

    pixels: Pixels
    misfit: float
    """Root mean square distance in LAB between the piece and the place on the ring around the hole,
    and, weighted, the share of filled pixels whose colour is not found on that ring and the
    distance to what inpainting guesses there."""


def fill(pixels: Pixels, hole: Mask, method: Method = "clone") -> Filled:
    """Return the picture with the hole filled; pixels outside it are the same."""
    import cv2

    if method == "clone" and (uneven := _unevenness(pixels, hole)) <= PLAIN:
        return Filled(_plain(pixels, hole), uneven)
    flag = cv2.INPAINT_NS if method == "ns" else cv2.INPAINT_TELEA
    smeared = _inpainted(pixels, hole, flag)
    shifts = best_shifts(pixels, smeared, hole) if method == "clone" else []
    if not shifts:
        return Filled(smeared, _unevenness(pixels, hole))
    fills = (blended(pixels, smeared, np.roll(pixels, shift, (0, 1)), hole) for shift in shifts)
    return min(fills, key=lambda one: one.misfit)


def best_shifts(pixels: Pixels, smeared: Pixels, hole: Mask) -> list[tuple[int, int]]:
    """Return up to TRIES shifts (down, right) of the picture that bring a fitting piece into the hole."""
    import cv2

    ring = ring_size(hole)
    top, left, bottom, right = bounds(hole, ring)
    t, l, b, r = bounds(hole, round(REACH * float(np.sqrt(hole.sum()))) + ring)  # noqa: E741
    scale = min(1.0, MAX_PATTERN / max(bottom - top, right - left))

    def scaled(part: npt.NDArray[Any]) -> Floats:
        height, width = part.shape[:2]
        new = (max(1, round(width * scale)), max(1, round(height * scale)))
        done: Floats = cv2.resize(part.astype(np.float32), new, interpolation=cv2.INTER_AREA)
        return done

    where = hole[top:bottom, left:right]
    weight = scaled(np.where(where, INSIDE_WEIGHT, 1.0) * grown(where, ring))
    window, pattern = scaled(pixels[t:b, l:r]), scaled(smeared[top:bottom, left:right])
    if pattern.shape[0] > window.shape[0] or pattern.shape[1] > window.shape[1]:
        return []
    cost = cv2.matchTemplate(window, pattern, cv2.TM_SQDIFF, mask=cv2.merge([weight] * 3))
    overlap = cv2.matchTemplate(scaled(hole[t:b, l:r]), scaled(where), cv2.TM_CCORR)
    cost[(overlap > 0.5) | ~np.isfinite(cost)] = np.inf
    found = []
    apart = max(2, min(pattern.shape[:2]) // 4)
    for _ in range(TRIES):
        y, x = (int(place) for place in np.unravel_index(int(cost.argmin()), cost.shape))
        if not np.isfinite(cost[y, x]):
            break
        shift = _kept_inside(top - t - round(y / scale), left - l - round(x / scale), hole)
        found += [shift] if shift is not None else []
        cost[max(0, y - apart) : y + apart + 1, max(0, x - apart) : x + apart + 1] = np.inf
    return found


def blended(pixels: Pixels, smeared: Pixels, source: Pixels, hole: Mask) -> Filled:
    """Return the picture with `source` in the hole, its colours drawn to those around the hole."""
    ring = ring_size(hole)
    top, left, bottom, right = bounds(hole, ring + 2)
    where = hole[top:bottom, left:right]
    ours, theirs = to_lab(pixels[top:bottom, left:right]), to_lab(source[top:bottom, left:right])
    band = grown(where, ring) & ~where
    gap = ours - theirs
    spread = np.float32(1.5) * np.abs(gap[band] - np.median(gap[band], 0)).mean(0)
    calm = np.clip(gap, np.median(gap[band], 0) - spread, np.median(gap[band], 0) + spread)
    drawn = theirs + spread_inward(calm, band)
    weight = feather(where)[..., None]
    mixed = from_lab(ours * (1 - weight) + drawn * weight)
    result = pixels.copy()
    result[top:bottom, left:right][where] = mixed[where]
    residue = float(np.sqrt(np.square(gap[band] - np.median(gap[band], 0)).sum(1).mean()))
    around = pixels[top:bottom, left:right][band]
    guess = to_lab(smeared[top:bottom, left:right])
    strange = float(np.linalg.norm((drawn - guess)[where], axis=1).mean())
    misfit = residue + FOREIGN_WEIGHT * _foreign(mixed[where], around) + GUESS_WEIGHT * strange
    return Filled(result, misfit)


def spread_inward(values: Floats, known: Mask) -> Floats:
    """Return `values` where known, elsewhere a smooth continuation (pull-push over a pyramid)."""
    import cv2

    weight = known.astype(np.float32)[..., None]
    total = values * weight
    levels = [(total, weight)]
    while min(total.shape[:2]) > 1:
        size = ((total.shape[1] + 1) // 2, (total.shape[0] + 1) // 2)
        total = cv2.resize(total, size, interpolation=cv2.INTER_AREA)
        weight = cv2.resize(weight, size, interpolation=cv2.INTER_AREA)[..., None]
        levels.append((total, weight))
    smooth_below = levels[-1][0] / np.maximum(levels[-1][1], 1e-6)
    for total, weight in reversed(levels[:-1]):
        size = (total.shape[1], total.shape[0])
        coarse = cv2.resize(smooth_below, size, interpolation=cv2.INTER_LINEAR)
        coarse = cv2.GaussianBlur(coarse, (5, 5), 0)
        sure = np.minimum(1.0, weight)
        smooth_below = sure * (total / np.maximum(weight, 1e-6)) + (1 - sure) * coarse
    return np.asarray(smooth_below, np.float32)


def ring_size(hole: Mask) -> int:
    """Return how wide the ring around a hole is that a fill must fit."""
    return max(4, round(0.3 * float(np.sqrt(hole.sum()))))


def _foreign(inside: Pixels, around: Pixels) -> float:
    """Return which share of the pixels inside has a colour that is not found around."""
    import cv2

    table = np.zeros((18, 18, 18), np.uint8)
    table[tuple((around // 16 + 1).T)] = 1
    kernel = np.ones((3, 3), np.uint8)
    near = cv2.dilate(table.reshape(18, -1), np.ones((3, 1), np.uint8)).reshape(18, 18, 18)
    near = np.stack([cv2.dilate(np.ascontiguousarray(plane), kernel) for plane in near])
    return float(1 - near[tuple((inside // 16 + 1).T)].mean())


def _unevenness(pixels: Pixels, hole: Mask) -> float:
    """Return the spread in LAB of the pixels right beside the hole."""
    top, left, bottom, right = bounds(hole, BESIDE)
    where = hole[top:bottom, left:right]
    around = to_lab(pixels[top:bottom, left:right])[grown(where, BESIDE) & ~where]
    return float(np.sqrt(np.square(around - np.median(around, 0)).sum(1).mean()))


def _plain(pixels: Pixels, hole: Mask) -> Pixels:
    """Return the hole filled by a smooth continuation of plain ground, with the ground's grain."""
    import cv2

    top, left, bottom, right = bounds(hole, 2 * BESIDE)
    where = hole[top:bottom, left:right]
    lab = to_lab(pixels[top:bottom, left:right])
    band = grown(where, BESIDE) & ~where
    ground = spread_inward(np.where(band[..., None], lab, np.float32(0)), band)
    residue = (lab - cv2.GaussianBlur(lab, (0, 0), 2))[band]
    grain = np.random.default_rng(0).standard_normal(where.shape).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (3, 3), 0.6)
    spread = np.float32(1.5 * np.median(np.abs(residue[:, 0])) / max(float(grain.std()), 1e-6))
    ground[..., 0] += spread * grain
    weight = feather(where, 1.0)[..., None]
    result = pixels.copy()
    result[top:bottom, left:right][where] = from_lab(lab * (1 - weight) + ground * weight)[where]
    return result


def _inpainted(pixels: Pixels, hole: Mask, flag: int) -> Pixels:
    import cv2

    top, left, bottom, right = bounds(hole, 12)
    part = np.ascontiguousarray(pixels[top:bottom, left:right])
    where = hole[top:bottom, left:right]
    done = cv2.inpaint(part, where.astype(np.uint8), 4, flag)
    result = pixels.copy()
    result[top:bottom, left:right][where] = done[where]
    return result


def _kept_inside(down: int, across: int, hole: Mask) -> tuple[int, int] | None:
    """Return the shift if the piece that it brings lies inside the picture and outside the hole."""
    top, left, bottom, right = bounds(hole)
    height, width = hole.shape
    down = min(max(down, bottom - height), top)
    across = min(max(across, right - width), left)
    moved = np.roll(hole, (down, across), (0, 1))
    return None if bool((moved & hole).any()) else (down, across)
