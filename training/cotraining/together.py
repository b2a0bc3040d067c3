"""All terms of one batch, in one forward pass: L = L_LM + a L_ITC + b L_IS + c L_RSC.

    together = Together(sight, settings, model=model, generator=generator)
    terms = together(batch)      # {"lm": ..., "itc": ..., "synthesis": ..., "rsc": ..., "loss": their sum}

One module holds all that learns (the model, the UNet, small heads), so that accelerate can place and
synchronise it as a whole.
"""

import math
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterfactory.training.cotraining.generator import Generator
from counterfactory.training.cotraining.itc import itc_loss
from counterfactory.training.cotraining.rsc import rsc_loss
from counterfactory.training.cotraining.synthesis import synthesis_loss

EMBED = 256
MOST = math.log(100)  # of the logit scale, as CLIP
TINY = 1e-6  # a feature of zeros has no direction, and no endless gradient


class Heads(nn.Module):
    """From pooled features to the shared space, and the contrast's scale."""

    def __init__(self, width: int, *, middle: int = 0, own: bool = True) -> None:
        super().__init__()
        self.image = nn.Linear(width, EMBED, bias=False) if own else nn.Identity()
        self.text = nn.Linear(width, EMBED, bias=False) if own else nn.Identity()
        if own:
            self.scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))
        if middle:
            self.drawn = nn.Linear(middle, EMBED if own else width)


class Together(nn.Module):
    """The model, the denoiser and the heads, with the loss of a batch."""

    def __init__(self, sight: Any, settings: Any, model: Any, generator: Generator | None) -> None:
        super().__init__()
        self.model, self.sight, self.settings, self.generator = model, sight, settings, generator
        self.unet = generator.unet if generator is not None else None
        middle = generator.middle_width if generator is not None and settings.rsc else 0
        self.heads = Heads(sight.width, middle=middle, own=settings.kind == "vlm")

    def forward(self, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """Return each term, their weighted sum as `loss`, and what is worth a look."""
        s, terms = self.settings, {}
        if "lm" in batch:
            terms["lm"] = self._lm(batch["lm"], batch["tokens"])
        if "contrast" in batch:
            terms["itc"], terms["itc_accuracy"] = self._itc(batch["contrast"])
        if "denoise" in batch:
            terms |= self._denoise(batch["denoise"])
        weights = {"lm": 1.0, "itc": s.itc, "synthesis": s.synthesis, "rsc": s.rsc}
        terms["loss"] = sum(weights[name] * terms[name] for name in weights if name in terms)
        return terms

    def see(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return embeddings of pictures, of unit length."""
        return F.normalize(self.heads.image(self.sight.see(inputs)), dim=-1, eps=TINY)

    def read(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return embeddings of captions, of unit length."""
        return F.normalize(self.heads.text(self.sight.read(inputs)), dim=-1, eps=TINY)

    def _lm(self, inputs: Mapping[str, Tensor], tokens: float) -> Tensor:
        """Return the loss over completions: their summed loss over `tokens`."""
        inputs = dict(inputs)
        labels = inputs.pop("labels")[:, 1:]
        logits = self.model(**inputs, use_cache=False).logits[:, :-1]
        told = labels != -100
        return F.cross_entropy(logits[told].float(), labels[told], reduction="sum") / tokens

    def _itc(self, part: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
        n, keys = part["anchors"], part["keys"]
        images, texts = self.see(part["images"]), self.read(part["texts"])
        scale = getattr(self.heads, "scale", None)
        scale = (self.model.logit_scale if scale is None else scale).clamp(max=MOST).exp()
        return itc_loss(images[:n], texts[:n], scale, keys[:n], images[n:], texts[n:], keys[n:])

    def _denoise(self, part: Mapping[str, Any]) -> dict[str, Tensor]:
        assert self.generator is not None
        scene, t = part["scene"], part["t"]
        said, middle = self.generator.denoise(self.unet, part["noisy"], t, scene)
        terms = {
            "synthesis": synthesis_loss(said, part["goal"], scene["hole"], self.settings.beside)
        }
        if self.settings.rsc:
            seen, t_max = self.see(part["pictures"]), self.settings.t_max * self.generator.timesteps
            terms["rsc"], terms["rsc_cosine"] = rsc_loss(seen, self.heads.drawn(middle), t, t_max)
        return terms


def talked(labels: Tensor) -> int:
    """Return how many tokens of a batch are learned."""
    return int((labels[:, 1:] != -100).sum())
