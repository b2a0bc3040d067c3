"""Weights between the model given and the one trained: less is forgotten, a little less is learned.

    blend(outfit, 0.1)      # each trained weight: 0.9 of itself and 0.1 of what it was

WiSE-FT (Wortsman et al., arXiv 2109.01903, section 3): a straight line between the two leads, for
small steps, through models that are better than either at what the training was not about. With
adapters their update is scaled, which comes to the same.
"""

from typing import Any

from counterfactory.models.vlm import load_vlm
from counterfactory.training.outfit import Outfit


def blend(outfit: Outfit, keep: float) -> None:
    """Move the model's weights back towards those it was given, by `keep` of the way (0..1)."""
    import torch

    with torch.no_grad():
        if outfit.lora is not None:
            for name, weight in outfit.model.named_parameters():
                if "lora_B" in name:
                    weight.mul_(1 - keep)
            return
        given: dict[str, Any] = load_vlm(outfit.source.id, "cpu", "float32").model.state_dict()
        for name, weight in outfit.model.named_parameters():  # one that is tied comes once
            weight.lerp_(given[name].to(weight), keep)
