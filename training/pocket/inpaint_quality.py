"""How well the pocket inpainting model does on held-out balanced scenes, by the nearest-rendering oracle.

    measure(load_inpainter("pocket"), scenes=200)
        -> {"replace": 0.91, "replace_usual": 0.92, "replace_unusual": 0.90, "kind": 0.95,
            "colour": 0.96, "remove": 0.98}

Replace: a random thing becomes another kind and colour, drawn evenly. Remove: a random thing becomes background.
A replace edit is right only when the requested kind AND colour are nearest and within the oracle's distance.
"""

import random
from typing import Any

import numpy as np

from counterfactory.factory.world.nearest import MAX_DISTANCE, Look, look, without
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, USUAL, Scene, scene_at
from counterfactory.records import Mask, Pixels

PAD = 4  # pixels between a thing's bounding square and the mask's edge


def square(scene: Scene, index: int) -> Mask:
    """Return the square mask over one thing."""
    mask = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = scene.things[index].square
    mask[y0 - PAD : y1 + PAD, x0 - PAD : x1 + PAD] = True
    return mask


def edits(count: int, seed: int, split: str) -> list[dict[str, Any]]:
    """Draw `count` replace and `count` remove edits on balanced scenes.

    Half of the replaced ones ask for usual colours.
    """
    drawn = []
    for i in range(count):
        scene = scene_at("balanced", split, seed, i)
        rng = random.Random(f"inpaint-quality/{seed}/{i}")
        index = rng.randrange(len(scene.things))
        old = scene.things[index]
        kind = rng.choice([k for k in (tuple(USUAL) if i % 2 else KINDS) if k != old.kind])
        colour = USUAL[kind] if i % 2 else rng.choice([c for c in COLOURS if c != USUAL.get(kind)])
        drawn.append({"scene": scene, "index": index, "kind": kind, "colour": colour})
        drawn.append({"scene": scene, "index": index, "kind": "", "colour": ""})
    return drawn


def prompt_of(edit: dict[str, Any]) -> str:
    """Return what the pipeline is asked for."""
    size = edit["scene"].things[edit["index"]].size
    return f"a {size} {edit['colour']} {edit['kind']}" if edit["kind"] else "plain background"


def repaint(
    inpainter: Any,
    drawn: list[dict[str, Any]],
    *,
    seed: int,
    steps: int,
    guidance: float,
    crop_padding: int,
) -> list[Pixels]:
    """Return the edited pictures."""
    return list(
        inpainter.inpaint(
            [render(e["scene"]) for e in drawn],
            [square(e["scene"], e["index"]) for e in drawn],
            [prompt_of(e) for e in drawn],
            [seed * 100_003 + i for i in range(len(drawn))],
            steps=steps,
            guidance=guidance,
            crop_padding=crop_padding,
        )
    )


def seen(edit: dict[str, Any], image: Pixels) -> Look:
    """Return what the oracle sees where the edit was made."""
    thing = edit["scene"].things[edit["index"]]
    return look(image, without(edit["scene"], edit["index"]), x=thing.x, y=thing.y, size=thing.size)


def measure(
    inpainter: Any, *, scenes: int = 200, seed: int = 0, split: str = "check",
    steps: int = 10, guidance: float = 1.5, crop_padding: int = 8,
) -> dict[str, float]:  # fmt: skip
    """Return shares of right edits, each over `scenes` (or the half that the name says)."""
    drawn = edits(scenes, seed, split)
    images = repaint(
        inpainter, drawn, seed=seed, steps=steps, guidance=guidance, crop_padding=crop_padding
    )
    looks = [seen(edit, image) for edit, image in zip(drawn, images, strict=True)]
    right = [one.shows(e["kind"], e["colour"]) for one, e in zip(looks, drawn, strict=True)]
    groups: dict[str, list[bool]] = {
        "replace": [r for r, e in zip(right, drawn, strict=True) if e["kind"]],
        "replace_usual": [
            r
            for r, e in zip(right, drawn, strict=True)
            if e["kind"] and e["colour"] == USUAL.get(e["kind"])
        ],
        "replace_unusual": [
            r
            for r, e in zip(right, drawn, strict=True)
            if e["kind"] in USUAL and e["colour"] != USUAL[e["kind"]]
        ],
        "replace_plain": [
            r for r, e in zip(right, drawn, strict=True) if e["kind"] and e["kind"] not in USUAL
        ],
        "kind": [o.kind == e["kind"] for o, e in zip(looks, drawn, strict=True) if e["kind"]],
        "colour": [o.colour == e["colour"] for o, e in zip(looks, drawn, strict=True) if e["kind"]],
        "remove": [r for r, e in zip(right, drawn, strict=True) if not e["kind"]],
    }
    found = {name: float(np.mean(flags)) for name, flags in groups.items()}
    return {
        **found,
        "scenes": scenes,
        "distance": float(np.median([one.distance for one in looks])),
        "max_distance": MAX_DISTANCE,
        "decibel": decibel(inpainter, [render(edit["scene"]) for edit in drawn[::2]], drawn[::2]),
    }


def decibel(inpainter: Any, images: list[Pixels], drawn: list[dict[str, Any]]) -> float:
    """Return the autoencoder's peak signal-to-noise ratio inside the masks."""
    holes = [square(edit["scene"], edit["index"]) for edit in drawn]
    back = inpainter.round_trip(images, holes, crop_padding=8)
    errors = [
        np.square(a[hole].astype(np.float64) - b[hole]).mean()
        for a, b, hole in zip(images, back, holes, strict=True)
    ]
    return float(10 * np.log10(255**2 / np.mean(errors)))
