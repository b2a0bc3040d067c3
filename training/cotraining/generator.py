"""The inpainting pipeline that is trained along: its frozen parts make inputs, its UNet learns.

    generator = load_generator("pocket", "cpu")
    scene = generator.scene(crops, holes, prompts)      # latents, hole, masked latents, text
    said, middle = generator.denoise(unet, noisy, t, scene)
    generator.save(folder)                              # loads with DiffusionPipeline.from_pretrained

Any UNet inpainting pipeline of diffusers: Stable Diffusion (9 channels, or 4), SDXL, the pocket one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from counterfactory.errors import UserError
from counterfactory.models.ids import locate
from counterfactory.models.inpaint import load_inpainter, quietly
from counterfactory.records import Mask, Pixels
from counterfactory.training.cotraining.stored import stored_type
from counterfactory.training.cotraining.synthesis import KINDS


@dataclass(slots=True, kw_only=True)
class Generator:
    """A loaded pipeline; everything but the UNet stays as it is."""

    pipeline: Any
    side: int  # pixels of a crop
    alphas: Tensor
    kind: str  # of the scheduler: epsilon, v_prediction, sample
    stored: torch.dtype  # that the weights came in
    device: Any

    @property
    def unet(self) -> Any:
        """Return the part that learns."""
        return self.pipeline.unet

    @property
    def timesteps(self) -> int:
        """Return the number of noise levels."""
        return len(self.alphas)

    @property
    def middle_width(self) -> int:
        """Return the channels of the UNet's middle."""
        return int(self.unet.config.block_out_channels[-1])

    @torch.no_grad()
    def scene(
        self, crops: Sequence[Pixels], holes: Sequence[Mask], prompts: Sequence[str]
    ) -> dict[str, Any]:
        """Return what the UNet needs besides noise."""
        images = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 127.5 - 1
        masks = torch.from_numpy(np.stack(holes))[:, None].float()
        images, masks = images.to(self.device), masks.to(self.device)
        latents, masked = self._encode(torch.cat([images, images * (masks < 0.5)])).chunk(2)
        hole = F.interpolate(masks, latents.shape[-2:])
        return {"latents": latents, "hole": hole, "masked": masked, **self._said(prompts)}

    def denoise(
        self, unet: Any, noisy: Tensor, t: Tensor, scene: Mapping[str, Any]
    ) -> tuple[Tensor, Tensor]:
        """Return the prediction and the pooled features of the UNet's middle."""
        held: list[Tensor] = []
        hook = unet.mid_block.register_forward_hook(lambda *parts: held.append(parts[-1]))
        parts = [noisy]
        if unet.config.in_channels > noisy.shape[1]:
            parts += [scene["hole"], scene["masked"]]
        try:
            said = unet(
                torch.cat(parts, 1), t, encoder_hidden_states=scene["text"],
                added_cond_kwargs=scene.get("added"),
            ).sample  # fmt: skip
        finally:
            hook.remove()
        return said.float(), held[0].float().mean((2, 3))

    def save(self, folder: Path) -> None:
        """Write the pipeline in the type that its weights came in."""
        with quietly():
            self.pipeline.to("cpu", self.stored)
            self.pipeline.save_pretrained(folder, safe_serialization=True)

    def _encode(self, images: Tensor) -> Tensor:
        vae = self.pipeline.vae
        made = vae.encode(images)
        latents = made.latent_dist.mode() if hasattr(made, "latent_dist") else made.latents
        shift = getattr(vae.config, "shift_factor", None) or 0.0
        return ((latents - shift) * vae.config.scaling_factor).float()

    def _said(self, prompts: Sequence[str]) -> dict[str, Any]:
        """Return the text's part of the inputs, by the pipeline's own encoder."""
        made = self.pipeline.encode_prompt(
            list(prompts), device=self.device, num_images_per_prompt=1,
            do_classifier_free_guidance=False,
        )  # fmt: skip
        if self.unet.config.addition_embed_type != "text_time":
            return {"text": made[0]}
        sizes = [self.side, self.side, 0, 0, self.side, self.side]
        time_ids = torch.tensor([sizes] * len(prompts), device=self.device, dtype=torch.float32)
        return {"text": made[0], "added": {"text_embeds": made[2], "time_ids": time_ids}}


def load_generator(model: str, device: str) -> Generator:
    """Return a pipeline whose UNet can be trained. Raises `UserError` for other pipelines."""
    inpainter = load_inpainter(model, device)
    pipeline = inpainter.pipeline
    unet = getattr(pipeline, "unet", None)
    if unet is None or getattr(unet, "mid_block", None) is None:
        raise UserError(
            f"generator {model!r}: found a {type(pipeline).__name__}, expected an inpainting pipeline "
            "with a UNet (Stable Diffusion, SDXL, pocket)"
        )
    scheduler = pipeline.scheduler
    kind = scheduler.config.get("prediction_type", "")
    if kind not in KINDS or not hasattr(scheduler, "alphas_cumprod"):
        raise UserError(
            f"generator {model!r}: its scheduler predicts {kind!r}, expected one of {', '.join(KINDS)}"
        )
    stored = stored_type(locate("inpaint", model) / "unet")
    with quietly():
        pipeline.to(torch.float32)
    for part in pipeline.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval().requires_grad_(part is unet)
    return Generator(
        pipeline=pipeline, side=inpainter.native_size, kind=kind, stored=stored,
        alphas=scheduler.alphas_cumprod.float().to(inpainter.device), device=inpainter.device,
    )  # fmt: skip
