"""The pocket CLIP: open_clip's own classes at 128 px, trained from scratch on biased scenes.

    train(out=Path("clip"), checkpoint=Path("clip.pt"))    # a folder for open_clip's `local-dir:`

The vision tower first learns from dense labels (what stands in each patch); then texts come in:

    scenes    image against all captions of the batch and its own near misses (NegCLIP's loss)
    crops     image against phrases for every (colour, kind), kind, colour, and "nothing"
    both      a linear reader of each embedding must list the (colour, kind) pairs that are there

The image embedding is the average over patches, so that what is there adds up.
"""

import json
import random
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, SIZES, Scene, Thing
from counterfactory.training.pocket.augment import worn
from counterfactory.training.pocket.clip_data import (
    PAIRS,
    View,
    bank,
    contents,
    draw_scene,
    empty_crop,
    patch_labels,
    texts_of,
    thing_crop,
    view,
)
from counterfactory.training.pocket.clip_words import LENGTH, write_tokenizer
from counterfactory.training.pocket.common import Outcome, Plan, export, pick_device, run

PATCH = 16
GRID = SIDE // PATCH
SIZE_NAMES = tuple(SIZES)
MODEL: dict[str, Any] = {
    "embed_dim": 192,
    "vision_cfg": {
        "image_size": SIDE, "patch_size": PATCH, "layers": 5, "width": 160, "head_width": 32,
        "mlp_ratio": 4.0, "pool_type": "avg",
    },
    "text_cfg": {
        "context_length": LENGTH, "layers": 3, "width": 128, "heads": 4, "mlp_ratio": 4.0,
        "hf_tokenizer_name": "words", "pool_type": "argmax",
    },
}  # fmt: skip
PREPROCESS = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25], "interpolation": "bicubic"}
DENSE = 0.15  # share of the steps before texts come in
MISSES = 2  # near misses per caption
PLAN = Plan(name="clip", steps=2200, batch=80, lr=2e-3, bf16=True, average=0.997)


@dataclass(frozen=True, slots=True)
class Batch:
    """One step's pictures and texts: scenes first, then crops. A crop of nothing has no thing."""

    pixels: Tensor  # uint8, N x 3 x H x W
    views: list[View]
    scenes: list[Scene]
    crops: list[Thing | None]
    texts: list[str]
    misses: list[list[str]]
    banks: tuple[list[str], list[str], list[str]]


def draw(rng: np.random.Generator, seed: int, count: int) -> Batch:
    """Draw a batch: 5 scenes to 4 crops, one crop in eight of nothing."""
    talk = random.Random(int(rng.integers(2**60)))
    num_scenes = count * 5 // 9
    scenes = [draw_scene(rng, seed) for _ in range(num_scenes)]
    views = [view(scene) for scene in scenes]
    crops: list[Thing | None] = []
    cut: list[View] = []
    while len(crops) < count - num_scenes:
        whole = views[int(rng.integers(num_scenes))]
        empty = empty_crop(whole, rng) if rng.random() < 0.12 else None
        one, thing = (empty, None) if empty else thing_crop(whole, rng)
        cut.append(one)
        crops.append(thing)
    pixels = np.stack([worn(one.pixels, rng, colour=0.04) for one in [*views, *cut]])
    spoken = [texts_of(scene, talk, MISSES) for scene in scenes]
    return Batch(
        pixels=torch.from_numpy(pixels).permute(0, 3, 1, 2),
        views=[*views, *cut],
        scenes=scenes,
        crops=crops,
        texts=[true for true, _ in spoken],
        misses=[wrong for _, wrong in spoken],
        banks=bank(talk),
    )


class Readers(nn.Module):
    """Linear heads that exist in training only."""

    def __init__(self, width: int, embed: int) -> None:
        super().__init__()
        self.patch = nn.Linear(width, 1 + len(KINDS) + 1 + len(COLOURS) + 1 + len(SIZES))
        self.image, self.text = nn.Linear(embed, len(PAIRS)), nn.Linear(embed, len(PAIRS))


