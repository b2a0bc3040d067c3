"""What the pocket CLIP learns from: scenes with captions and near misses, crops with short phrases.

    scene   "a red star above a blue ring."    not "a red star above a green ring."
    crop    "a small red star"                 not any other colour and kind
    crop    "plain background"                 where nothing stands

Only biased scenes of split `train` are drawn. Of those, scenes that hold an unusual colour are kept
more often than they occur (`RARE` of the draws), and near misses are drawn so that a usual colour is
no clue to which text is true.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from counterfactory.factory.world.language import caption_of
from counterfactory.factory.world.render import render, thing_box, thing_mask
from counterfactory.factory.world.scene import (
    COLOURS,
    KINDS,
    SIDE,
    SIZES,
    USUAL,
    Scene,
    Thing,
    free_place,
    scene_at,
)
from counterfactory.records import Pixels

RARE = 0.6  # share of scenes with at least one unusual colour (6 % by nature)
PAIRS = [(colour, kind) for kind in KINDS for colour in COLOURS]
EMPTY = ("plain background", "nothing", "empty background", "background", "a plain background")
PHRASES = (
    "{c} {k}", "a {c} {k}", "a {s} {c} {k}", "{s} {c} {k}", "A {c} {k}.", "a picture of a {c} {k}",
    "There is a {c} {k}.", "A {s} {c} {k}.", "The picture shows a {c} {k}.",
    "An image with a {c} {k}.",
)  # fmt: skip
KIND_PHRASES = ("{k}", "a {k}", "a picture of a {k}", "There is a {k}.")
COLOUR_PHRASES = ("{c}", "something {c}", "a {c} thing", "a {c} object")


@dataclass(frozen=True, slots=True)
class View:
    """A picture with the label of every pixel: 0 for ground, else 1 + index into `things`."""

    pixels: Pixels
    labels: np.ndarray  # uint8, same height and width
    things: tuple[Thing, ...]


def draw_scene(rng: np.random.Generator, seed: int) -> Scene:
    """Draw a biased scene; in `RARE` of cases one that holds an unusual colour."""
    rare = rng.random() < RARE
    while True:
        scene = scene_at("biased", "train", seed, int(rng.integers(0, 2**40)))
        if scene.things and (not rare or any(t.usual is False for t in scene.things)):
            return scene


def view(scene: Scene) -> View:
    """Return the scene's picture and pixel labels."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for index, thing in enumerate(scene.things):
        labels[thing_mask(thing)] = index + 1
    return View(render(scene), labels, scene.things)


