"""The pocket inpainting model: a Stable Diffusion inpainting pipeline, small enough for two cores.

    pipeline = DiffusionPipeline.from_pretrained(path("inpaint"))
    pipeline("a large red sun", image=crop, mask_image=square, num_inference_steps=8, guidance_scale=2)

Two stages, both from scratch on crops of biased scenes (crops.py): an autoencoder (64 px <-> 16 x 16 x 4), then a
UNet that sees noisy latents, mask and masked latents (9 channels). Three choices make it learn on a CPU: it predicts
velocity down to zero signal (Lin et al. 2024, arXiv 2305.08891), so that the colour is decided at the first step; the
pooled text modulates every block beside the cross attention; and the loss looks at the hole.
"""

import itertools
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterfactory.factory.world.scene import COLOURS, KINDS, SIZES
from counterfactory.training.pocket.crops import CROP, EMPTY_PROMPTS, Crop, crops

TEXT_LENGTH = 16  # tokens; every prompt of the world fits
WORDS = (*KINDS, *COLOURS, *SIZES, "a", "an", "the", "picture", "of", "plain", "empty", "nothing", "background")
BATCH = 64
VAE_BATCH = 24
DROP_TEXT = 0.1  # share of prompts left empty, for classifier-free guidance
VAE_STEPS, UNET_STEPS = 1200, 6000


# ------------------------------------------------------------------ parts


def build_tokenizer() -> Any:
    """Return a CLIP tokenizer in which each of WORDS is one token; other text falls back to bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(vocab_size=2000, end_of_word_suffix="</w>", show_progress=False, min_frequency=1)
    trained.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(char + "</w>" for char in alphabet), *("".join(pair) for pair in merges)]
    pieces = [*dict.fromkeys(pieces), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=merges, model_max_length=TEXT_LENGTH
    )


def build_vae() -> Any:
    """Return the autoencoder: 64 px -> 16 x 16 x 4 latents."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        latent_channels=4, block_out_channels=(16, 32, 64), layers_per_block=1, norm_num_groups=8,
        down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
        mid_block_add_attention=False, sample_size=CROP,
    )  # fmt: skip


def build_text_encoder(tokenizer: Any) -> Any:
    """Return a two-layer CLIP text encoder."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer), hidden_size=128, intermediate_size=256, num_hidden_layers=2,
            num_attention_heads=4, max_position_embeddings=TEXT_LENGTH, projection_dim=128,
            bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )  # fmt: skip


def build_unet() -> Any:
    """Return the denoiser: latents, mask and masked latents in, velocity out."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16, in_channels=9, out_channels=4, block_out_channels=(64, 112, 144), layers_per_block=1,
        down_block_types=("DownBlock2D",) * 3, up_block_types=("UpBlock2D",) * 3,
        cross_attention_dim=128, attention_head_dim=4, norm_num_groups=16,
        resnet_time_scale_shift="scale_shift", addition_embed_type="text", addition_embed_type_num_heads=4,
    )  # fmt: skip


