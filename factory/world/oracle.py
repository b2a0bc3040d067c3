"""Scores a finished release of world scenes against the truth. Nothing else may look here: no op,
check or model.

    report(Path("out/region-diff"), Path("out/region-diff.build"))
        -> {"precision": 0.97, "box_iou_ok": 0.98,
            "by_kind": {"replace": {"right": 0.97, "n": 341}, ...}, "by_op": {...}}

A pair is right when the edit is right by the nearest-rendering oracle (nearest.py) at every place
it touches, nothing changed outside the dilated mask, and captions, difference and answers are true
of the two scenes (texts.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.factory.world.nearest import look
from counterfactory.factory.world.render import thing_box
from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, SIZES, Scene, Thing, scene_at
from counterfactory.factory.world.texts import text_problems
from counterfactory.records import Mask, Pixels

# a pixel outside the mask has changed when a channel moved by more than this (0..255)
OUTSIDE_LEVELS = 6
OUTSIDE_SHARE = 0.002  # most share of outside pixels that may have changed
DILATION = 3  # pixels around the mask that count as inside
BOX_IOU = 0.5
IN_PLACE = ("replace", "recolour", "resize")


@dataclass(frozen=True, slots=True)
class Truth:
    """The two scenes of a pair: what was there, and what the edit should have made."""

    before: Scene
    after: Scene
    old: Thing | None  # what the edit takes away or changes
    new: Thing | None  # what the edit puts there
    in_place: bool  # the new thing stands where the old one stood


def scene_of(source_id: str) -> Scene:
    """Return the scene that a row's source id names ("world:biased:0:17")."""
    _, distribution, seed, index = source_id.split(":")
    return scene_at(distribution, "train", int(seed), int(index))


def words(phrase: str) -> dict[str, str]:
    """Return what a phrase says: "large red sun" -> {"size": "large", "colour": "red", "kind": "sun"}."""
    known = {
        **dict.fromkeys(KINDS, "kind"),
        **dict.fromkeys(COLOURS, "colour"),
        **dict.fromkeys(SIZES, "size"),
    }
    return {known[word]: word for word in phrase.split() if word in known}


def find(scene: Scene, phrase: str) -> Thing | None:
    """Return the one thing that a phrase names, or None when none or several match."""
    said = words(phrase)
    hits = [
        t
        for t in scene.things
        if said and all(getattr(t, key) == value for key, value in said.items())
    ]
    return hits[0] if len(hits) == 1 else None


def truth_of(scene: Scene, edit: Mapping[str, str], mask: Mask) -> Truth | None:
    """Return the pair's true scenes, or None when the edit does not fit the scene."""
    old = find(scene, edit["target"]) if edit["target"] else None
    said = words(edit["replacement"])
    new: Thing | None = None
    if edit["kind"] in IN_PLACE and old:
        x, y = centre(mask) if edit["kind"] == "replace" else (old.x, old.y)
        new = replace(old, **said, x=x, y=y)
    elif edit["kind"] == "add":
        x, y = centre(mask)
        new = Thing(said["kind"], said["colour"], said.get("size") or size_of(mask), x, y)
    elif edit["kind"] == "move" and old:
        x, y = centre(mask & ~square_mask(old))
        new = replace(old, x=x, y=y)
    if edit["kind"] != "add" and old is None:
        return None
    things = [t for t in scene.things if t != old]
    after = replace(scene, things=(*things, *([new] if new else [])))
    return Truth(scene, after, old, new, edit["kind"] in IN_PLACE)


def centre(mask: Mask) -> tuple[int, int]:
    """Return the middle of a mask's bounding box in pixels; of the picture when the mask is empty."""
    ys, xs = np.where(mask)
    if not len(xs):
        return SIDE // 2, SIDE // 2
    return round((int(xs.min()) + int(xs.max()) + 1) / 2), round(
        (int(ys.min()) + int(ys.max()) + 1) / 2
    )


def size_of(mask: Mask) -> str:
    """Return the size whose square is nearest to the mask's."""
    side = mask.any(0).sum()
    return min(SIZES, key=lambda size: abs(SIZES[size] - int(side)))


def square_mask(thing: Thing, reach: int = 7) -> Mask:
    """Return the thing's bounding square, widened, as a mask."""
    mask = np.zeros((SIDE, SIDE), bool)
    x0, y0, x1, y1 = thing.square
    mask[max(y0 - reach, 0) : y1 + reach, max(x0 - reach, 0) : x1 + reach] = True
    return mask


