"""Segment Anything behind one face: points, boxes or "everything" in, masks out.

    segmenter = load_segmenter("pocket")
    segmenter.from_points(image, np.array([[64, 40]]))[0].mask.sum()
    812

Two backends, chosen by what the folder holds: `segment_anything` (a `config.json` with
`embed_dim` beside `model.safetensors`, or an official `sam_vit_h_4b8939.pth`), and SAM 2 in
transformers (a transformers `config.json`). Both give one image encoding per picture, so several
pictures are encoded in one batch. "Everything" is the paper's automatic mask generation with one
crop level: a grid of points, kept by predicted IoU and stability, then NMS.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterfactory.errors import UserError
from counterfactory.models.ids import locate
from counterfactory.records import Box, Mask, Pixels

Coordinates = npt.NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One mask that the model found."""

    mask: Mask
    score: float  # the model's own guess of its IoU
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """How `everything` looks for masks, with segment-anything's defaults."""

    points_per_side: int = 32
    min_score: float = 0.88
    min_stability: float = 0.95
    max_iou: float = 0.7  # two masks that overlap more are one
    batch: int = 256  # points decoded in one call


class Segmenter(ABC):
    """A promptable segmenter. Coordinates are pixels of the picture, x before y."""

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    @abstractmethod
    def encode(self, images: Sequence[Pixels]) -> list[Any]:
        """Return one encoding per picture, made in batches."""

    @abstractmethod
    def decode(
        self, encoded: Any, *, points: Coordinates | None = None, boxes: Coordinates | None = None
    ) -> tuple[Any, npt.NDArray[np.float32]]:
        """Return small mask logits (P, M, h, w; a tensor) and scores (P, M) for P prompts."""

    @abstractmethod
    def enlarge(self, encoded: Any, logits: Any) -> npt.NDArray[np.float32]:
        """Return small logits (K, h, w) at the picture's own size (K, H, W)."""

    def from_points(self, image: Pixels, points: Coordinates) -> list[Segment]:
        """Return the best mask of each point (P, 2)."""
        return self._best(self.encode([image])[0], points=points)

    def from_boxes(self, image: Pixels, boxes: Coordinates) -> list[Segment]:
        """Return the best mask of each box (P, 4), x0 y0 x1 y1."""
        return self._best(self.encode([image])[0], boxes=boxes)

    def from_boxes_of(
        self, images: Sequence[Pixels], boxes: Sequence[Coordinates]
    ) -> list[list[Segment]]:
        """Return `from_boxes` of several pictures, encoded together."""
        encoded = self.encode(images)
        return [self._best(one, boxes=each) for one, each in zip(encoded, boxes, strict=True)]

    def from_points_of(
        self, images: Sequence[Pixels], points: Sequence[Coordinates]
    ) -> list[list[Segment]]:
        """Return `from_points` of several pictures, encoded together; no points give no masks."""
        encoded = self.encode(images)
        return [
            self._best(one, points=each) if len(each) else []
            for one, each in zip(encoded, points, strict=True)
        ]

    def everything(self, image: Pixels) -> list[Segment]:
        """Return all masks that a grid of points finds, best first."""
        return self.everything_of([image])[0]

    def everything_of(self, images: Sequence[Pixels]) -> list[list[Segment]]:
        """Return `everything` of several pictures, encoded together."""
        encoded = self.encode(images)
        return [
            self._everything(one, image.shape) for one, image in zip(encoded, images, strict=True)
        ]

    def _best(self, encoded: Any, **prompt: Coordinates) -> list[Segment]:
        logits, scores = self.decode(encoded, **prompt)
        best = scores.argmax(axis=1)
        rows = np.arange(len(best))
        masks = self.enlarge(encoded, logits[rows, best]) > 0
        return [
            _segment(mask, float(score))
            for mask, score in zip(masks, scores[rows, best], strict=True)
        ]

    def _everything(self, encoded: Any, shape: tuple[int, ...]) -> list[Segment]:
        found: list[Segment] = []
        points = grid_points(self.grid.points_per_side, shape[1], shape[0])
        for start in range(0, len(points), self.grid.batch):
            small, scores = self.decode(encoded, points=points[start : start + self.grid.batch])
            sure = np.nonzero(scores >= self.grid.min_score)
            if not len(sure[0]):
                continue
            logits = self.enlarge(encoded, small[sure])
            steady = stability(logits) >= self.grid.min_stability
            for mask, score in zip(logits[steady] > 0, scores[sure][steady], strict=True):
                if mask.any():
                    found.append(_segment(mask, float(score)))
        return suppress(found, self.grid.max_iou)