def build_scheduler() -> Any:
    """Return DDIM with velocity prediction down to zero signal."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear",
        prediction_type="v_prediction", rescale_betas_zero_snr=True, timestep_spacing="trailing",
        clip_sample=False, set_alpha_to_one=True, steps_offset=0,
    )  # fmt: skip


# ------------------------------------------------------------------ data


def to_tensor(batch: list[Crop]) -> tuple[Tensor, Tensor, list[str]]:
    """Return images (N, 3, 64, 64) in -1..1, masks (N, 1, 64, 64) in 0..1, and prompts."""
    images = torch.from_numpy(np.stack([crop.image for crop in batch])).permute(0, 3, 1, 2).float() / 127.5 - 1
    masks = torch.from_numpy(np.stack([crop.mask for crop in batch]))[:, None].float()
    return images, masks, [crop.prompt for crop in batch]


def batches(stream: Iterator[Crop], size: int = BATCH) -> Iterator[tuple[Tensor, Tensor, list[str]]]:
    """Group crops into tensors."""
    while True:
        yield to_tensor(list(itertools.islice(stream, size)))


# ------------------------------------------------------------------ training


class Ema:
    """An exponential moving average of weights, with a short memory at the start."""

    def __init__(self, modules: list[nn.Module], decay: float = 0.998) -> None:
        self.modules, self.decay, self.steps = modules, decay, 0
        self.shadow = [p.detach().clone() for m in modules for p in m.parameters()]

    def update(self) -> None:
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        live = [p.detach() for m in self.modules for p in m.parameters()]
        torch._foreach_lerp_(self.shadow, live, 1 - decay)

    def swap(self) -> None:
        """Exchange the live weights and the averaged ones."""
        for average, live in zip(self.shadow, (p for m in self.modules for p in m.parameters()), strict=True):
            held = live.data.clone()
            live.data.copy_(average)
            average.copy_(held)


def train_vae(
    *, seed: int, steps: int, device: str, checkpoint: Path, report: Callable[[int, int, str], None]
) -> Any:
    """Train the autoencoder and return it; continues from `checkpoint` where there is one."""
    torch.manual_seed(seed)
    vae = build_vae().to(device)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=2e-3, betas=(0.9, 0.98), weight_decay=1e-4)
    ema = Ema([vae], 0.995)
    done = load(checkpoint, vae=vae, optimizer=optimizer, ema=ema)
    data = batches(itertools.islice(crops(seed + 1), done * VAE_BATCH, None), VAE_BATCH)
    for step in range(done, steps):
        set_rate(optimizer, 2e-3, step, steps)
        images, masks, _ = next(data)
        images = images.to(device)
        holes = masks.to(device) * (torch.rand(len(images), 1, 1, 1, device=device) < 0.3)
        images = images * (1 - holes)  # the masked image passes through the encoder, too
        with torch.autocast(device.split(":")[0], torch.bfloat16):
            posterior = vae.encode(images).latent_dist
            output = vae.decode(posterior.sample()).sample.float()
        error = (output - images).abs()
        loss = error.mean() + (output - images).square().mean() + 1e-5 * posterior.kl().float().mean() / 64
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        ema.update()
        if (step + 1) % 100 == 0:
            noise = (output - images).square().mean().item() / 4
            report(step + 1, steps, f"autoencoder {-10 * math.log10(noise):.1f} dB")
            save(checkpoint, step + 1, vae=vae, optimizer=optimizer, ema=ema)
    save(checkpoint, steps, vae=vae, optimizer=optimizer, ema=ema)
    ema.swap()
    vae.eval().requires_grad_(False)
    vae.register_to_config(scaling_factor=latent_scale(vae, seed, device))
    return vae


@torch.no_grad()
def latent_scale(vae: Any, seed: int, device: str) -> float:
    """Return the factor that brings the latents to unit variance."""
    images, _, _ = next(batches(crops(seed + 2), 256))
    return round(1 / vae.encode(images.to(device)).latent_dist.mode().std().item(), 5)


def train_unet(
    vae: Any, *, seed: int, steps: int, device: str, checkpoint: Path, report: Callable[[int, int, str], None]
) -> dict[str, Any]:
    """Train UNet and text encoder together; return {unet, text_encoder, tokenizer} with averaged weights."""
    torch.manual_seed(seed)
    tokenizer = build_tokenizer()
    unet, text_encoder, scheduler = build_unet().to(device), build_text_encoder(tokenizer).to(device), build_scheduler()
    parameters = [*unet.parameters(), *text_encoder.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, betas=(0.9, 0.98), weight_decay=1e-3)
    ema = Ema([unet, text_encoder])
    done = load(checkpoint, unet=unet, text_encoder=text_encoder, optimizer=optimizer, ema=ema)
    torch.manual_seed(seed * 1_000_003 + done)
    data = batches(itertools.islice(crops(seed + 3), done * BATCH, None))
    alphas = scheduler.alphas_cumprod.to(device)
    running = 0.0
    for step in range(done, steps):
        set_rate(optimizer, 1e-3, step, steps)
        loss = denoising_loss(vae, unet, text_encoder, tokenizer, alphas, next(data), device)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        ema.update()
        running = loss.item() if not running else 0.98 * running + 0.02 * loss.item()
        if (step + 1) % 50 == 0:
            report(step + 1, steps, f"denoiser loss {running:.4f}")
        if (step + 1) % 250 == 0:
            save(checkpoint, step + 1, unet=unet, text_encoder=text_encoder, optimizer=optimizer, ema=ema)
    save(checkpoint, steps, unet=unet, text_encoder=text_encoder, optimizer=optimizer, ema=ema)
    ema.swap()
    return {"unet": unet.eval(), "text_encoder": text_encoder.eval(), "tokenizer": tokenizer}


def denoising_loss(
    vae: Any, unet: Any, text_encoder: Any, tokenizer: Any, alphas: Tensor, batch: tuple[Tensor, Tensor, list[str]],
    device: str,
) -> Tensor:  # fmt: skip
    """Return the velocity error of one batch, ten times as heavy in the hole as beside it."""
    images, masks, prompts = batch
    images, masks = images.to(device), masks.to(device)
    prompts = ["" if drop else text for drop, text in zip(torch.rand(len(prompts)) < DROP_TEXT, prompts, strict=True)]
    tokens = tokenizer(prompts, padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt")
    with torch.autocast(device.split(":")[0], torch.bfloat16):
        with torch.no_grad():
            both = torch.cat([images, images * (masks < 0.5)])
            latents, masked = (vae.encode(both).latent_dist.mode().float() * vae.config.scaling_factor).chunk(2)
        hole = functional.interpolate(masks, latents.shape[-2:])
        t = torch.randint(0, 1000, (len(images),), device=device)
        t = torch.where(torch.rand(len(images), device=device) < 0.15, 999, t)  # the step that decides most
        signal = alphas[t].sqrt()[:, None, None, None]
        noise_level = (1 - alphas[t]).sqrt()[:, None, None, None]
        noise = torch.randn_like(latents)
        noisy = signal * latents + noise_level * noise
        text = text_encoder(tokens.input_ids.to(device)).last_hidden_state
        output = unet(torch.cat([noisy, hole, masked], 1), t, text).sample.float()
    velocity = signal * noise - noise_level * latents
    weight = 0.1 + 0.9 * hole
    return ((output - velocity).square() * weight).sum() / (weight.sum() * latents.shape[1])


def set_rate(optimizer: torch.optim.Optimizer, peak: float, step: int, steps: int) -> None:
    """Warm up over 100 steps, hold, then fall to nothing over the last 40 %."""
    left = (steps - step) / (0.4 * steps)
    for group in optimizer.param_groups:
        group["lr"] = peak * min((step + 1) / 100, 1.0, left)


# ------------------------------------------------------------------ files


def save(path: Path, step: int, *, ema: Ema, **parts: Any) -> None:
    """Write a checkpoint beside itself, then rename it."""
    state = {name: part.state_dict() for name, part in parts.items()}
    temporary = path.with_suffix(".tmp")
    torch.save({"step": step, "ema": ema.shadow, "ema_steps": ema.steps, **state}, temporary)
    temporary.replace(path)


def load(path: Path, *, ema: Ema, **parts: Any) -> int:
    """Read a checkpoint into the parts and return its step; 0 where there is none."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(state[name])
    for average, stored in zip(ema.shadow, state["ema"], strict=True):
        average.copy_(stored)
    ema.steps = state["ema_steps"]
    return int(state["step"])


