"""The pocket inpainting model: a Stable Diffusion inpainting pipeline, small enough for two cores.

    pipeline = DiffusionPipeline.from_pretrained(path("inpaint"))
    pipeline("a large red sun", image=crop, mask_image=square, num_inference_steps=10, guidance_scale=1.5)

Two stages, both from scratch on crops of biased scenes (crops.py): an autoencoder (64 px <-> 16 x 16 x 4), then a
UNet that sees noisy latents, mask and masked latents (9 channels). Three choices make it learn on a CPU: it predicts
velocity down to zero signal (Lin et al. 2024, arXiv 2305.08891), so that the colour is decided at the first step; the
pooled text modulates every block beside the cross attention; and the loss looks at the hole.
"""

import itertools
import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from counterfactory.factory.world.scene import COLOURS, KINDS, SIZES
from counterfactory.training.pocket.common import Outcome, Plan, pick_device, run
from counterfactory.training.pocket.crops import crops

LATENTS = 4  # channels; the pipeline takes no other number
TEXT_LENGTH = 16  # tokens; every prompt of the world fits
WORDS = (
    *KINDS, *COLOURS, *SIZES,
    "a", "an", "the", "picture", "of", "plain", "empty", "nothing", "background",
)  # fmt: skip
DROP_TEXT = 0.1  # share of prompts left empty, for classifier-free guidance
VAE_PLAN = Plan(
    name="inpaint-vae", steps=4200, batch=8, lr=2e-3, average=0.98, cooldown=0.5, bf16=True
)
UNET_PLAN = Plan(name="inpaint-unet", steps=3800, batch=64, lr=1e-3, cooldown=0.4, bf16=True)

# ------------------------------------------------------------------ parts