def edit_problems(truth: Truth, image_a: Pixels, image_b: Pixels, mask: Mask) -> list[str]:
    """Return what is wrong with the pixels; empty when the edit is right."""
    problems = []
    rest = replace(truth.before, things=tuple(t for t in truth.before.things if t != truth.old))
    if truth.new is not None:
        seen = look(image_b, rest, x=truth.new.x, y=truth.new.y, size=truth.new.size)
        if not seen.shows(truth.new.kind, truth.new.colour):
            problems.append(
                f"wanted {truth.new.colour} {truth.new.kind}, saw {seen.colour} {seen.kind} at {seen.distance:.0f}"
            )
    if truth.old is not None and not truth.in_place:
        seen = look(image_b, rest, x=truth.old.x, y=truth.old.y, size=truth.old.size)
        if not seen.shows("", ""):
            problems.append(f"wanted nothing, saw {seen.colour} {seen.kind} at {seen.distance:.0f}")
    if (share := changed_outside(image_a, image_b, mask)) > OUTSIDE_SHARE:
        problems.append(f"{share:.1%} changed outside the mask")
    return problems


def changed_outside(image_a: Pixels, image_b: Pixels, mask: Mask) -> float:
    """Return the share of pixels outside the dilated mask that changed."""
    import cv2

    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * DILATION + 1,) * 2)
    outside = ~cv2.dilate(mask.astype(np.uint8), disc).astype(bool)
    moved = np.abs(image_a.astype(np.int16) - image_b).max(-1) > OUTSIDE_LEVELS
    return float(moved[outside].mean()) if outside.any() else 0.0


def true_regions(truth: Truth) -> list[tuple[float, float, float, float]]:
    """Return the tight boxes (0..1) in which the two scenes differ: one, or two for a move."""
    boxes = [thing_box(thing) for thing in (truth.old, truth.new) if thing is not None]
    if len(boxes) == 2 and truth.in_place:
        (a, b, c, d), (e, f, g, h) = boxes
        boxes = [(min(a, e), min(b, f), max(c, g), max(d, h))]
    return [(a / SIDE, b / SIDE, c / SIDE, d / SIDE) for a, b, c, d in boxes]


def iou(one: Iterable[float], other: Iterable[float]) -> float:
    """Return the intersection over union of two boxes."""
    a, b, c, d = one
    e, f, g, h = other
    inter = max(0.0, min(c, g) - max(a, e)) * max(0.0, min(d, h) - max(b, f))
    return inter / ((c - a) * (d - b) + (g - e) * (h - f) - inter)


def boxes_right(truth: Truth, boxes: list[list[float]]) -> bool:
    """Whether every true region is met by a reported box, and no reported box lies beside them all."""
    regions = true_regions(truth)
    met = all(any(iou(region, box) >= BOX_IOU for box in boxes) for region in regions)
    return met and all(
        any(iou(region, box) >= BOX_IOU for region in regions) for box in boxes[: len(regions)]
    )


def score(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return {id, kind, op, problems, boxes_ok} of one row whose images are arrays."""
    mask, image_a, image_b = row["mask"], row["image_a"], row["image_b"]
    edit = row["edit"]
    makers = [op for op in row["provenance"]["ops"] if op.startswith("edit")]
    found: dict[str, Any] = {
        "id": row["id"],
        "kind": edit["kind"],
        "op": "+".join(makers) or edit["method"],
    }
    truth = truth_of(scene_of(row["provenance"]["source_id"]), edit, mask)
    if truth is None:
        return {
            **found,
            "problems": ["the target is not one thing of the scene"],
            "boxes_ok": False,
        }
    problems = edit_problems(truth, image_a, image_b, mask) + text_problems(
        truth.before, truth.after, row
    )
    return {**found, "problems": problems, "boxes_ok": boxes_right(truth, row["boxes"])}


def rows_of(release: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of the pairs view with decoded images, one at a time."""
    import pyarrow.parquet as pq

    from counterfactory.images import decode

    for path in sorted((release / "data" / "pairs").glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=64):
            for row in batch.to_pylist():
                for name in ("image_a", "image_b"):
                    row[name] = decode(row[name]["bytes"])
                row["mask"] = decode(row["mask"]["bytes"])[..., 0] > 127
                yield row


def share(flags: list[bool]) -> dict[str, float | int]:
    """Return how many are right, as a share and a number."""
    return {"right": round(sum(flags) / len(flags), 4), "n": len(flags)}


def report(release: Path, examples: int = 20) -> dict[str, Any]:
    """Score every pair of a release. `examples` wrong ones are named with their problems."""
    scores = [score(row) for row in rows_of(release)]
    groups: dict[str, dict[str, list[bool]]] = {
        "by_kind": defaultdict(list),
        "by_op": defaultdict(list),
    }
    for one in scores:
        groups["by_kind"][one["kind"]].append(not one["problems"])
        groups["by_op"][one["op"]].append(not one["problems"])
    wrong = [{"id": one["id"], "problems": one["problems"]} for one in scores if one["problems"]]
    count = max(len(scores), 1)
    return {
        "n": len(scores),
        "precision": round(1 - len(wrong) / count, 4),
        "box_iou_ok": round(sum(one["boxes_ok"] for one in scores) / count, 4),
        **{
            name: {key: share(flags) for key, flags in sorted(group.items())}
            for name, group in groups.items()
        },
        "wrong": wrong[:examples],
    }