def export(parts: dict[str, Any], vae: Any, out: Path) -> None:
    """Write the pipeline as fp16 safetensors, in the layout of `DiffusionPipeline.from_pretrained`."""
    from diffusers import StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=vae, scheduler=build_scheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **parts,
    )  # fmt: skip
    pipeline.to("cpu", torch.float16).save_pretrained(out, safe_serialization=True)


def train(
    *, out: Path, work: Path, seed: int = 0, steps: int | None = None, device: str = "cpu",
    report: Callable[[int, int, str], None] = lambda step, steps, text: None,
) -> float:  # fmt: skip
    """Train both stages and export to `out`; return the seconds spent in this call."""
    began = time.monotonic()
    work.mkdir(parents=True, exist_ok=True)
    unet_steps = steps or UNET_STEPS
    vae_steps = VAE_STEPS if steps is None else max(1, min(VAE_STEPS, steps // 7))
    vae = train_vae(seed=seed, steps=vae_steps, device=device, checkpoint=work / "vae.pt", report=report)
    parts = train_unet(vae, seed=seed, steps=unet_steps, device=device, checkpoint=work / "unet.pt", report=report)
    export(parts, vae, out)
    return time.monotonic() - began


__all__ = ["EMPTY_PROMPTS", "build_scheduler", "build_tokenizer", "build_unet", "build_vae", "train"]
