"""The card's example picture: a few rows of the release, drawn from its data files.

    examples(folder, contents(folder)) -> PNG bytes: original with mask, counterfactual with boxes

Edit kinds take turns, so that a rare kind is seen too. Rows are taken in file order from the start:
the same release gives the same picture.
"""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.cards.pictures import Tile, marked, sheet
from counterfactory.errors import RowError
from counterfactory.factory.release.contents import Content, scan
from counterfactory.images import decode, png
from counterfactory.records import Mask

SHOWN, LOOKED_AT, SIDE = 6, 300, 192


def examples(folder: Path, found: Mapping[str, Content]) -> bytes | None:
    """Return the picture, or None when no view has an image to show."""
    if "pairs" in found:
        tiles = [_pair_tile(row) for row in varied(folder)]
    else:
        view = next((view for view in ("sft", "dpo", "grpo", "kto") if view in found), None)
        tiles = list(islice(_talk_tiles(folder, view), SHOWN)) if view else []
    if not tiles:
        return None
    columns = 2 if len(tiles[0].pictures) > 1 else 3
    return png(sheet(tiles, side=SIDE, columns=columns))


def varied(folder: Path, count: int = SHOWN) -> list[dict[str, Any]]:
    """Return the first rows of each edit kind in turn: one of each, then a second of each."""
    kinds: dict[str, list[int]] = {}
    heads = islice(scan(folder, "pairs", ["edit"]), LOOKED_AT)
    for place, row in enumerate(heads):
        kinds.setdefault((row["edit"] or {}).get("kind", ""), []).append(place)
    turns = [(turn, place) for places in kinds.values() for turn, place in enumerate(places)]
    wanted = {place for _, place in sorted(turns)[:count]}
    if not wanted:
        return []
    rows = islice(scan(folder, "pairs"), max(wanted) + 1)
    return [row for place, row in enumerate(rows) if place in wanted]


def mask_of(row: Mapping[str, Any]) -> Mask | None:
    """Return a row's mask, or None."""
    if row["mask"] is None:
        return None
    return np.asarray(decode(row["mask"]["bytes"])[..., 0] > 127)


def _pair_tile(row: Mapping[str, Any]) -> Tile:
    left = marked(decode(row["image_a"]["bytes"]), side=SIDE, mask=mask_of(row))
    right = marked(
        decode(row["image_b"]["bytes"]), side=SIDE, boxes=[tuple(b) for b in row["boxes"]]
    )
    flip = f"{row['question']} {row['answer_a']} / {row['answer_b']}" if row["question"] else ""
    return Tile(pictures=[left, right], lines=[row["difference"], flip])


def _talk_tiles(folder: Path, view: str) -> Iterator[Tile]:
    """Yield one tile a picture, with the first thing said about it."""
    seen: set[bytes] = set()
    for row in islice(scan(folder, view), LOOKED_AT):
        cell = row["images"][0] if row["images"] else None
        if cell is None or cell["bytes"] in seen:
            continue
        seen.add(cell["bytes"])
        try:
            picture = marked(decode(cell["bytes"]), side=SIDE)
        except RowError:
            continue
        answer = row.get("answer") or _said(row.get("completion") or row.get("chosen"))
        yield Tile(pictures=[picture], lines=[_said(row["prompt"]), answer])


def _said(messages: Any) -> str:
    return str(messages[-1]["content"]) if messages else ""
