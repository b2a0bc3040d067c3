"""The model that a method trains, with its processor: any image-text-to-text model.

    outfit = load_outfit("pocket", lora=Lora(rank=8))
    outfit.model, outfit.processor, outfit.source.weights_hash

A method changes `outfit.model` in place. On a CPU weights are float32. On a GPU adapters train over
a bfloat16 model; full fine-tuning keeps float32 weights and computes in bfloat16, since updates of
1e-5 are lost in bfloat16's 8 bits.
"""

import os
from dataclasses import dataclass
from typing import Any

from counterfactory.models.devices import choose
from counterfactory.models.vlm import load_vlm
from counterfactory.training.settings import Common, Lora

VISION = ("vision_tower", "vision_model", "visual")  # names of the part that sees


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Which model it was before."""

    id: str
    weights_hash: str
    settings_hash: str


@dataclass(slots=True, kw_only=True)
class Outfit:
    """A model ready to be trained."""

    model: Any  # of transformers; of peft with adapters
    processor: Any
    source: Source
    device: str  # "cpu", "cuda"
    lora: Lora | None = None

    @property
    def tokenizer(self) -> Any:
        """Return the processor's tokenizer."""
        return self.processor.tokenizer

    @property
    def image_token(self) -> str:
        """Return the token that stands for an image in rendered text, "" where there is none."""
        for owner in (self.processor, self.tokenizer):
            if token := getattr(owner, "image_token", None):
                return str(token)
        return ""

    @property
    def on_gpu(self) -> bool:
        """Say whether it trains on an accelerator."""
        return not self.device.startswith("cpu")


def load_outfit(
    model_id: str, *, lora: Lora | None = None, device: str = "auto", freeze_vision: bool = False,
    seed: int = 0,
) -> Outfit:  # fmt: skip
    """Return a model to train. Raises `UserError` for what cannot be asked as a chat.

    Launched as one of several processes, the model stays on the CPU until a trainer places it.
    """
    import torch

    device, _ = choose(device)
    alone = int(os.environ.get("WORLD_SIZE", "1")) < 2
    half = lora is not None and not device.startswith("cpu")
    vlm = load_vlm(model_id, device if alone else "cpu", "bfloat16" if half else "float32")
    model = vlm.model.train()
    model.config.get_text_config().pad_token_id = vlm.tokenizer.pad_token_id
    model.generation_config.pad_token_id = vlm.tokenizer.pad_token_id
    if freeze_vision:
        for name, weight in model.named_parameters():
            weight.requires_grad_(not _sees(name))
    if lora is not None:
        torch.manual_seed(seed)
        model = with_adapters(model, lora, freeze_vision=freeze_vision)
    source = Source(
        id=model_id, weights_hash=vlm.weights_hash, settings_hash=vlm.settings_hash
    )  # fmt: skip
    return Outfit(model=model, processor=vlm.processor, source=source, device=device, lora=lora)


def outfit_for(model_id: str, settings: Common, device: str = "auto") -> Outfit:
    """Return the model that settings ask for."""
    outfit = load_outfit(
        model_id, lora=settings.lora, device=device,
        freeze_vision=settings.freeze_vision, seed=settings.seed,
    )  # fmt: skip
    if settings.half and not outfit.on_gpu:  # the fused kernel's way back is slow on a CPU
        outfit.model.set_attn_implementation("eager")
    return outfit


def with_adapters(model: Any, lora: Lora, *, freeze_vision: bool = False) -> Any:
    """Return the model with fresh adapters in front of its linear layers."""
    from peft import LoraConfig, get_peft_model

    hidden = [name for name, _ in model.named_modules() if _sees(name)] if freeze_vision else None
    config = LoraConfig(
        r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets,
        exclude_modules=hidden,
    )  # fmt: skip
    return get_peft_model(model, config)


def _sees(name: str) -> bool:
    return any(part in VISION for part in name.split("."))
