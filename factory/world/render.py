"""Scene -> picture and exact masks. Sprites are drawn once at eight times their size and cached.

    pixels = render(scene)            # uint8, 128 x 128 x 3
    masks = thing_masks(scene)        # one bool 128 x 128 per thing, in the order of scene.things

A thing is a flat fill with a darker rim. Things never overlap, so a mask is simply where the sprite
covers more than half.
"""

import math
from collections.abc import Callable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from counterfactory.factory.world.scene import SIDE, SIZES, Scene, Thing
from counterfactory.records import Mask, Pixels

Floats = npt.NDArray[np.float32]

FILL = {
    "red": (214, 44, 40), "green": (46, 158, 66), "blue": (40, 88, 208), "yellow": (246, 206, 44),
    "white": (250, 250, 250), "brown": (122, 72, 36), "purple": (146, 58, 184),
}  # fmt: skip
GROUND = {
    "grey": (150, 154, 160), "sky": (170, 204, 230), "sand": (224, 206, 170),
    "slate": (84, 94, 110), "rose": (226, 188, 196), "mint": (180, 214, 198),
}  # fmt: skip
RIM = 0.55  # the rim's brightness, relative to the fill
SUPERSAMPLING = 8


class Sprite(NamedTuple):
    colour: Floats  # side x side x 3, premultiplied by coverage
    cover: Floats  # side x side x 1, 0..1


def _star(points: int, inner: float, turn: float = -math.pi / 2) -> list[tuple[float, float]]:
    return [
        (r * math.cos(turn + math.pi * i / points), r * math.sin(turn + math.pi * i / points))
        for i in range(2 * points)
        for r in [1.0 if i % 2 == 0 else inner]
    ]


def _curve(function, steps: int = 90) -> list[tuple[float, float]]:  # type: ignore[no-untyped-def]
    return [function(2 * math.pi * i / steps) for i in range(steps)]


def _heart(t: float) -> tuple[float, float]:
    y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
    return math.sin(t) ** 3, -(y + 2.5) / 15


def _drop(t: float) -> tuple[float, float]:
    return 0.72 * math.sin(t) * math.sin(t / 2) ** 1.5, -math.cos(t)


def _leaf() -> list[tuple[float, float]]:
    side = [(math.sin(math.pi * i / 30) * 0.52, 1 - 2 * i / 30) for i in range(31)]
    lens = side + [(-x, y) for x, y in reversed(side)]
    turn = math.sqrt(0.5)
    return [((x + y) * turn * 1.2, (x - y) * turn * 1.2) for x, y in lens]


def _rectangle(width: float, height: float) -> list[tuple[float, float]]:
    return [(-width, -height), (width, -height), (width, height), (-width, height)]


def _circle(radius: float, x: float = 0.0, y: float = 0.0) -> list[tuple[float, float]]:
    return _curve(lambda t: (x + radius * math.cos(t), y + radius * math.sin(t)))


CROSS = [
    (-.34, -1), (.34, -1), (.34, -.34), (1, -.34), (1, .34), (.34, .34),
    (.34, 1), (-.34, 1), (-.34, .34), (-1, .34), (-1, -.34), (-.34, -.34),
]  # fmt: skip

# kind -> (outline, holes); unit square -1..1, y downwards
SHAPES: dict[str, tuple[list[tuple[float, float]], list[list[tuple[float, float]]]]] = {
    "sun": (_star(9, 0.62), []),
    "leaf": (_leaf(), []),
    "heart": (_curve(_heart), []),
    "drop": (_curve(_drop), []),
    "moon": (_circle(0.98), [_circle(0.82, 0.5, -0.22)]),
    "brick": (_rectangle(1, 0.52), []),
    "ball": (_circle(0.95), []),
    "box": (_rectangle(0.86, 0.86), []),
    "triangle": ([(0, -0.95), (1, 0.85), (-1, 0.85)], []),
    "star": (_star(5, 0.42), []),
    "cross": (CROSS, []),
    "ring": (_circle(0.98), [_circle(0.5)]),
}


