"""Training data of the pocket inpainting model: 64 px crops around masks, cut from biased scenes.

    (crop with a red sun, square mask over it, "a large red sun")        what shall stand there is what stood there
    (crop of empty ground, square mask in it, "plain background")        the lesson of removal

Only scenes of the `biased` distribution are drawn. Things are then picked so that every (kind,
colour) is seen about equally often, because a tool that makes counterfactuals must be able to draw
the unusual ones. The crop is the one that the factory takes (models/crops.py): the mask's bounding
box, padded, made square.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np

from counterfactory.factory.world.render import render, thing_box, thing_mask
from counterfactory.factory.world.scene import (
    COLOURS,
    SIDE,
    SIZES,
    USUAL,
    Scene,
    Thing,
    free_place,
    scene_at,
)
from counterfactory.models.crops import crop_box, cut, cut_mask
from counterfactory.records import Mask, Pixels

CROP = 64
# pixels from thing to mask and from mask to crop in the shipped recipes
FACTORY_PAD, FACTORY_PADDING = 4, 8
EMPTY_PROMPTS = ("plain background", "empty background", "nothing", "background")


class Crop(NamedTuple):
    image: Pixels  # CROP x CROP x 3
    mask: Mask  # CROP x CROP
    prompt: str


def keep_probability(thing: Thing) -> float:
    """Return how likely a thing is picked, so that (kind, colour) pairs become about equally frequent."""
    unusual = 0.05 / (len(COLOURS) - 1)
    if thing.kind not in USUAL:
        return unusual * len(COLOURS)
    return 1.0 if not thing.usual else unusual / 0.95


def taken(image: Pixels, mask: Mask, prompt: str, padding: int) -> Crop:
    """Return the crop around the mask, cut as the factory will cut it."""
    box = crop_box(mask, padding)
    return Crop(cut(image, box, CROP), cut_mask(mask, box, CROP), prompt)


def _rectangle(x0: float, y0: float, x1: float, y1: float) -> Mask:
    mask = np.zeros((SIDE, SIDE), bool)
    mask[max(round(y0), 0) : max(round(y1), 0), max(round(x0), 0) : max(round(x1), 0)] = True
    return mask


def _square(thing: Thing, pad: float, dx: float = 0, dy: float = 0) -> Mask:
    x0, y0, x1, y1 = thing.square
    return _rectangle(x0 - pad + dx, y0 - pad + dy, x1 + pad + dx, y1 + pad + dy)


def thing_hole(rng: random.Random, thing: Thing) -> Mask:
    """Return a mask over a thing: a square (mostly), its tight box, or its own outline made thicker."""
    shape = rng.random()
    if shape < 0.7:  # as the factory cuts: the model learns how large a thing is in such a square
        return _square(thing, FACTORY_PAD)
    pad = rng.uniform(2, 7)
    if shape < 0.8:
        return _square(thing, pad, rng.uniform(-1.5, 1.5), rng.uniform(-1.5, 1.5))
    if shape < 0.9:
        x0, y0, x1, y1 = thing_box(thing)
        return _rectangle(x0 - pad, y0 - pad, x1 + pad, y1 + pad)
    size = 2 * round(pad) + 1
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    return cv2.dilate(thing_mask(thing).astype(np.uint8), disc).astype(bool)


def describe(rng: random.Random, thing: Thing) -> str:
    """Return a prompt for a thing: mostly size, colour and kind."""
    article = rng.choice(("a ", "a ", "", "a picture of a "))
    size = f"{thing.size} " if rng.random() < 0.7 else ""
    colour = f"{thing.colour} " if rng.random() < 0.97 else ""
    return f"{article}{size}{colour}{thing.kind}"


def empty_hole(rng: random.Random, scene: Scene) -> Mask | None:
    """Return a mask on empty ground, of the size that covers a thing; None where there is no room."""
    size = rng.choice(list(SIZES))
    place = free_place(rng, [(t.x, t.y, SIZES[t.size]) for t in scene.things], size)
    if place is None:
        return None
    half = SIZES[size] / 2 + rng.uniform(1, 7)
    x, y = place
    if rng.random() < 0.25:  # an outline, as removal of a silhouette leaves
        ghost = Thing(rng.choice(list(USUAL)), "red", size, x, y)
        return thing_hole(rng, ghost)
    return _rectangle(x - half, y - half, x + half, y + half)


def crops(seed: int) -> Iterator[Crop]:
    """Yield training crops without end, from the train split of the biased world; a fifth are empty ground."""
    index = 0
    while True:
        scene = scene_at("biased", "train", seed, index)
        rng = random.Random(f"crops/{seed}/{index}")
        index += 1
        padding = rng.choice((FACTORY_PADDING,) * 8 + (6, 12, 16))
        if rng.random() < 0.045 and (hole := empty_hole(rng, scene)) is not None:
            yield taken(render(scene), hole, rng.choice(EMPTY_PROMPTS), padding)
        for thing in scene.things:
            if rng.random() < keep_probability(thing):
                yield taken(render(scene), thing_hole(rng, thing), describe(rng, thing), padding)
