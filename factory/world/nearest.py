"""The nearest-rendering oracle: what stands at a place, found by drawing everything that could
stand there.

    look(image, scene_without_target, x=60, y=44, size="large")
        -> Look(kind="moon", colour="blue", distance=7.1, shift=(0, 1))      kind "" means: nothing stands there

Every kind in every colour, and nothing, is rendered on the true ground at that place and size,
moved by up to two pixels; the nearest rendering (root mean square over the bounding square and a
margin, 0..255) is the answer. It counts only when it is nearer than MAX_DISTANCE: farther away, the
region shows nothing that the world knows.
"""

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from counterfactory.factory.world.render import ground, paste, sprite
from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, SIZES, Scene
from counterfactory.records import Pixels

# root mean square, 0..255: a typical distance between two kinds of one colour is 25 to 60
MAX_DISTANCE = 22.0
MARGIN = 3  # pixels around the bounding square that are compared, too
SHIFT = 2  # pixels by which a thing may stand beside its place

Floats = npt.NDArray[np.float32]


class Look(NamedTuple):
    kind: str  # "" when nothing stands there
    colour: str
    distance: float  # root mean square to the nearest rendering
    shift: tuple[int, int]

    @property
    def sure(self) -> bool:
        """Whether the region is near enough to a rendering to say anything."""
        return self.distance <= MAX_DISTANCE

    def shows(self, kind: str, colour: str) -> bool:
        """Whether this kind in this colour stands there; kind "" asks for nothing."""
        return self.sure and (self.kind, self.colour) == (kind, colour)


@cache
def _sprites(size: str) -> tuple[Floats, Floats, list[tuple[str, str]]]:
    """Return premultiplied colours (84, s, s, 3), coverages (84, s, s, 1) and their names."""
    names = [(kind, colour) for kind in KINDS for colour in COLOURS]
    pictures = [sprite(kind, colour, size) for kind, colour in names]
    return np.stack([p.colour for p in pictures]), np.stack([p.cover for p in pictures]), names


def without(scene: Scene, index: int) -> Scene:
    """Return the scene with one thing taken out."""
    things = (*scene.things[:index], *scene.things[index + 1 :])
    return Scene(things, scene.ground, scene.texture, scene.texture_seed)


def look(image: Pixels, rest: Scene, *, x: int, y: int, size: str) -> Look:
    """Say what stands at a place. `rest` is the scene without the thing in question."""
    under = ground(rest.ground, rest.texture, rest.texture_seed).copy()
    for thing in rest.things:
        paste(under, thing)
    half = SIZES[size] // 2
    reach = half + MARGIN
    x0, y0 = max(x - reach, 0), max(y - reach, 0)
    x1, y1 = min(x + reach, SIDE), min(y + reach, SIDE)
    seen = image[y0:y1, x0:x1].astype(np.float32)
    base = under[y0:y1, x0:x1].astype(np.float32)
    colours, covers, names = _sprites(size)
    shifts, errors = [], []
    for dy, dx in product(range(-SHIFT, SHIFT + 1), repeat=2):
        left, top = x - half + dx - x0, y - half + dy - y0
        if left < 0 or top < 0 or left + 2 * half > x1 - x0 or top + 2 * half > y1 - y0:
            continue
        window = np.s_[top : top + 2 * half, left : left + 2 * half]
        drawn = base[window] * (1 - covers) + colours
        outside = np.square(seen - base).sum() - np.square(seen[window] - base[window]).sum()
        shifts.append((dx, dy, window))
        errors.append(np.square(drawn - seen[window]).sum((1, 2, 3)) + outside)
    best = Look("", "", _rms(_smooth((base - seen)[None]))[0], (0, 0))
    if not shifts:
        return best
    chosen = np.stack(errors).argmin(0)  # each rendering at the shift that suits it
    drawn = np.repeat(base[None], len(names), 0)
    for i, at in enumerate(chosen):
        window = shifts[at][2]
        drawn[i][window] = base[window] * (1 - covers[i]) + colours[i]
    distances = _rms(_smooth(drawn - seen))
    i = int(np.argmin(distances))
    if distances[i] < best.distance:
        dx, dy, _ = shifts[chosen[i]]
        best = Look(*names[i], distances[i], (dx, dy))
    return best


def _smooth(errors: Floats) -> Floats:
    """Return differences (N, h, w, 3) smoothed by a 3 x 3 binomial, so that half a pixel of edge weighs little."""
    padded = np.pad(errors, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    return np.asarray((rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16, np.float32)


def _rms(errors: Floats) -> list[float]:
    return [float(value) for value in np.sqrt(np.square(errors).mean((1, 2, 3)))]