class Student(nn.Module):
    """The CLIP in training with its readers."""

    def __init__(self, clip: nn.Module) -> None:
        super().__init__()
        self.clip = clip
        self.readers = Readers(MODEL["vision_cfg"]["width"], MODEL["embed_dim"])

    def see(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return patch tokens and embeddings (not normalised): `clip.visual` step by step."""
        mean, std = PREPROCESS["mean"][0], PREPROCESS["std"][0]
        visual = self.clip.visual
        tokens = visual.transformer(visual._embeds((pixels.float() / 255 - mean) / std))
        tokens = visual.ln_post(tokens)[:, 1:]
        return tokens, tokens.mean(1) @ visual.proj

    def say(self, ids: Tensor) -> Tensor:
        """Return embeddings (not normalised) of texts: a cheaper `encode_text`."""
        clip, length = self.clip, ids.shape[1]
        hidden = clip.token_embedding(ids) + clip.positional_embedding[:length]
        hidden = clip.ln_final(clip.transformer(hidden, attn_mask=clip.attn_mask[:length, :length]))
        return (
            hidden[torch.arange(len(ids), device=ids.device), ids.argmax(1)] @ clip.text_projection
        )


def dense_loss(readers: Readers, tokens: Tensor, views: list[View]) -> tuple[Tensor, float]:
    """Return the loss of naming what is in each patch, and how often the kind is right."""
    device = tokens.device
    rows = []
    for one in views:
        names = [
            (1 + KINDS.index(t.kind), 1 + COLOURS.index(t.colour), 1 + SIZE_NAMES.index(t.size))
            for t in one.things
        ]
        rows.append(np.array([(0, 0, 0), *names])[patch_labels(one, GRID)])
    target = torch.from_numpy(np.concatenate(rows)).to(device)
    said = readers.patch(tokens).flatten(0, 1).float()
    kind, colour, size = said.split([1 + len(KINDS), 1 + len(COLOURS), 1 + len(SIZES)], dim=1)
    weight = torch.where(target[:, 0] > 0, 1.0, 0.3)
    loss = torch.zeros((), device=device)
    for part, column, share in ((kind, 0, 1.0), (colour, 1, 1.0), (size, 2, 0.3)):
        loss = (
            loss
            + share * (F.cross_entropy(part, target[:, column], reduction="none") * weight).mean()
        )
    on = target[:, 0] > 0
    return loss, float((kind.argmax(1) == target[:, 0])[on].float().mean())


def read_loss(said: Tensor, things: list[tuple[Thing, ...]]) -> Tensor:
    """Return the loss of listing which (colour, kind) pairs are there."""
    target = torch.from_numpy(np.stack([contents(some) for some in things])).to(said.device)
    return F.binary_cross_entropy_with_logits(said.float(), (target > 0).float()) * 20


def scene_loss(
    images: Tensor, texts: Tensor, scale: Tensor, batch: Batch
) -> tuple[Tensor, dict[str, float]]:
    """Return NegCLIP's loss: image -> texts and near misses, text -> images.

    A text that is true of another image of the batch does not count against that image.
    """
    count = len(images)
    logits = scale * images @ texts.T  # (N, N * (1 + MISSES)), true captions first
    bags = [contents(scene.things).tobytes() for scene in batch.scenes]
    alike = torch.tensor([[a == b for b in bags] for a in bags], device=images.device)
    alike &= ~torch.eye(count, dtype=torch.bool, device=images.device)
    equal = torch.zeros(count, logits.shape[1], dtype=torch.bool, device=images.device)
    equal[:, :count] = alike
    for i, (true, wrong) in enumerate(zip(batch.texts, batch.misses, strict=True)):
        for n, miss in enumerate(wrong):
            equal[i, count + i * MISSES + n] = miss == true
    logits = logits.masked_fill(equal, -100.0)
    target = torch.arange(count, device=images.device)
    back = F.cross_entropy(logits[:, :count].T, target)
    loss = F.cross_entropy(logits, target) + back
    own = torch.arange(count * MISSES, device=images.device).reshape(count, MISSES) + count
    near = logits.gather(1, own)
    loss = loss + F.cross_entropy(torch.cat([logits.diagonal()[:, None], near], 1), target * 0)
    valid = near > -100.0
    swaps = ((logits.diagonal()[:, None] > near) & valid).sum() / valid.sum().clamp(min=1)
    return loss, {"swap": float(swaps), "top1": float((logits.argmax(1) == target).float().mean())}


def crop_loss(
    images: Tensor, banks: list[Tensor], scale: Tensor, crops: list[Thing | None]
) -> tuple[Tensor, float]:
    """Return the loss of picking the right phrase from each bank, and how often it is right."""
    nothing = (len(PAIRS), len(KINDS), len(COLOURS))
    labels = [
        (PAIRS.index((t.colour, t.kind)), KINDS.index(t.kind), COLOURS.index(t.colour))
        if t
        else nothing
        for t in crops
    ]
    target = torch.tensor(labels, device=images.device)
    loss, right = torch.zeros((), device=images.device), 0.0
    for column, (texts, share) in enumerate(zip(banks, (1.0, 0.5, 0.5), strict=True)):
        logits = scale * images @ texts.T
        loss = loss + share * F.cross_entropy(logits, target[:, column])
        if column == 0:
            right = float((logits.argmax(1) == target[:, 0]).float().mean())
    return loss, right


class Lesson:
    """The loss of a step, for `common.run`."""

    def __init__(self, student: Student, tokenizer: Any, plan: Plan, device: torch.device) -> None:
        self.student, self.tokenizer, self.plan, self.device = student, tokenizer, plan, device

    def tokens(self, texts: list[str]) -> Tensor:
        """Return token ids, cut to the longest text."""
        ids = self.tokenizer(texts)
        return ids[:, : int((ids != 0).sum(1).max())].to(self.device)

    def __call__(self, step: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        student, readers = self.student, self.student.readers
        batch = draw(rng, self.plan.seed, self.plan.batch)
        patches, images = student.see(batch.pixels.to(self.device))
        count = len(batch.scenes)
        dense, named = dense_loss(readers, patches, batch.views)
        loss = dense + read_loss(readers.image(images[:count]), [s.things for s in batch.scenes])
        parts = {"dense": float(dense.detach()), "named": named}
        if step < DENSE * self.plan.steps:
            return loss, parts
        asked = [*batch.texts, *(miss for wrong in batch.misses for miss in wrong)]
        texts = student.say(self.tokens(asked)).float()
        short = student.say(self.tokens([text for one in batch.banks for text in one])).float()
        loss = loss + read_loss(readers.text(texts[:count]), [s.things for s in batch.scenes])
        images, scale = (
            F.normalize(images.float(), dim=1),
            student.clip.logit_scale.exp().clamp(max=100),
        )
        scenes, scored = scene_loss(images[:count], F.normalize(texts, dim=1), scale, batch)
        banks = list(F.normalize(short, dim=1).split([len(one) for one in batch.banks]))
        crops, right = crop_loss(images[count:], banks, scale, batch.crops)
        return loss + scenes + crops, parts | scored | {"crop": right}


def write_folder(out: Path) -> None:
    """Write all but the weights: config and tokenizer."""
    size = write_tokenizer(out)
    model = MODEL | {"text_cfg": MODEL["text_cfg"] | {"vocab_size": size}}
    config = {"model_cfg": model, "preprocess_cfg": PREPROCESS}
    (out / "open_clip_config.json").write_text(
        json.dumps(config, indent=2) + "\n", encoding="utf-8"
    )


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
    """Train and write `out`: config, tokenizer, open_clip_model.safetensors, plan.json."""
    import open_clip

    plan = replace(PLAN, steps=steps or PLAN.steps, batch=batch or PLAN.batch, seed=seed)
    place = pick_device(device)
    write_folder(out)
    torch.manual_seed(seed)
    model = json.loads((out / "open_clip_config.json").read_text(encoding="utf-8"))["model_cfg"]
    student = Student(
        open_clip.CLIP(model["embed_dim"], model["vision_cfg"], model["text_cfg"])
    ).to(place)
    lesson = Lesson(student, open_clip.get_tokenizer(f"local-dir:{out}"), plan, place)
    outcome = run(
        plan,
        student,
        lesson,
        checkpoint=checkpoint,
        resume=resume,
        quiet=quiet,
        stop_after=stop_after,
    )
    weights = {
        k.removeprefix("clip."): v for k, v in outcome.average.items() if k.startswith("clip.")
    }
    export(weights, out / "open_clip_model.safetensors")
    (out / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
    return outcome
