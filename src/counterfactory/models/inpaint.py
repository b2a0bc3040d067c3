"""A diffusers inpainting pipeline over batches of pictures of any size.

    inpainter = load_inpainter("pocket")
    inpainter.inpaint([picture], [mask], ["a large blue moon"], [7], steps=8, guidance=2.0, crop_padding=8)

Each mask's surroundings are cut out as a square, scaled to the pipeline's own size, repainted in
one call with one generator per picture, scaled back and pasted inside the mask. Pixels outside
the mask stay bit for bit. Any class that takes `mask_image` works: Stable Diffusion and SDXL
inpainting, FLUX.2 klein and what AutoPipelineForInpainting knows.
"""

import inspect
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.models import crops
from counterfactory.models.devices import choose
from counterfactory.models.ids import locate
from counterfactory.records import Mask, Pixels

INPAINT_CLASS = {"Flux2KleinPipeline": "Flux2KleinInpaintPipeline"}  # those the auto map lacks


class Inpainter:
    """A loaded pipeline. `size` overrides the side, in pixels, that crops are scaled to."""

    def __init__(self, pipeline: Any, *, device: str = "auto", batch: int = 16) -> None:
        self.device, self.kind = choose(device)
        self.pipeline = pipeline.to(self.device)
        self.pipeline.set_progress_bar_config(disable=True)
        self.accepts = frozenset(inspect.signature(type(pipeline).__call__).parameters)
        self.batch = batch

    @property
    def native_size(self) -> int:
        """The side in pixels that the pipeline was trained at."""
        scale = int(self.pipeline.vae_scale_factor)
        denoiser = getattr(self.pipeline, "unet", None)
        if denoiser is not None:
            return int(denoiser.config.sample_size) * scale
        return int(getattr(self.pipeline, "default_sample_size", 128)) * scale

    def inpaint(
        self,
        images: Sequence[Pixels],
        masks: Sequence[Mask],
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int,
        guidance: float,
        crop_padding: int,
        size: int | None = None,
        feather: int = 0,
        options: Mapping[str, Any] | None = None,
    ) -> list[Pixels]:
        """Return the pictures with their masks repainted.

        `options` are further arguments of the pipeline's call.
        """
        side = size or self.native_size
        boxes = [crops.crop_box(mask, crop_padding) for mask in masks]
        patches: list[Pixels] = []
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            cuts = [
                crops.cut(i, box, side) for i, box in zip(images[part], boxes[part], strict=True)
            ]
            holes = [
                crops.cut_mask(m, box, side)
                for m, box in zip(masks[part], boxes[part], strict=True)
            ]
            wanted = {"num_inference_steps": steps, "guidance_scale": guidance, **(options or {})}
            patches += self._call(cuts, holes, list(prompts[part]), list(seeds[part]), side, wanted)
        parts = zip(images, patches, masks, boxes, strict=True)
        return [crops.paste(*each, feather=feather) for each in parts]

    def _call(
        self,
        cuts: list[Pixels],
        holes: list[Mask],
        prompts: list[str],
        seeds: list[int],
        side: int,
        wanted: Mapping[str, Any],
    ) -> list[Pixels]:
        """Run the pipeline once. Noise is drawn on the CPU: the same on every device."""
        import torch
        from PIL import Image

        call: dict[str, Any] = {
            "prompt": prompts, "image": [Image.fromarray(cut) for cut in cuts],
            "mask_image": [Image.fromarray(hole.astype(np.uint8) * 255) for hole in holes],
            "height": side, "width": side, "strength": 1.0, "output_type": "np",
            "generator": [torch.Generator("cpu").manual_seed(seed) for seed in seeds], **wanted,
        }  # fmt: skip
        with torch.inference_mode():
            out = self.pipeline(
                **{name: value for name, value in call.items() if name in self.accepts}
            )
        return [
            np.asarray(np.rint(image * 255), dtype=np.uint8) for image in np.asarray(out.images)
        ]

    def round_trip(
        self,
        images: Sequence[Pixels],
        masks: Sequence[Mask],
        *,
        crop_padding: int,
        size: int | None = None,
        feather: int = 0,
    ) -> list[Pixels]:
        """Return the pictures with their masks sent through the autoencoder, unchanged in content."""
        import torch

        side = size or self.native_size
        vae = self.pipeline.vae
        kind = torch.float32 if getattr(vae.config, "force_upcast", False) else self.kind
        boxes = [crops.crop_box(mask, crop_padding) for mask in masks]
        patches: list[Pixels] = []
        if kind != self.kind:
            vae.to(dtype=kind)
        for start in range(0, len(images), self.batch):
            part = slice(start, start + self.batch)
            cuts = [
                crops.cut(i, box, side) for i, box in zip(images[part], boxes[part], strict=True)
            ]
            inputs = (
                torch.as_tensor(np.stack(cuts)).permute(0, 3, 1, 2).to(self.device, kind) / 127.5
                - 1
            )
            with torch.inference_mode():
                decoded = vae.decode(_latents(vae.encode(inputs))).sample
            scaled = ((decoded.float() + 1) * 127.5).clamp(0, 255).round().permute(0, 2, 3, 1)
            patches += list(scaled.cpu().numpy().astype(np.uint8))
        if kind != self.kind:
            vae.to(dtype=self.kind)
        parts = zip(images, patches, masks, boxes, strict=True)
        return [crops.paste(*each, feather=feather) for each in parts]


def _latents(encoded: Any) -> Any:
    """Return what an autoencoder encoded: the mode of its distribution, or the latents themselves (AutoencoderTiny)."""
    return encoded.latent_dist.mode() if hasattr(encoded, "latent_dist") else encoded.latents


@contextmanager
def quietly() -> Iterator[None]:
    """Keep loading bars and notes on other people's configs from the terminal; errors still speak."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    kept = [(one, one.get_verbosity()) for one in (diffusers_logging, transformers_logging)]
    for one, _ in kept:
        one.set_verbosity_error()
        one.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        for one, level in kept:
            one.set_verbosity(level)
            one.enable_progress_bar()


def load_inpainter(model: str, device: str = "auto") -> Inpainter:
    """Return the inpainting pipeline of a model id."""
    import diffusers

    place = locate("inpaint", model)
    _, kind = choose(device)
    try:
        with quietly():
            loaded = diffusers.DiffusionPipeline.from_pretrained(
                place, dtype=kind, local_files_only=True
            )
    except (OSError, ValueError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(
            f"inpaint model {model!r}: {place} holds no diffusers pipeline: {line}"
        ) from None
    return Inpainter(_for_inpainting(loaded, model), device=device)


def _for_inpainting(loaded: Any, model: str) -> Any:
    """Return the pipeline that takes `mask_image`, made from the same parts where it must be."""
    import diffusers

    if "mask_image" in inspect.signature(type(loaded).__call__).parameters:
        return loaded
    name = type(loaded).__name__
    try:
        if name in INPAINT_CLASS:
            return getattr(diffusers, INPAINT_CLASS[name])(**loaded.components)
        return diffusers.AutoPipelineForInpainting.from_pipe(loaded)
    except ValueError:
        raise UserError(
            f"inpaint model {model!r}: {name} cannot inpaint, it takes no mask"
        ) from None
