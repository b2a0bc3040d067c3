"""Pictures for cards and pages: a pair with its mask and boxes drawn, a sheet of pairs, the funnel.

    marked(image, mask=mask, boxes=[(0.1, 0.2, 0.4, 0.5)], side=224)   # mask outline and boxes
    sheet([Tile(pictures=[a, b], lines=["a red star became a blue star"])], side=224)
    funnel([("propose", 100, 92, {"no_target": 8}), ("edit", 92, 80, {"nothing_changed": 12})])

Drawn with PIL and its own font, so a card needs nothing from outside and the same facts give the
same bytes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from counterfactory.records import Box, Mask, Pixels

INK, PAPER, GREY, LINE = "#1f2430", "#ffffff", "#6b7280", "#e5e7eb"
KEPT, LOST = "#2f7d5b", "#d98b5f"
OUTLINE, BOXES = (255, 0, 200), (0, 170, 255)
_GAP, _APART = 12, 6  # pixels between tiles, and between the pictures of one tile

FunnelStage = tuple[str, int, int, Mapping[str, int]]  # name, entered, left, reason -> rejects


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """Some pictures side by side with lines of text below them."""

    pictures: Sequence[Pixels]
    lines: Sequence[str]


def marked(
    image: Pixels, *, side: int, mask: Mask | None = None, boxes: Sequence[Box] = ()
) -> Pixels:
    """Return the picture at `side` pixels (its longer side) with mask outline and boxes drawn."""
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    pixels = np.array(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))
    if mask is not None:
        large = np.array(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
        pixels[_edge(large)] = OUTLINE
    picture = Image.fromarray(pixels)
    draw = ImageDraw.Draw(picture)
    for x0, y0, x1, y1 in boxes:
        if x1 < x0 or y1 < y0:
            continue  # not a box: `release validate` says so, a picture need not fail
        left, top, right, low = x0 * size[0], y0 * size[1], x1 * size[0], y1 * size[1]
        draw.rectangle((left - 3, top - 3, right + 2, low + 2), outline="white", width=1)
        draw.rectangle((left - 2, top - 2, right + 1, low + 1), outline=BOXES, width=2)
    return np.asarray(picture)


def sheet(tiles: Sequence[Tile], *, side: int = 192, columns: int = 2) -> Pixels:
    """Return the tiles in a grid, each with its text wrapped below."""
    from PIL import Image

    width = max(len(tile.pictures) for tile in tiles) * (side + _APART) - _APART
    drawn = [_tile(tile, side, width) for tile in tiles]
    lines = [drawn[at : at + columns] for at in range(0, len(drawn), columns)]
    depths = [max(one.height for one in line) for line in lines]
    across, down = width + 2 * _GAP, 2 * _GAP
    size = (columns * across, sum(depths) + down * len(lines))
    page = Image.new("RGB", size, PAPER)
    top = _GAP
    for line, depth in zip(lines, depths, strict=True):
        for column, one in enumerate(line):
            page.paste(one, (_GAP + column * across, top))
        top += depth + down
    return np.asarray(page)


def _tile(tile: Tile, side: int, width: int) -> Any:
    """Return one tile: its pictures side by side, its text below them."""
    from PIL import Image, ImageDraw

    font = _font(15)
    fitted = [Image.fromarray(marked(picture, side=side)) for picture in tile.pictures]
    text = _wrapped(tile.lines, font, width, limit=5)
    tall = max(picture.height for picture in fitted)
    page = Image.new("RGB", (width, tall + 10 + 20 * len(text)), PAPER)
    draw = ImageDraw.Draw(page)
    for place, picture in enumerate(fitted):
        page.paste(picture, (place * (side + _APART), 0))
    for number, words in enumerate(text):
        draw.text((0, tall + 8 + 20 * number), words, fill=INK, font=font)
    return page


def funnel(stages: Sequence[FunnelStage]) -> Pixels:
    """Return the funnel: one bar a stage, what went on in green and what was rejected in orange."""
    from PIL import Image, ImageDraw

    names, bar, tall = 170, 420, 44
    width, first = names + bar + 470, max(1, stages[0][1] if stages else 1)
    page = Image.new("RGB", (width, 70 + tall * max(1, len(stages)) + 30), PAPER)
    draw = ImageDraw.Draw(page)
    small, font, bold = _font(13), _font(15), _font(18)
    draw.text((_GAP, 14), _headline(stages), fill=INK, font=bold)
    for number, (name, entered, left, reasons) in enumerate(stages):
        top = 58 + tall * number
        kept, came = round(bar * left / first), round(bar * entered / first)
        draw.text((_GAP, top + 5), _short(name, font, names - 2 * _GAP), fill=INK, font=font)
        draw.rectangle([names, top, names + bar, top + tall - 16], fill="#f5f5f4")
        draw.rectangle([names, top, names + came, top + tall - 16], fill=LOST)
        draw.rectangle([names, top, names + kept, top + tall - 16], fill=KEPT)
        told = f"{left:,} of {entered:,}"
        why = ", ".join(f"{reason} {n:,}" for reason, n in _largest(reasons))
        draw.text((names + bar + 14, top - 2), told, fill=INK, font=font)
        draw.text((names + bar + 14, top + 15), _short(why, small, 440), fill=GREY, font=small)
    return np.asarray(page)


def _headline(stages: Sequence[FunnelStage]) -> str:
    if not stages:
        return "No candidates"
    came, kept = stages[0][1], stages[-1][2]
    share = f" ({kept / came:.0%})" if came else ""
    return f"{came:,} candidates, {kept:,} kept{share}"


def _largest(reasons: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(reasons.items(), key=lambda item: (-item[1], item[0]))[:4]


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the mask's rim, two pixels wide."""
    inner = np.pad(mask, 2, constant_values=False)
    height, width = mask.shape
    full = np.ones_like(mask)
    for down, right in ((0, 2), (4, 2), (2, 0), (2, 4)):
        full &= inner[down : down + height, right : right + width]
    return mask & ~full


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _short(text: str, font: Any, width: float) -> str:
    """Return the text cut to a width, with dots where it was cut."""
    text = _drawable(text)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(text + "...") > width:
        text = text[:-1]
    return text + "..."


def _wrapped(lines: Sequence[str], font: Any, width: float, limit: int) -> list[str]:
    """Return the lines broken at spaces to fit a width; what is over `limit` lines is cut."""
    done: list[str] = []
    for line in lines:
        words, current = _drawable(line).split(), ""
        for word in words:
            longer = f"{current} {word}".strip()
            if current and font.getlength(longer) > width:
                done.append(current)
                current = word
            else:
                current = longer
        done.append(_short(current, font, width))
    return [*done[: limit - 1], "..."] if len(done) > limit else done


def _drawable(text: str) -> str:
    """Return the text on one line, cut before a hostile length makes layout slow."""
    return " ".join("".join(c if c.isprintable() else " " for c in text[:600]).split())
