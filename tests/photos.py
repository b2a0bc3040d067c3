"""A drawn stand-in for a photograph: shaded discs on grained ground, with exact masks."""

from pathlib import Path

import numpy as np

from counterfactory.factory.ops.base import Context
from counterfactory.models import Models
from counterfactory.records import Candidate, Edit, Mask, Object, Pixels, Sample

GROUND = (120, 116, 108)
DISCS = (  # centre x, y and radius in pixels, colour
    (60, 60, 26, (200, 40, 36)),
    (180, 150, 34, (40, 70, 200)),
    (200, 50, 18, (240, 210, 60)),
)


def context(workdir: Path = Path(".")) -> Context:
    return Context(recipe_seed=0, focus=(), models=Models(), workdir=workdir)


def disc(x: int, y: int, radius: int, height: int = 210, width: int = 260) -> Mask:
    rows, columns = np.mgrid[:height, :width]
    return (rows - y) ** 2 + (columns - x) ** 2 <= radius**2


def photo(discs: tuple = DISCS, seed: int = 0) -> Pixels:
    rng = np.random.default_rng(seed)
    light = np.linspace(0.9, 1.1, 260)[None, :, None]
    pixels = np.full((210, 260, 3), GROUND) * light
    for x, y, radius, colour in discs:
        rows, columns = np.mgrid[:210, :260]
        shade = 1.15 - 0.3 * np.hypot(columns - x + radius / 3, rows - y + radius / 3) / radius
        where = disc(x, y, radius)
        pixels[where] = (np.array(colour) * shade[..., None])[where]
    return np.clip(pixels + rng.normal(0, 2, pixels.shape), 0, 255).astype(np.uint8)


def candidate(
    edit: Edit | None = None,
    image: Pixels | None = None,
    seed: int = 1,
    visit: int = 0,
    **fields: object,
) -> Candidate:
    pixels = photo() if image is None else image
    sample = Sample(id="s" * 64, image=pixels, source_id=f"folder:a.png#{visit}")
    return Candidate(key=f"k{seed}", seed=seed, sample=sample, edit=edit, **fields)


def wanted(kind: str, colour: str = "") -> Edit:
    new = Object(kind="", colour=colour) if colour else None
    return Edit(kind=kind, method="classical", replacement=new)


def overlap(one: Mask, other: Mask) -> float:
    return (one & other).sum() / (one | other).sum()
