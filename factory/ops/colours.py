"""Colour words for pixels: which of eleven basic colours a place mostly has, by measurement.

    >>> name_colours(np.full((4, 4, 3), (30, 60, 200), np.uint8))[0, 0]  # an index into NAMES
    7
    >>> main_colour(pixels, mask)
    ("blue", 0.93)

The words are the basic colour terms of English. The borders between them are drawn in CIELAB by
hue, chroma and lightness; near a border people differ too, so texts use a word only where most of
the pixels have it.
"""

import numpy as np
import numpy.typing as npt

from counterfactory.factory.ops.masks import Floats, bounds, grown, to_lab
from counterfactory.records import Mask, Pixels

NAMES = (
    "black", "white", "grey", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown",
)  # fmt: skip

PAINTS = {  # what `recolour` paints for a word
    "black": "#202020",
    "white": "#fafafa",
    "grey": "#8c8c8c",
    "gray": "#8c8c8c",
    "red": "#d62c28",
    "orange": "#f08020",
    "yellow": "#f6ce2c",
    "green": "#2e9e42",
    "blue": "#2858d0",
    "purple": "#923ab8",
    "pink": "#f08cb4",
    "brown": "#7a4824",
}


def paint(colour: str) -> Floats:
    """Return "#d62c28" as CIELAB."""
    rgb = np.frombuffer(bytes.fromhex(colour.removeprefix("#")), np.uint8)
    return np.asarray(to_lab(rgb.reshape(1, 1, 3))[0, 0], np.float32)


def name_colours(pixels: Pixels) -> npt.NDArray[np.uint8]:
    """Return for each pixel the index in NAMES of its colour."""
    return name_lab(to_lab(pixels))


def name_lab(lab: Floats) -> npt.NDArray[np.uint8]:
    """Return for each CIELAB value the index in NAMES of its colour."""
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    chroma, hue = np.hypot(a, b), np.degrees(np.arctan2(b, a)) % 360
    grey = chroma < np.where(light > 80, 12, 9)
    rules = (  # the first that holds gives the name
        ("black", (light < 16) & (chroma < 24) | (light < 26) & (chroma < 12)),
        ("white", grey & (light > 78)),
        ("grey", grey),
        ("green", (hue >= 106) & (hue < 200)),
        ("blue", (hue >= 200) & (hue < 311)),
        ("purple", (hue >= 311) & (hue < 342)),
        ("pink", ((hue >= 342) | (hue < 38)) & (light > 62) & (chroma < 60)),
        ("brown", ((hue >= 342) | (hue < 50)) & (light < 50) & (chroma < 34)),
        ("red", (hue >= 342) | (hue < 42) | (hue < 50) & (light < 46)),
        ("brown", (hue < 92) & ((light < 50) | (light < 66) & (chroma < 34))),
        ("orange", (hue < 76) & ((light < 78) | (chroma > 40))),
        ("white", (light > 84) & (chroma < 20)),
        ("green", light < 45),
        ("yellow", np.ones_like(grey)),
    )
    index = [NAMES.index(name) for name, _ in rules]
    return np.select([rule for _, rule in rules], index).astype(np.uint8)


def main_colour(pixels: Pixels, mask: Mask) -> tuple[str, float]:
    """Return the commonest colour word within a mask, and the share of its pixels that have it."""
    counts = np.bincount(name_colours(pixels)[mask], minlength=len(NAMES))
    best = int(counts.argmax())
    return NAMES[best], float(counts[best] / max(1, counts.sum()))


def colour_share(pixels: Pixels, mask: Mask, name: str) -> float:
    """Return the share of a mask's pixels that have one colour word."""
    wanted = NAMES.index("grey" if name == "gray" else name)
    return float((name_colours(pixels)[mask] == wanted).mean()) if mask.any() else 0.0


def contrast(pixels: Pixels, region: Mask) -> float:
    """Return how far, in LAB and on average, a region's pixels are from the middle of the ring around it."""
    reach = max(8, round(0.3 * float(np.sqrt(region.sum()))))
    top, left, bottom, right = bounds(region, reach)
    inside = region[top:bottom, left:right]
    lab = to_lab(pixels[top:bottom, left:right])
    ring = grown(inside, reach) & ~grown(inside, reach // 2)
    if not ring.any():
        return 0.0
    return float(np.linalg.norm(lab[inside] - np.median(lab[ring], 0), axis=1).mean())
