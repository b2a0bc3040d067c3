"""The pocket SAM: segment-anything's own classes at 128 px, trained from scratch on biased scenes.

    train(out=Path("sam"), steps=6000)          # sam/config.json, sam/model.safetensors
    (scene, point inside the red heart)      -> the heart's pixels
    (scene, point on empty ground)           -> all that is no thing

`Sam.forward` runs without gradients, so the three submodules are called one by one: one picture is
encoded once and serves several prompts. Both the single-mask token and the best of the three others
learn from each prompt.
"""

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from counterfactory.factory.world.render import render, thing_masks
from counterfactory.factory.world.scene import SIDE, scene_at
from counterfactory.models.segment import build_sam, sam_folder
from counterfactory.records import Mask, Pixels
from counterfactory.training.pocket.augment import worn
from counterfactory.training.pocket.common import Outcome, Plan, export, pick_device, run

CONFIG: dict[str, Any] = {
    "image_size": SIDE,
    "patch_size": 8,
    "embed_dim": 128,
    "depth": 5,
    "num_heads": 4,
    "mlp_ratio": 4,
    "window_size": 8,
    "global_attn_indexes": [2, 4],
    "out_chans": 64,
    "prompt_dim": 64,
    "mask_in_chans": 8,
    "decoder": {"depth": 2, "mlp_dim": 192, "num_heads": 4, "iou_depth": 2, "iou_dim": 64},
    "grid": {"points_per_side": 12, "min_score": 0.75, "min_stability": 0.8, "max_iou": 0.5},
}
PROMPTS = 5  # per picture
PLAN = Plan(name="sam", steps=2800, batch=12, lr=2e-3, bf16=True)


@dataclass(frozen=True, slots=True)
class Prompt:
    """A point or a box, in pixels, and the mask it means."""

    point: tuple[float, float] | None
    box: tuple[float, float, float, float] | None
    mask: Mask


def picture(rng: np.random.Generator, seed: int) -> tuple[Pixels, list[Mask]]:
    """Draw a biased scene, some things copied elsewhere, worn; return it and the things' masks."""
    scene = scene_at("biased", "train", seed, int(rng.integers(0, 2**40)))
    pixels, masks = render(scene), thing_masks(scene)
    for _ in range(int(rng.integers(0, 3)) if masks else 0):
        pixels, masks = _paste_copy(pixels, masks, rng)
    # a turned or mirrored scene, as pixels
    turn = int(rng.integers(0, 8)) if rng.random() < 0.3 else 0
    pixels, masks = _turned(pixels, turn), [_turned(mask, turn) for mask in masks]
    if rng.random() < 0.15:
        pixels = pixels[:, :, rng.permutation(3)]
    return worn(pixels, rng), masks


def _turned(array: np.ndarray, turn: int) -> np.ndarray:
    array = np.rot90(array, turn % 4)
    return np.ascontiguousarray(array[:, ::-1] if turn >= 4 else array)


def _paste_copy(
    pixels: Pixels, masks: list[Mask], rng: np.random.Generator
) -> tuple[Pixels, list[Mask]]:
    """Cut one thing out, resize it a little, put it where nothing is (or give up)."""
    mask = masks[int(rng.integers(len(masks)))]
    ys, xs = np.where(mask)
    y0, y1, x0, x1 = ys.min(), ys.max() + 1, xs.min(), xs.max() + 1
    scale = float(rng.uniform(0.75, 1.25))
    size = (max(12, round((x1 - x0) * scale)), max(12, round((y1 - y0) * scale)))
    cut = cv2.resize(pixels[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA)
    soft = cv2.resize(mask[y0:y1, x0:x1].astype(np.float32), size, interpolation=cv2.INTER_AREA)
    left = int(rng.integers(2, SIDE - size[0] - 2))
    top = int(rng.integers(2, SIDE - size[1] - 2))
    window = np.s_[top : top + size[1], left : left + size[0]]
    around = np.s_[max(0, top - 3) : top + size[1] + 3, max(0, left - 3) : left + size[0] + 3]
    if any(other[around].any() for other in masks):
        return pixels, masks
    pixels, new = pixels.copy(), np.zeros_like(mask)
    under = pixels[window]
    pixels[window] = (under * (1 - soft[..., None]) + cut * soft[..., None] + 0.5).astype(np.uint8)
    new[window] = soft > 0.5
    return pixels, [*masks, new]


def prompts(masks: list[Mask], rng: np.random.Generator, count: int = PROMPTS) -> list[Prompt]:
    """Draw prompts: mostly points in things, some loose boxes, some points on the ground."""
    ground = ~np.any(masks, axis=0) if masks else np.ones((SIDE, SIDE), bool)
    found = []
    for _ in range(count):
        draw = rng.random()
        if not masks or draw < 0.2:
            found.append(Prompt(_point(ground, rng), None, ground))
            continue
        mask = masks[int(rng.integers(len(masks)))]
        if draw < 0.72:
            found.append(Prompt(_point(mask, rng), None, mask))
        else:
            found.append(Prompt(None, _box(mask, rng), mask))
    return found


def _point(mask: Mask, rng: np.random.Generator) -> tuple[float, float]:
    ys, xs = np.where(mask)
    pick = int(rng.integers(len(ys)))
    return float(xs[pick]), float(ys[pick])


def _box(mask: Mask, rng: np.random.Generator) -> tuple[float, float, float, float]:
    ys, xs = np.where(mask)
    box = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], np.float32)
    side = float(max(box[2] - box[0], box[3] - box[1]))
    box += rng.normal(0, 0.07 * side, 4).clip(-0.2 * side, 0.2 * side)
    x0, y0, x1, y1 = np.clip(box, 0, SIDE)
    return float(x0), float(y0), float(x1), float(y1)