def build_tokenizer() -> Any:
    """Return a CLIP tokenizer in which each of WORDS is one token; other text falls back to bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import CLIPTokenizer

    trained = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    trained.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, end_of_word_suffix="</w>", show_progress=False, min_frequency=1
    )
    trained.train_from_iterator([" ".join(WORDS)] * 3, trainer)
    merges = [tuple(pair) for pair in json.loads(trained.to_str())["model"]["merges"]]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*alphabet, *(char + "</w>" for char in alphabet), *("".join(pair) for pair in merges)]
    pieces = [*dict.fromkeys(pieces), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)},
        merges=merges,
        model_max_length=TEXT_LENGTH,
    )


def build_vae() -> Any:
    """Return the autoencoder: 64 px -> 16 x 16 x 4 latents.

    It has no normalisation layers, so that flat colours survive.
    """
    from diffusers import AutoencoderTiny

    return AutoencoderTiny(
        latent_channels=LATENTS, encoder_block_out_channels=(24,) * 3, decoder_block_out_channels=(24,) * 3,
        num_encoder_blocks=(1, 2, 2), num_decoder_blocks=(2, 2, 1),
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
        sample_size=16, in_channels=2 * LATENTS + 1, out_channels=LATENTS,
        block_out_channels=(64, 112, 144), layers_per_block=1,
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
        clip_sample=False, set_alpha_to_one=True, steps_offset=1,
    )  # fmt: skip


# ------------------------------------------------------------------ training


def draw(
    rng: np.random.Generator, count: int, device: torch.device
) -> tuple[Tensor, Tensor, list[str]]:
    """Return images (N, 3, 64, 64) in -1..1, masks (N, 1, 64, 64) in 0..1, and prompts."""
    batch = list(itertools.islice(crops(int(rng.integers(2**31))), count))
    images = torch.from_numpy(np.stack([crop.image for crop in batch])).permute(0, 3, 1, 2)
    masks = torch.from_numpy(np.stack([crop.mask for crop in batch]))[:, None]
    return (
        images.to(device).float() / 127.5 - 1,
        masks.to(device).float(),
        [crop.prompt for crop in batch],
    )


def train_vae(
    plan: Plan, checkpoint: Path, device: torch.device, **options: Any
) -> tuple[Any, Outcome]:
    """Train the autoencoder; a third of its images have the hole cut out, as the pipeline will show them."""
    torch.manual_seed(plan.seed)
    vae = build_vae().to(device)

    def loss_of(step: int, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        images, masks, _ = draw(rng, plan.batch, device)
        images = images * (1 - masks * (torch.rand(len(images), 1, 1, 1, device=device) < 0.3))
        weight = 1 + masks
        weight = weight / weight.mean()
        latents = vae.encode(images).latents
        decoded = vae.decode(latents + 0.02 * torch.randn_like(latents)).sample.float()
        error = decoded - images
        loss = (
            (error.abs() + error.square()) * weight
        ).mean() + 1e-4 * latents.float().square().mean()
        return loss, {"dB": -10 * math.log10(error.square().mean().item() / 4)}

    outcome = run(plan, vae, loss_of, checkpoint=checkpoint, **options)
    vae.load_state_dict(outcome.average)
    vae.eval().requires_grad_(False)
    images, _, _ = draw(np.random.default_rng(plan.seed), 256, device)
    spread = torch.cat([vae.encode(part).latents for part in images.split(32)]).std()
    vae.register_to_config(scaling_factor=round(1 / spread.item(), 5))
    return vae, outcome


def train_unet(
    plan: Plan, vae: Any, checkpoint: Path, device: torch.device, **options: Any
) -> tuple[dict[str, Any], Outcome]:
    """Train UNet and text encoder together; return {unet, text_encoder, tokenizer} with averaged weights."""
    torch.manual_seed(plan.seed)
    tokenizer = build_tokenizer()
    both = nn.ModuleDict({"unet": build_unet(), "text_encoder": build_text_encoder(tokenizer)}).to(
        device
    )
    alphas = build_scheduler().alphas_cumprod.to(device)

    def loss_of(step: int, rng: np.random.Generator) -> tuple[Tensor, Mapping[str, float]]:
        return denoising_loss(vae, both, tokenizer, alphas, draw(rng, plan.batch, device)), {}

    outcome = run(plan, both, loss_of, checkpoint=checkpoint, **options)
    both.load_state_dict(outcome.average)
    return {**dict(both.eval().items()), "tokenizer": tokenizer}, outcome


def denoising_loss(
    vae: Any,
    both: nn.ModuleDict,
    tokenizer: Any,
    alphas: Tensor,
    batch: tuple[Tensor, Tensor, list[str]],
) -> Tensor:
    """Return the velocity error of one batch, ten times as heavy in the hole as beside it."""
    images, masks, prompts = batch
    device = images.device
    prompts = [
        "" if drop else text
        for drop, text in zip(torch.rand(len(prompts)) < DROP_TEXT, prompts, strict=True)
    ]
    tokens = tokenizer(
        prompts, padding="max_length", max_length=TEXT_LENGTH, truncation=True, return_tensors="pt"
    )
    with torch.no_grad():
        stacked = torch.cat([images, images * (masks < 0.5)])
        latents, masked = (vae.encode(stacked).latents.float() * vae.config.scaling_factor).chunk(2)
    hole = functional.interpolate(masks, latents.shape[-2:])
    t = torch.randint(0, 1000, (len(images),), device=device)
    # 999 is the step that decides most
    t = torch.where(torch.rand(len(images), device=device) < 0.15, 999, t)
    signal = alphas[t].sqrt()[:, None, None, None]
    noise_level = (1 - alphas[t]).sqrt()[:, None, None, None]
    noise = torch.randn_like(latents)
    text = both["text_encoder"](tokens.input_ids.to(device)).last_hidden_state
    noisy = signal * latents + noise_level * noise
    output = both["unet"](torch.cat([noisy, hole, masked], 1), t, text).sample.float()
    velocity = signal * noise - noise_level * latents
    weight = 0.1 + 0.9 * hole
    return ((output - velocity).square() * weight).sum() / (weight.sum() * latents.shape[1])


def export(parts: dict[str, Any], vae: Any, out: Path) -> None:
    """Write the pipeline as fp16 safetensors, in the layout of `DiffusionPipeline.from_pretrained`."""
    from diffusers import StableDiffusionInpaintPipeline

    pipeline = StableDiffusionInpaintPipeline(
        vae=vae, scheduler=build_scheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False, **parts,
    )  # fmt: skip
    for part in (vae, parts["unet"], parts["text_encoder"]):
        part.to("cpu", torch.float16)
    pipeline.save_pretrained(out, safe_serialization=True)


def train(
    *,
    out: Path,
    checkpoint: Path,
    steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    **options: Any,
) -> Outcome:
    """Train both stages and write the pipeline to `out`.

    `steps` is of the denoiser; the autoencoder's follow in proportion.
    """
    place = pick_device(device)
    unet_plan = replace(UNET_PLAN, steps=steps or UNET_PLAN.steps, seed=seed)
    share = unet_plan.steps / UNET_PLAN.steps
    vae_plan = replace(VAE_PLAN, steps=max(1, round(VAE_PLAN.steps * min(1.0, share))), seed=seed)
    vae, first = train_vae(vae_plan, checkpoint.with_name("inpaint-vae.pt"), place, **options)
    parts, second = train_unet(unet_plan, vae, checkpoint, place, **options)
    export(parts, vae, out)
    return replace(
        second, seconds=first.seconds + second.seconds, samples=first.samples + second.samples
    )
