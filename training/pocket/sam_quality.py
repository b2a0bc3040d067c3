"""How good a pocket SAM is, through segment-anything's own calls, on unseen balanced scenes.

    measure(folder, num_scenes=300)
    {"point_iou": 0.95, "box_iou": 0.95, "ground_iou": 0.99, "recall_75": 0.97, ...}

A point is a random pixel of a thing; its mask is the best-scored of `SamPredictor`'s three. Recall
is the share of things that some mask of `SamAutomaticMaskGenerator` meets at IoU 0.75.
"""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from counterfactory.factory.world.render import render, thing_box, thing_masks
from counterfactory.factory.world.scene import scene_at
from counterfactory.models.segment import build_sam, sam_folder
from counterfactory.records import Mask


def load(folder: Path, device: str = "cpu") -> tuple[Any, dict[str, Any]]:
    """Return the Sam in a folder, in float32, and its config."""
    config_file, weights = sam_folder(folder)
    config = json.loads(config_file.read_text(encoding="utf-8"))
    sam = build_sam(config)
    sam.load_state_dict({name: value.float() for name, value in load_file(weights).items()})
    return sam.to(device).eval(), config


def generator(sam: Any, grid: Mapping[str, Any]) -> Any:
    """Return the automatic mask generator with the settings that a config stores."""
    from segment_anything import SamAutomaticMaskGenerator

    return SamAutomaticMaskGenerator(
        sam,
        points_per_side=grid["points_per_side"],
        points_per_batch=grid["points_per_side"] ** 2,
        pred_iou_thresh=grid["min_score"],
        stability_score_thresh=grid["min_stability"],
        box_nms_thresh=grid["max_iou"],
    )


def iou(one: Mask, other: Mask) -> float:
    """Return the intersection over union of two masks."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def measure(
    folder: Path,
    *,
    distribution: str = "balanced",
    split: str = "check",
    num_scenes: int = 300,
    seed: int = 1,
    grid: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return every number that stands in the card."""
    from segment_anything import SamPredictor

    sam, config = load(folder)
    predictor, automatic = SamPredictor(sam), generator(sam, grid or config["grid"])
    point, box, ground, guess, best, extra = [], [], [], [], [], []
    by_kind: dict[str, list[float]] = {}
    seconds = 0.0
    for index in range(num_scenes):
        scene = scene_at(distribution, split, seed, index)
        pixels, masks = render(scene), thing_masks(scene)
        rng = np.random.default_rng([seed, index])
        predictor.set_image(pixels)
        for thing, mask in zip(scene.things, masks, strict=True):
            found, scores, _ = predictor.predict(
                point_coords=_pixel(mask, rng), point_labels=np.array([1]), multimask_output=True
            )
            point.append(iou(found[scores.argmax()], mask))
            guess.append(abs(float(scores.max()) - point[-1]))
            by_kind.setdefault(thing.kind, []).append(point[-1])
            found, _, _ = predictor.predict(box=np.array(thing_box(thing)), multimask_output=False)
            box.append(iou(found[0], mask))
        empty = ~np.any(masks, axis=0)
        found, scores, _ = predictor.predict(
            point_coords=_pixel(empty, rng), point_labels=np.array([1]), multimask_output=True
        )
        ground.append(iou(found[scores.argmax()], empty))
        started = time.process_time()
        every = [one["segmentation"] for one in automatic.generate(pixels)]
        seconds += time.process_time() - started
        best += [max((iou(one, mask) for one in every), default=0.0) for mask in masks]
        extra.append(sum(all(iou(one, mask) < 0.5 for mask in [*masks, empty]) for one in every))
    return {
        "scenes": num_scenes,
        "things": len(point),
        "point_iou": float(np.mean(point)),
        "point_iou_p5": float(np.percentile(point, 5)),
        "point_iou_by_kind": {
            kind: round(float(np.mean(v)), 3) for kind, v in sorted(by_kind.items())
        },
        "box_iou": float(np.mean(box)),
        "ground_iou": float(np.mean(ground)),
        "score_error": float(np.mean(guess)),
        "recall_75": float(np.mean(np.array(best) >= 0.75)),
        "recall_90": float(np.mean(np.array(best) >= 0.90)),
        "stray_masks": float(np.mean(extra)),
        "automatic_ms": 1000 * seconds / max(1, num_scenes),
    }


def _pixel(mask: Mask, rng: np.random.Generator) -> np.ndarray:
    ys, xs = np.where(mask)
    pick = int(rng.integers(len(ys)))
    return np.array([[xs[pick], ys[pick]]])


def export_average(checkpoint: Path, folder: Path) -> None:
    """Write a checkpoint's weights to a folder that holds a config: to look in on a training."""
    from counterfactory.training.pocket.common import export

    export(
        torch.load(checkpoint, map_location="cpu", weights_only=True)["average"],
        sam_folder(folder)[1],
    )