def grid_points(side: int, width: int, height: int) -> Coordinates:
    """Return side x side points in the middles of equal cells, row by row."""
    steps = (np.arange(side) + 0.5) / side
    xs, ys = np.meshgrid(steps * width, steps * height)
    return np.stack([xs.ravel(), ys.ravel()], axis=1)


def stability(logits: npt.NDArray[np.float32], offset: float = 1.0) -> npt.NDArray[np.float64]:
    """Return for each mask the IoU of itself cut at +offset and at -offset."""
    tight = (logits > offset).sum(axis=(1, 2))
    loose = (logits > -offset).sum(axis=(1, 2))
    return np.asarray(tight / np.maximum(loose, 1), dtype=np.float64)


def suppress(segments: Sequence[Segment], max_iou: float) -> list[Segment]:
    """Return segments best first, without those whose box overlaps a better one's."""
    kept: list[Segment] = []
    for segment in sorted(segments, key=lambda one: (-one.score, one.box)):
        if all(box_iou(segment.box, other.box) <= max_iou for other in kept):
            kept.append(segment)
    return kept


def box_iou(one: Box, other: Box) -> float:
    """Return the intersection over union of two boxes."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (one, other)]
    return both / (sum(areas) - both)


def mask_box(mask: Mask) -> Box:
    """Return the box around a mask's true pixels, in 0..1; all zeros for an empty mask."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return (0.0, 0.0, 0.0, 0.0)
    height, width = mask.shape
    return (
        float(columns[0] / width), float(rows[0] / height),
        float((columns[-1] + 1) / width), float((rows[-1] + 1) / height),
    )  # fmt: skip


def _segment(mask: Mask, score: float) -> Segment:
    return Segment(mask=mask, score=score, box=mask_box(mask))


def load_segmenter(model: str, device: str = "auto") -> Segmenter:
    """Return the segmenter of a model id."""
    from counterfactory.models.segment_backends import Sam1, Sam2

    place = locate("sam", model)
    if place.is_file():
        return Sam1.from_checkpoint(place, device)
    try:
        config = json.loads((place / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(
            f"sam model {model!r}: {place}/config.json cannot be read: {error}"
        ) from None
    return (
        Sam2(place, device) if "model_type" in config else Sam1.from_folder(place, config, device)
    )


def build_sam(config: Mapping[str, Any]) -> Any:
    """Compose an untrained `segment_anything` Sam from a config.

    The package's own builder fixes 1024 px. Keys: image_size, patch_size, embed_dim, depth,
    num_heads, out_chans, global_attn_indexes, window_size, prompt_dim (equal to out_chans),
    decoder {depth, mlp_dim, num_heads, iou_depth, iou_dim}; optional: mlp_ratio 4, mask_in_chans
    16, num_multimask_outputs 3, and what `everything` shall use (grid).
    """
    from segment_anything.modeling import (
        ImageEncoderViT,
        MaskDecoder,
        PromptEncoder,
        Sam,
        TwoWayTransformer,
    )
    from torch.nn import LayerNorm

    if config["prompt_dim"] != config["out_chans"]:
        raise UserError("sam config: prompt_dim must equal out_chans")
    size, grid = config["image_size"], config["image_size"] // config["patch_size"]
    width, decoder = config["prompt_dim"], config["decoder"]
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=size, patch_size=config["patch_size"], embed_dim=config["embed_dim"],
            depth=config["depth"], num_heads=config["num_heads"], out_chans=config["out_chans"],
            mlp_ratio=config.get("mlp_ratio", 4), norm_layer=partial(LayerNorm, eps=1e-6),
            qkv_bias=True, use_rel_pos=True, window_size=config["window_size"],
            global_attn_indexes=tuple(config["global_attn_indexes"]),
        ),
        prompt_encoder=PromptEncoder(
            embed_dim=width, image_embedding_size=(grid, grid), input_image_size=(size, size),
            mask_in_chans=config.get("mask_in_chans", 16),
        ),
        mask_decoder=MaskDecoder(
            transformer=TwoWayTransformer(
                depth=decoder["depth"], embedding_dim=width, mlp_dim=decoder["mlp_dim"],
                num_heads=decoder["num_heads"],
            ),
            transformer_dim=width, num_multimask_outputs=config.get("num_multimask_outputs", 3),
            iou_head_depth=decoder.get("iou_depth", 3), iou_head_hidden_dim=decoder.get("iou_dim", 256),
        ),
    )  # fmt: skip


def sam_folder(folder: Path) -> tuple[Path, Path]:
    """Return (config.json, model.safetensors) of a composed SAM's folder."""
    return folder / "config.json", folder / "model.safetensors"