def embed_prompts(sam: Any, asked: list[Prompt], device: torch.device) -> tuple[Tensor, Tensor]:
    """Return sparse and dense embeddings in the order of `asked`; each prompt is two tokens."""
    boxes = [i for i, p in enumerate(asked) if p.box is not None]
    points = [i for i, p in enumerate(asked) if p.box is None]
    encoder = sam.prompt_encoder
    sparse = torch.zeros(len(asked), 2, encoder.embed_dim, device=device)
    dense = encoder.no_mask_embed.weight.reshape(1, -1, 1, 1).expand(
        len(asked), -1, *encoder.image_embedding_size
    )
    if points:
        xy = torch.tensor([asked[i].point for i in points], device=device)[:, None]
        labels = torch.ones(len(points), 1, device=device)
        sparse[points] = encoder(points=(xy, labels), boxes=None, masks=None)[0].float()
    if boxes:
        corners = torch.tensor([asked[i].box for i in boxes], device=device)
        sparse[boxes] = encoder(points=None, boxes=corners, masks=None)[0].float()
    return sparse, dense


def decode(sam: Any, images: Tensor, sparse: Tensor, dense: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits (P, 4, h, w) and guessed IoUs (P, 4) for P prompts over several images.

    `MaskDecoder.predict_masks` takes one image at a time; this is the same with as many.
    """
    decoder = sam.mask_decoder
    each = len(sparse) // len(images)
    outputs = torch.cat([decoder.iou_token.weight, decoder.mask_tokens.weight])
    tokens = torch.cat([outputs.expand(len(sparse), -1, -1), sparse], dim=1)
    source = images.repeat_interleave(each, dim=0) + dense
    place = sam.prompt_encoder.get_dense_pe().expand(len(sparse), -1, -1, -1)
    hidden, source = decoder.transformer(source, place, tokens)
    height, width = images.shape[-2:]
    features = decoder.output_upscaling(
        source.transpose(1, 2).reshape(len(sparse), -1, height, width)
    )
    weights = torch.stack(
        [mlp(hidden[:, 1 + i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], dim=1
    )
    logits = (weights @ features.flatten(2)).unflatten(2, features.shape[-2:])
    return logits, decoder.iou_prediction_head(hidden[:, 0])


def mask_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return cross-entropy (heavier where wrong) plus dice, one value per mask (..., H, W)."""
    entropy = F.softplus(logits) - logits * target
    chance = logits.sigmoid()
    wrong = (chance - target).abs()
    focal = (entropy * (0.1 + wrong)).mean((-1, -2)) * 8
    both = (chance * target).sum((-1, -2))
    dice = 1 - (2 * both + 1) / (chance.sum((-1, -2)) + target.sum((-1, -2)) + 1)
    return focal + dice


def iou(mask: Tensor, target: Tensor) -> Tensor:
    """Return the IoU of bool masks over the last two axes."""
    return (mask & target).sum((-1, -2)) / (mask | target).sum((-1, -2)).clamp(min=1)


def losses(sam: Any, pixels: Tensor, asked: list[Prompt]) -> tuple[Tensor, dict[str, float]]:
    """Return a batch's loss: the single mask, the best of three, and the guesses of their IoU."""
    device = pixels.device
    encoded = sam.image_encoder(sam.preprocess(pixels))
    low, guess = decode(sam, encoded, *embed_prompts(sam, asked, device))
    target = torch.from_numpy(np.stack([p.mask for p in asked])).to(device)
    size = target.shape[-2:]
    with torch.no_grad():
        full = F.interpolate(low.float(), size, mode="bilinear", align_corners=False)
        real = iou(full > 0, target[:, None])
        small = F.adaptive_avg_pool2d(target[:, None].float(), low.shape[-2:])
        best = 1 + mask_loss(low[:, 1:].float(), small).argmin(1)
    rows = torch.arange(len(asked), device=device)
    chosen = torch.stack([low[:, 0], low[rows, best]], dim=1).float()
    chosen = F.interpolate(chosen, size, mode="bilinear", align_corners=False)
    masks = mask_loss(chosen, target[:, None].float()).mean()
    guesses = F.mse_loss(guess.float(), real)
    parts = {
        "mask": float(masks.detach()),
        "iou": float(real[rows, best].mean()),
        "guess": float(guesses.detach()),
    }
    return masks + guesses, parts


def train(
    *,
    out: Path,
    checkpoint: Path,
    steps: int | None = None,
    batch: int | None = None,
    device: str = "auto",
    seed: int = 0,
    resume: bool = True,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Outcome:
    """Train and write `out`/config.json and model.safetensors."""
    plan = replace(PLAN, steps=steps or PLAN.steps, batch=batch or PLAN.batch, seed=seed)
    place = pick_device(device)
    torch.manual_seed(seed)
    sam = build_sam(CONFIG).to(place)

    def loss_of(step: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        drawn = [picture(rng, seed) for _ in range(plan.batch)]
        pixels = torch.from_numpy(np.stack([image for image, _ in drawn])).permute(0, 3, 1, 2)
        asked = [prompt for _, masks in drawn for prompt in prompts(masks, rng)]
        return losses(sam, pixels.to(place).float(), asked)

    outcome = run(
        plan, sam, loss_of, checkpoint=checkpoint, resume=resume, quiet=quiet, stop_after=stop_after
    )
    config, weights = sam_folder(out)
    export(outcome.average, weights)
    config.write_text(
        json.dumps(CONFIG | {"plan": asdict(plan)}, indent=2) + "\n", encoding="utf-8"
    )
    return outcome