def _draw(kind: str, side: int, shrink: float) -> Image.Image:
    """Draw a kind's outline as a mask at SUPERSAMPLING times its size."""
    big = side * SUPERSAMPLING
    image = Image.new("L", (big, big), 0)
    pen = ImageDraw.Draw(image)

    def place(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [(big / 2 + x * shrink * big / 2, big / 2 + y * shrink * big / 2) for x, y in points]

    outline, holes = SHAPES[kind]
    pen.polygon(place(outline), fill=255)
    for hole in holes:
        pen.polygon(place(hole), fill=0)
    return image


def _erode(mask: Image.Image, pixels: int) -> npt.NDArray[np.bool_]:
    """Shrink a mask by `pixels` in every direction (a disc), to find the inside of the rim."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return np.asarray(cv2.erode(np.asarray(mask), disc)) > 127


@cache
def sprite(kind: str, colour: str, size: str) -> Sprite:
    """Return the picture of one thing: premultiplied colour and coverage, both in 0..255 and 0..1."""
    side = SIZES[size]
    whole = _draw(kind, side, 0.94)
    inside = _erode(whole, round(1.3 * SUPERSAMPLING))
    cover = np.asarray(whole, np.float32) / 255
    shade = np.where(inside, 1.0, RIM).astype(np.float32)

    def shrink(values: npt.NDArray[Any]) -> Floats:
        blocks = values.reshape(side, SUPERSAMPLING, side, SUPERSAMPLING)
        return np.asarray(blocks.mean((1, 3), dtype=np.float32))

    fill = np.asarray(FILL[colour], np.float32)
    return Sprite(shrink(cover * shade)[..., None] * fill, shrink(cover)[..., None])


@lru_cache(512)
def ground(name: str, texture: str, seed: int) -> Pixels:
    """Return an empty scene's picture: one tone, or two close tones in a pattern."""
    base = np.asarray(GROUND[name], np.float32)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    rng = np.random.default_rng(seed)
    period, phase = 8 + seed % 9, seed % 7
    patterns: dict[str, Callable[[], npt.NDArray[Any]]] = {
        "plain": lambda: np.zeros((SIDE, SIDE)),
        "stripes": lambda: np.sign(np.sin(2 * np.pi * (x + (seed % 3) * y + phase) / period)),
        "checks": lambda: np.sign(np.sin(np.pi * (x + phase) / period) * np.sin(np.pi * (y + phase) / period)),
        "dots": lambda: np.where(
            ((x + phase) % period - period / 2) ** 2 + ((y + phase) % period - period / 2) ** 2 < 5, 1, -0.3
        ),
        "gradient": lambda: (x * np.cos(seed) + y * np.sin(seed)) / SIDE * 1.6,
        "noise": lambda: rng.normal(0, 0.8, (SIDE, SIDE)),
    }  # fmt: skip
    tone = np.asarray(patterns[texture](), np.float32)[..., None]
    return np.asarray(np.clip(base + 11 * tone, 0, 255).round(), np.uint8)


def paste(canvas: Pixels, thing: Thing) -> None:
    """Draw one thing onto the canvas, in place."""
    picture = sprite(thing.kind, thing.colour, thing.size)
    x0, y0, x1, y1 = thing.square
    under = canvas[y0:y1, x0:x1]
    canvas[y0:y1, x0:x1] = (under * (1 - picture.cover) + picture.colour + 0.5).astype(np.uint8)


def render(scene: Scene) -> Pixels:
    """Return the scene's picture, uint8 SIDE x SIDE x 3."""
    canvas = ground(scene.ground, scene.texture, scene.texture_seed).copy()
    for thing in scene.things:
        paste(canvas, thing)
    return canvas


@cache
def _silhouette(kind: str, size: str) -> Mask:
    return sprite(kind, "white", size).cover[..., 0] > 0.5


def thing_mask(thing: Thing) -> Mask:
    """Return the thing's own pixels, bool SIDE x SIDE."""
    mask = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = thing.square
    mask[y0:y1, x0:x1] = _silhouette(thing.kind, thing.size)
    return mask


def thing_masks(scene: Scene) -> list[Mask]:
    """Return every thing's own pixels, in the order of scene.things."""
    return [thing_mask(thing) for thing in scene.things]


@cache
def silhouette_box(kind: str, size: str) -> tuple[int, int, int, int]:
    """Return the tight box x0, y0, x1, y1 (ends excluded) of a kind inside its bounding square."""
    ys, xs = np.where(_silhouette(kind, size))
    return int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1


def thing_box(thing: Thing) -> tuple[int, int, int, int]:
    """Return the tight box of a thing in pixels, ends excluded."""
    x0, y0, _, _ = thing.square
    a, b, c, d = silhouette_box(thing.kind, thing.size)
    return x0 + a, y0 + b, x0 + c, y0 + d
