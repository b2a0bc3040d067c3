"""The two makes of Segment Anything: the original package's `Sam`, and SAM 2 in transformers.

Sam1.from_folder(path, config, "cpu")    composed from a config, weights in model.safetensors
Sam1.from_checkpoint(path, "cpu")        the official sam_vit_b_01ec64.pth and its larger kin
Sam2(path, "cpu")                        facebook/sam2.1-hiera-tiny
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterfactory.errors import UserError
from counterfactory.models.devices import choose
from counterfactory.models.segment import Coordinates, Grid, Segmenter, build_sam, sam_folder
from counterfactory.records import Pixels

Decoded = tuple[Any, npt.NDArray[np.float32]]  # small logits, scores


class Sam1(Segmenter):
    """A `segment_anything.modeling.Sam` of any size."""

    def __init__(self, sam: Any, device: str, *, grid: Grid | None = None, batch: int = 8) -> None:
        super().__init__(grid or Grid())
        self.device, _ = choose(device)
        self.sam = sam.to(self.device).eval()  # float32: relative positions lose too much in half
        self.batch = batch

    @classmethod
    def from_folder(cls, folder: Path, config: Mapping[str, Any], device: str) -> "Sam1":
        """Load a composed Sam: config.json and model.safetensors."""
        from safetensors.torch import load_file

        try:
            sam = build_sam(config)
            state = {
                name: value.float() for name, value in load_file(sam_folder(folder)[1]).items()
            }
            sam.load_state_dict(state)
        except (KeyError, RuntimeError, OSError) as error:
            line = str(error).splitlines()[0]
            raise UserError(
                f"sam model {str(folder)!r}: config and weights do not fit: {line}"
            ) from None
        return cls(sam, device, grid=Grid(**config.get("grid", {})), batch=config.get("batch", 8))

    @classmethod
    def from_checkpoint(cls, file: Path, device: str) -> "Sam1":
        """Load an official checkpoint; its name says which encoder it holds."""
        import torch
        from segment_anything import sam_model_registry

        kind = next((kind for kind in ("vit_h", "vit_l", "vit_b") if kind in file.name), None)
        if kind is None:
            raise UserError(f"sam model {str(file)!r}: the name must hold vit_h, vit_l or vit_b")
        sam = sam_model_registry[kind]()
        sam.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
        return cls(sam, device, grid=Grid(batch=64), batch=1)

    def encode(self, images: Sequence[Pixels]) -> list[Any]:
        """Return (embedding, size after scaling, original size) of each picture."""
        import torch
        from segment_anything.utils.transforms import ResizeLongestSide

        scale = ResizeLongestSide(self.sam.image_encoder.img_size)
        scaled = [scale.apply_image(image) for image in images]
        tensors = [torch.as_tensor(one.copy()).permute(2, 0, 1).to(self.device) for one in scaled]
        encoded: list[Any] = []
        with torch.inference_mode():
            for start in range(0, len(tensors), self.batch):
                inputs = torch.stack(
                    [
                        self.sam.preprocess(one.float())
                        for one in tensors[start : start + self.batch]
                    ]
                )
                encoded.extend(self.sam.image_encoder(inputs))
        sizes = zip(encoded, scaled, images, strict=True)
        return [(embedding, one.shape[:2], image.shape[:2]) for embedding, one, image in sizes]

    def decode(
        self, encoded: Any, *, points: Coordinates | None = None, boxes: Coordinates | None = None
    ) -> Decoded:
        """Run the mask decoder: three masks for a point, one for a box."""
        import torch
        from segment_anything.utils.transforms import ResizeLongestSide

        embedding, _, original = encoded
        scale = ResizeLongestSide(self.sam.image_encoder.img_size)
        prompts: dict[str, Any] = {"points": None, "boxes": None, "masks": None}
        if points is not None:
            moved = scale.apply_coords(np.asarray(points, np.float32), original)[:, None]
            where = torch.as_tensor(moved, dtype=torch.float32, device=self.device)
            prompts["points"] = (
                where,
                torch.ones(where.shape[:2], dtype=torch.int, device=self.device),
            )
        if boxes is not None:
            moved = scale.apply_boxes(np.asarray(boxes, np.float32), original)
            prompts["boxes"] = torch.as_tensor(moved, dtype=torch.float32, device=self.device)
        with torch.inference_mode():
            sparse, dense = self.sam.prompt_encoder(**prompts)
            low, scores = self.sam.mask_decoder(
                image_embeddings=embedding[None], image_pe=self.sam.prompt_encoder.get_dense_pe(),
                sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
                multimask_output=boxes is None,
            )  # fmt: skip
        return low, scores.float().cpu().numpy()

    def enlarge(self, encoded: Any, logits: Any) -> npt.NDArray[np.float32]:
        """Scale logits up, cut the padding, scale to the picture's size."""
        import torch

        _, scaled, original = encoded
        with torch.inference_mode():
            full = self.sam.postprocess_masks(logits[:, None], scaled, original)[:, 0]
        return np.asarray(full.float().cpu().numpy())


class Sam2(Segmenter):
    """SAM 2 or 2.1 in transformers, from a local folder or a fetched snapshot."""

    def __init__(
        self, folder: Path, device: str, *, grid: Grid | None = None, batch: int = 8
    ) -> None:
        from transformers import Sam2Model, Sam2Processor

        super().__init__(grid or Grid(min_score=0.8, min_stability=0.92, batch=64))
        self.device, kind = choose(device)
        self.processor = Sam2Processor.from_pretrained(folder)
        self.model = Sam2Model.from_pretrained(folder, dtype=kind).to(self.device).eval()
        self.kind, self.batch = kind, batch

    def encode(self, images: Sequence[Pixels]) -> list[Any]:
        """Return (feature maps, original size) of each picture."""
        import torch

        encoded: list[Any] = []
        for start in range(0, len(images), self.batch):
            some = list(images[start : start + self.batch])
            inputs = self.processor(images=some, return_tensors="pt")
            with torch.inference_mode():
                levels = self.model.get_image_embeddings(
                    inputs["pixel_values"].to(self.device, self.kind)
                )
            encoded.extend(
                ([level[index : index + 1] for level in levels], image.shape[:2])
                for index, image in enumerate(some)
            )
        return encoded

    def decode(
        self, encoded: Any, *, points: Coordinates | None = None, boxes: Coordinates | None = None
    ) -> Decoded:
        """Run the mask decoder: three masks for a point, one for a box."""
        import torch

        levels, original = encoded
        asked: dict[str, Any] = {}
        if points is not None:
            asked["input_points"] = [[[[float(x), float(y)]] for x, y in points]]
            asked["input_labels"] = [[[1]] * len(points)]
        if boxes is not None:
            asked["input_boxes"] = [[[float(value) for value in box] for box in boxes]]
        prompts = self.processor(original_sizes=[list(original)], return_tensors="pt", **asked)
        given = {
            name: value.to(self.device, self.kind) if value.is_floating_point() else value.to(self.device)
            for name, value in prompts.items() if name in asked
        }  # fmt: skip
        with torch.inference_mode():
            out = self.model(image_embeddings=levels, multimask_output=boxes is None, **given)
        return out.pred_masks[0], out.iou_scores[0].float().cpu().numpy()

    def enlarge(self, encoded: Any, logits: Any) -> npt.NDArray[np.float32]:
        """Scale logits to the picture's size."""
        import torch

        full = torch.nn.functional.interpolate(
            logits[:, None].float(), tuple(encoded[1]), mode="bilinear", align_corners=False
        )[:, 0]
        return np.asarray(full.cpu().numpy())
