"""Pooled features of any VLM of transformers: what it sees in a picture, what it reads in a caption.

    eyes = Sight(model, processor)
    eyes.see(eyes.pictures([picture]))         # (1, width): mean over the projected image tokens
    eyes.read(eyes.captions(["a red ball"]))   # (1, width): mean over the last hidden states

Both are as wide as the text model. Inputs are made apart, so that a loop can make them ahead.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from counterfactory.errors import UserError


class Sight:
    """The two feature functions of a VLM; holds no weights of its own."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.network = model.get_base_model() if hasattr(model, "get_base_model") else model
        self.processor = processor
        self.width = int(self.network.config.get_text_config().hidden_size)
        self._takes = inspect.signature(self.network.get_image_features).parameters

    def pictures(self, images: Sequence[Any]) -> dict[str, Tensor]:
        """Return the inputs for pictures (PIL)."""
        made = self.processor.image_processor([[one] for one in images], return_tensors="pt")
        return {name: value for name, value in made.items() if name in self._takes}

    def captions(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the inputs for captions, padded on the right."""
        made = self.processor.tokenizer(
            list(captions), padding=True, padding_side="right", return_tensors="pt"
        )
        return {name: made[name] for name in ("input_ids", "attention_mask")}

    def see(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return one row per picture: the mean over its tokens, as the text model gets them."""
        kind = self.network.dtype
        found = self.network.get_image_features(
            **{name: v.to(kind) if v.is_floating_point() else v for name, v in inputs.items()},
            return_dict=True,
        )
        each = found if isinstance(found, list | tuple | Tensor) else found.pooler_output
        return torch.stack([one.reshape(-1, one.shape[-1]).mean(0) for one in each]).float()

    def read(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return one row per caption: the mean over its tokens' last states in the text model."""
        states = self.network.get_decoder()(**inputs, use_cache=False).last_hidden_state.float()
        mask = inputs["attention_mask"].unsqueeze(-1).float()
        return (states * mask).sum(1) / mask.sum(1).clamp_min(1)


def check_sight(model: Any) -> None:
    """Refuse a model whose vision features cannot be had."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    if not hasattr(inner, "get_image_features"):
        raise UserError(
            f"cotrain: found a {type(inner).__name__}, expected a model with get_image_features"
        )
