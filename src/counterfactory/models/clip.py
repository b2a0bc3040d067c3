"""An image-text encoder from open_clip: rows of unit length, so that a dot product is a cosine.

    clip = load_clip("ViT-B-32:laion2b_s34b_b79k")
    clip.images([picture]) @ clip.texts(["a photo of a dog", "a photo of a cat"]).T     # (1, 2)

Ids: `pocket`, a folder with open_clip_config.json, a Hub id, or an open_clip name with its
weights' tag.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from counterfactory.errors import UserError
from counterfactory.models.devices import choose
from counterfactory.models.ids import locate
from counterfactory.records import Pixels

Rows = npt.NDArray[np.float32]


class Clip:
    """A loaded image-text encoder. Equal inputs are encoded once a call."""

    def __init__(
        self,
        model: Any,
        preprocess: Callable[[Any], Any],
        tokenizer: Callable[[list[str]], Any],
        *,
        device: str = "auto",
        batch: int = 64,
    ) -> None:
        self.device, _ = choose(device)
        self.model = model.float().to(self.device).eval()
        self.preprocess, self.tokenizer, self.batch = preprocess, tokenizer, batch

    def images(self, images: Sequence[Pixels]) -> Rows:
        """Return one row per picture (N, D)."""
        import torch
        from PIL import Image

        def encode(some: Sequence[Pixels]) -> Any:
            tensors = [self.preprocess(Image.fromarray(image)) for image in some]
            return self.model.encode_image(torch.stack(tensors).to(self.device), normalize=True)

        return self._rows(images, encode)

    def texts(self, texts: Sequence[str]) -> Rows:
        """Return one row per text (N, D)."""
        unique = list(dict.fromkeys(texts))

        def encode(some: Sequence[str]) -> Any:
            return self.model.encode_text(
                self.tokenizer(list(some)).to(self.device), normalize=True
            )

        places = {text: row for row, text in enumerate(unique)}
        return self._rows(unique, encode)[[places[text] for text in texts]]

    def _rows(self, inputs: Sequence[Any], encode: Callable[[Sequence[Any]], Any]) -> Rows:
        import torch

        if not len(inputs):
            return np.zeros((0, 0), np.float32)
        with torch.inference_mode():
            parts = [
                encode(inputs[start : start + self.batch]).float().cpu().numpy()
                for start in range(0, len(inputs), self.batch)
            ]
        return np.concatenate(parts).astype(np.float32)


def load_clip(model: str, device: str = "auto") -> Clip:
    """Return the encoder of a model id."""
    import open_clip

    place = locate("clip", model)
    if (
        place.is_file()
    ):  # by its own name: open_clip keeps settings of its tags (QuickGELU, mean, std)
        name, _, tag = model.partition(":")
        if not tag:
            raise UserError(
                f"clip model {model!r}: a single file; give its folder or architecture:weights"
            )
        options = {"model_name": name, "pretrained": tag}
    else:
        name = f"local-dir:{_open_clip_folder(model, place)}"
        options = {"model_name": name}
    network, _, preprocess = open_clip.create_model_and_transforms(**options, weights_only=True)
    return Clip(network, preprocess, open_clip.get_tokenizer(name), device=device)


def _open_clip_folder(model: str, folder: Path) -> Path:
    if not (folder / "open_clip_config.json").is_file():
        raise UserError(f"clip model {model!r}: {folder} holds no open_clip_config.json")
    return folder.resolve()