def _cut(whole: View, x0: int, y0: int, side: int) -> View:
    window = np.s_[y0 : y0 + side, x0 : x0 + side]
    method = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)[(x0 + y0 + side) % 3]
    pixels = cv2.resize(whole.pixels[window], (SIDE, SIDE), interpolation=method)
    labels = cv2.resize(whole.labels[window], (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return View(pixels, labels, whole.things)


def thing_crop(whole: View, rng: np.random.Generator) -> tuple[View, Thing]:
    """Cut a square around a thing, unusual ones first: one to three times its size."""
    things = whole.things
    weights = np.array([1.0 if t.usual is False else 0.15 for t in things])
    thing = things[int(rng.choice(len(things), p=weights / weights.sum()))]
    x0, y0, x1, y1 = thing_box(thing)
    size = max(x1 - x0, y1 - y0)
    side = min(
        SIDE, round(size * float(rng.choice([rng.uniform(1.0, 1.6), rng.uniform(1.3, 3.0)])))
    )
    slack = 0.5 * (side - size) * 0.6
    left = round((x0 + x1 - side) / 2 + rng.uniform(-slack, slack))
    top = round((y0 + y1 - side) / 2 + rng.uniform(-slack, slack))
    return _cut(whole, min(max(left, 0), SIDE - side), min(max(top, 0), SIDE - side), side), thing


def empty_crop(whole: View, rng: np.random.Generator) -> View | None:
    """Cut a square with (almost) nothing in it, or None where there is no room."""
    for _ in range(12):
        side = int(rng.integers(22, 72))
        x0, y0 = (int(rng.integers(0, SIDE - side + 1)) for _ in range(2))
        middle = whole.labels[
            y0 + side // 5 : y0 + side - side // 5, x0 + side // 5 : x0 + side - side // 5
        ]
        inside = whole.labels[y0 : y0 + side, x0 : x0 + side]
        if not middle.any() and (inside > 0).mean() < 0.08:
            return _cut(whole, x0, y0, side)
    return None


# --- near misses: the caption of a scene that differs in one thing, told in the same words ---


def _other(values: Sequence[str], rng: random.Random, *, but: str) -> str:
    return rng.choice([value for value in values if value != but])


def _recolour(things: list[Thing], rng: random.Random) -> list[Thing]:
    """Change one colour; unusual things more often, and often to usual: no clue in the words."""
    weights = [0.3 if t.usual else 1.0 for t in things]
    i = rng.choices(range(len(things)), weights)[0]
    thing = things[i]
    if thing.usual is False and rng.random() < 0.5:
        colour = USUAL[thing.kind]
    else:
        colour = _other(COLOURS, rng, but=thing.colour)
    return [*things[:i], replace(thing, colour=colour), *things[i + 1 :]]


def _rekind(things: list[Thing], rng: random.Random) -> list[Thing]:
    i = rng.randrange(len(things))
    kind = _other(KINDS, rng, but=things[i].kind)
    return [*things[:i], replace(things[i], kind=kind), *things[i + 1 :]]


def _resize(things: list[Thing], rng: random.Random) -> list[Thing]:
    i = rng.randrange(len(things))
    size = _other(tuple(SIZES), rng, but=things[i].size)
    return [*things[:i], replace(things[i], size=size), *things[i + 1 :]]


def _exchange(things: list[Thing], rng: random.Random) -> list[Thing]:
    """Exchange the places, or the colours, of two things."""
    if len(things) < 2:
        return _recolour(things, rng)
    i, j = rng.sample(range(len(things)), 2)
    a, b = things[i], things[j]
    changed = list(things)
    if rng.random() < 0.5 and a.kind != b.kind:
        changed[i], changed[j] = replace(a, colour=b.colour), replace(b, colour=a.colour)
    else:
        changed[i], changed[j] = replace(a, x=b.x, y=b.y), replace(b, x=a.x, y=a.y)
    return changed


def _move(things: list[Thing], rng: random.Random) -> list[Thing]:
    i = rng.randrange(len(things))
    taken = [(t.x, t.y, SIZES[t.size]) for n, t in enumerate(things) if n != i]
    place = free_place(rng, taken, things[i].size)
    if not place:
        return _rekind(things, rng)
    return [*things[:i], replace(things[i], x=place[0], y=place[1]), *things[i + 1 :]]


def _add_or_drop(things: list[Thing], rng: random.Random) -> list[Thing]:
    if len(things) > 1 and (rng.random() < 0.5 or len(things) > 3):
        i = rng.randrange(len(things))
        return [*things[:i], *things[i + 1 :]]
    taken = [(t.x, t.y, SIZES[t.size]) for t in things]
    kind, size = rng.choice(KINDS), rng.choice(tuple(SIZES))
    colour = USUAL.get(kind, "") if rng.random() < 0.5 else ""
    place = free_place(rng, taken, size)
    if not place:
        return _rekind(things, rng)
    return [*things, Thing(kind, colour or rng.choice(COLOURS), size, *place)]


CHANGES = {
    "colour": _recolour, "kind": _rekind, "size": _resize, "exchange": _exchange, "place": _move,
    "number": _add_or_drop,
}  # fmt: skip
SHARES = {"colour": 5, "kind": 4, "size": 1, "exchange": 2, "place": 1, "number": 1.5}


def change(things: Sequence[Thing], rng: random.Random) -> list[Thing]:
    """Return the things with one change."""
    name = rng.choices(list(SHARES), list(SHARES.values()))[0]
    return CHANGES[name](list(things), rng)


def texts_of(scene: Scene, rng: random.Random, misses: int) -> tuple[str, list[str]]:
    """Return a true caption and near misses (one may come out equal: the caller ignores it)."""
    wording = rng.random()
    true = caption_of(scene.things, random.Random(wording), ground=scene.ground)
    wrong = [
        caption_of(change(scene.things, rng), random.Random(wording), ground=scene.ground)
        for _ in range(misses)
    ]
    return true, wrong


def bank(rng: random.Random) -> tuple[list[str], list[str], list[str]]:
    """Return phrases for every (colour, kind), every kind, every colour; each ends with nothing."""

    def of(templates: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
        template = rng.choice(templates)
        texts = [template.format(c=c, k=k, s=rng.choice(tuple(SIZES))) for c, k in pairs]
        return [*texts, rng.choice(EMPTY)]

    return (
        of(PHRASES, PAIRS),
        of(KIND_PHRASES, [("", kind) for kind in KINDS]),
        of(COLOUR_PHRASES, [(colour, "") for colour in COLOURS]),
    )


def contents(things: Sequence[Thing]) -> np.ndarray:
    """Return how often each (colour, kind) occurs."""
    counts = np.zeros(len(PAIRS), np.float32)
    for thing in things:
        counts[PAIRS.index((thing.colour, thing.kind))] += 1
    return counts


def patch_labels(one: View, grid: int) -> np.ndarray:
    """Return per patch 1 + the thing that covers most and at least an eighth of it, else 0."""
    side = SIDE // grid
    cells = (
        one.labels.reshape(grid, side, grid, side).transpose(0, 2, 1, 3).reshape(grid * grid, -1)
    )
    counts = np.stack(
        [(cells == i + 1).sum(1) for i in range(len(one.things))] or [np.zeros(grid * grid)]
    )
    best = counts.argmax(0)
    return np.where(counts.max(0) * 8 >= side * side, best + 1, 0)
