"""How good a pocket CLIP is, through open_clip's own calls, on balanced scenes it has never seen.

    measure(folder, num_scenes=600)
    {"swap_colour": 0.97, "swap_kind": 0.96, "recall_1": 0.81, "crop_top1": 0.95, ...}

swap       the true caption against the same words with one colour, kind or size changed
recall_1   image -> caption among 256; no two name the same colours and kinds
crop_top1  a crop around a thing against "a red ball" for all 84 pairs of colour and kind
cosine     of two pictures that differ in one thing: what a similarity band can be set by
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.factory.world.language import caption_of
from counterfactory.factory.world.render import render, thing_mask
from counterfactory.factory.world.scene import (
    COLOURS,
    KINDS,
    SIZES,
    Scene,
    Thing,
    free_place,
    scene_at,
)
from counterfactory.models.clip import Clip, load_clip
from counterfactory.models.crops import crop_box, cut
from counterfactory.training.pocket.augment import worn
from counterfactory.training.pocket.clip_data import PAIRS, contents

GALLERY = 256
PERCENTILES = (1, 5, 25, 50, 75, 95, 99)
SWAPS: dict[str, Sequence[str]] = {"colour": COLOURS, "kind": KINDS, "size": tuple(SIZES)}


def measure(
    folder: Path,
    *,
    distribution: str = "balanced",
    split: str = "check",
    num_scenes: int = 600,
    seed: int = 1,
) -> dict[str, Any]:
    """Return every number that stands in the card."""
    clip = load_clip(str(folder), "cpu")
    scenes = [scene_at(distribution, split, seed, index) for index in range(num_scenes)]
    images = clip.images([render(scene) for scene in scenes])
    found: dict[str, Any] = {"scenes": num_scenes}
    for wordings in ("train", "reworded"):
        for what in SWAPS:
            name = f"swap_{what}" + ("" if wordings == "train" else "_reworded")
            found[name] = swap(clip, images, scenes, what, wordings, seed)
    found["exchange"] = exchange(clip, images, scenes, seed)
    found |= retrieval(clip, distribution, split, seed)
    found |= crops(clip, scenes, seed)
    found["cosine"] = cosines(clip, images, scenes, seed)
    return found


def swap(
    clip: Clip, images: np.ndarray, scenes: list[Scene], what: str, wordings: str, seed: int
) -> float:
    """Return how often the true caption beats the one with one `what` swapped."""
    true, wrong, rows = [], [], []
    for row, scene in enumerate(scenes):
        rng = random.Random(f"swap/{what}/{seed}/{row}")
        i = rng.randrange(len(scene.things))
        other = rng.choice([v for v in SWAPS[what] if v != getattr(scene.things[i], what)])
        things = list(scene.things)
        things[i] = _swapped(things[i], what, other)
        words = rng.random()
        told = [
            caption_of(some, random.Random(words), ground=scene.ground, wordings=wordings)
            for some in (scene.things, things)
        ]
        if told[0] != told[1]:
            true.append(told[0])
            wrong.append(told[1])
            rows.append(row)
    return _preferred(clip, images[rows], true, wrong)


def _swapped(thing: Thing, what: str, value: str) -> Thing:
    named = {"kind": thing.kind, "colour": thing.colour, "size": thing.size} | {what: value}
    return Thing(x=thing.x, y=thing.y, **named)


def exchange(clip: Clip, images: np.ndarray, scenes: list[Scene], seed: int) -> float:
    """Return how often the true caption beats the one with two colours exchanged."""
    true, wrong, rows = [], [], []
    for row, scene in enumerate(scenes):
        pairs = [
            (i, j)
            for i, a in enumerate(scene.things)
            for j, b in enumerate(scene.things)
            if i < j and a.kind != b.kind and a.colour != b.colour
        ]
        if not pairs:
            continue
        rng = random.Random(f"exchange/{seed}/{row}")
        i, j = rng.choice(pairs)
        things = list(scene.things)
        things[i] = replace(things[i], colour=scene.things[j].colour)
        things[j] = replace(things[j], colour=scene.things[i].colour)
        words = rng.random()
        true.append(caption_of(scene.things, random.Random(words), ground=scene.ground))
        wrong.append(caption_of(things, random.Random(words), ground=scene.ground))
        rows.append(row)
    return _preferred(clip, images[rows], true, wrong)


def _preferred(clip: Clip, images: np.ndarray, true: list[str], wrong: list[str]) -> float:
    right = (images * clip.texts(true)).sum(1) > (images * clip.texts(wrong)).sum(1)
    return float(right.mean())


def retrieval(clip: Clip, distribution: str, split: str, seed: int) -> dict[str, float]:
    """Return recall at 1 and 5 among captions that differ in content, both ways."""
    seen: set[bytes] = set()
    scenes: list[Scene] = []
    index = 100_000
    while len(scenes) < GALLERY:
        scene = scene_at(distribution, split, seed, index)
        index += 1
        if (content := contents(scene.things).tobytes()) not in seen:
            seen.add(content)
            scenes.append(scene)
    rng = random.Random(f"retrieval/{seed}")
    captions = [caption_of(scene.things, rng, ground=scene.ground) for scene in scenes]
    scores = clip.images([render(scene) for scene in scenes]) @ clip.texts(captions).T
    ranks = (scores > scores.diagonal()[:, None]).sum(1)
    back = (scores > scores.diagonal()[None]).sum(0)
    return {
        "recall_1": float((ranks < 1).mean()),
        "recall_5": float((ranks < 5).mean()),
        "recall_1_text_to_image": float((back < 1).mean()),
    }


def crops(clip: Clip, scenes: list[Scene], seed: int) -> dict[str, float]:
    """Return zero-shot accuracy on crops, and whether a thing is told from its empty place."""
    targets = clip.texts([f"a {colour} {kind}" for colour, kind in PAIRS])
    nothing = clip.texts(["plain background"])
    pixels, empty, labels = [], [], []
    for row, scene in enumerate(scenes):
        rng = np.random.default_rng([seed, row])
        thing = scene.things[int(rng.integers(len(scene.things)))]
        box = crop_box(thing_mask(thing), int(rng.integers(2, 13)))
        bare = replace(scene, things=tuple(t for t in scene.things if t is not thing))
        pixels.append(cut(render(scene), box, box[2] - box[0]))
        empty.append(cut(render(bare), box, box[2] - box[0]))
        labels.append(PAIRS.index((thing.colour, thing.kind)))
    label, rng = np.array(labels), np.random.default_rng(seed)
    seen, bare_seen = clip.images(pixels), clip.images(empty)
    guess = (seen @ targets.T).argmax(1)
    tired = clip.images([worn(one, rng) for one in pixels])
    kinds = np.array([KINDS.index(kind) for _, kind in PAIRS])
    colours = np.array([COLOURS.index(colour) for colour, _ in PAIRS])
    rows = np.arange(len(label))
    return {
        "crop_top1": float((guess == label).mean()),
        "crop_kind": float((kinds[guess] == kinds[label]).mean()),
        "crop_colour": float((colours[guess] == colours[label]).mean()),
        "crop_top1_worn": float(((tired @ targets.T).argmax(1) == label).mean()),
        "crop_present": float(((seen @ targets.T)[rows, label] > (seen @ nothing.T)[:, 0]).mean()),
        "crop_gone": float(((bare_seen @ targets.T).max(1) < (bare_seen @ nothing.T)[:, 0]).mean()),
    }


def _replaced(scene: Scene, i: int, rng: random.Random) -> Scene:
    old = scene.things[i]
    new = replace(
        old, kind=rng.choice([k for k in KINDS if k != old.kind]), colour=rng.choice(COLOURS)
    )
    return _with(scene, i, new)


def _recoloured(scene: Scene, i: int, rng: random.Random) -> Scene:
    old = scene.things[i]
    return _with(scene, i, replace(old, colour=rng.choice([c for c in COLOURS if c != old.colour])))


def _removed(scene: Scene, i: int, rng: random.Random) -> Scene:
    return _with(scene, i, None)


def _moved(scene: Scene, i: int, rng: random.Random) -> Scene:
    old = scene.things[i]
    taken = [(t.x, t.y, SIZES[t.size]) for t in scene.things if t is not old]
    place = free_place(rng, taken, old.size)
    return _with(scene, i, replace(old, x=place[0], y=place[1]) if place else None)


def _with(scene: Scene, i: int, thing: Thing | None) -> Scene:
    kept = () if thing is None else (thing,)
    return replace(scene, things=(*scene.things[:i], *kept, *scene.things[i + 1 :]))


CHANGES: dict[str, Callable[[Scene, int, random.Random], Scene]] = {
    "replace": _replaced,
    "recolour": _recoloured,
    "remove or add": _removed,
    "move": _moved,
}


def cosines(
    clip: Clip, images: np.ndarray, scenes: list[Scene], seed: int
) -> dict[str, list[float]]:
    """Return percentiles of the cosine of two pictures, by what makes them differ."""
    found: dict[str, list[float]] = {}

    def put(name: str, others: np.ndarray) -> None:
        found[name] = np.percentile((images * others).sum(1), PERCENTILES).round(3).tolist()

    wear = np.random.default_rng(seed)
    put("same picture, worn", clip.images([worn(render(scene), wear) for scene in scenes]))
    for name, change in CHANGES.items():
        rng = random.Random(f"cosine/{name}/{seed}")
        changed = [change(scene, rng.randrange(len(scene.things)), rng) for scene in scenes]
        put(name, clip.images([render(scene) for scene in changed]))
    put("another scene", np.roll(images, 1, axis=0))
    return found
