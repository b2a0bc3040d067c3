"""The pocket VLM: LLaVA classes at 64 px, trained from scratch on biased scenes.

    train(out=Path("vlm"), checkpoint=Path("vlm.pt"))    # a folder for AutoModelForImageTextToText

First the vision tower alone learns what stands in each patch, and is left as it is from then on
(LLaVA, too, starts from a trained tower and freezes it). Then pictures of one thing are talked
about, then of more and more, and now and then two pictures that differ in one thing. The loss is on
answers only.
"""

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, SIZES, Scene
from counterfactory.training.pocket.clip_data import patch_labels, view
from counterfactory.training.pocket.common import LossOf, Outcome, Plan, State, pick_device, run
from counterfactory.training.pocket.vlm_data import Turn, careless, pairs, scene_of, turns
from counterfactory.training.pocket.vlm_model import BINS, Student, build_model, quicken
from counterfactory.training.pocket.vlm_pack import Packer, shrink
from counterfactory.training.pocket.vlm_words import PATCH, build_processor
from counterfactory.training.pocket.vlm_words import SIDE as SEEN

TOWER = Plan(name="vlm-tower", steps=1000, batch=64, lr=2e-3, bf16=True, cooldown=0.4)
PLAN = Plan(name="vlm", steps=5040, batch=32, lr=2e-3, bf16=True, cooldown=0.07, average=0.995)
FEW = ((0.04, 1), (0.3, 2), (0.4, 3))  # until this share of the steps: things at most
WEB = 0.38  # from this share of the steps on, pictures and words are as careless as the web's
LENGTH = 272  # tokens of a sequence: 65 of the picture, the rest questions
TWO = 12  # every so many steps, two pictures that differ
SIZE_NAMES = tuple(SIZES)


def patch_targets(scene: Scene) -> np.ndarray:
    """Return kind, colour, size and centre (column, row) of the thing in each patch; 0 is ground."""
    rows = [(0, 0, 0, 0, 0)] + [
        (
            1 + KINDS.index(t.kind), 1 + COLOURS.index(t.colour), 1 + SIZE_NAMES.index(t.size),
            1 + t.x * BINS // SIDE, 1 + t.y * BINS // SIDE,
        )
        for t in scene.things
    ]  # fmt: skip
    return np.asarray(np.array(rows)[patch_labels(view(scene), SEEN // PATCH)])


def pictures(scenes: list[Scene], place: torch.device) -> Tensor:
    """Return the scenes' pictures at the model's size, uint8 N x 3 x 64 x 64."""
    drawn = np.stack([shrink(render(scene)) for scene in scenes])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).to(place)


def look(student: Student, plan: Plan) -> LossOf:
    """Return the loss that teaches the tower what stands in each patch."""

    def loss(step: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        talk, place = random.Random(int(rng.integers(2**60))), next(student.parameters()).device
        scenes = [scene_of(talk, plan.seed, 9) for _ in range(plan.batch)]
        target = torch.from_numpy(np.stack([patch_targets(s) for s in scenes])).to(place)
        each, seen = student.dense(student.see(pictures(scenes, place)), target)
        return each, {"kind": seen}

    return loss


class Lesson:
    """What one step of talk shows, and its loss."""

    def __init__(self, student: Student, packer: Packer, plan: Plan) -> None:
        self.student, self.packer, self.plan = student, packer, plan
        student.vlm.model.vision_tower.requires_grad_(False)
        student.norm.requires_grad_(False)
        student.readers.requires_grad_(False)

    def most(self, step: int) -> int:
        """Return how many things a picture may hold at this step."""
        share = step / self.plan.steps
        return next((most for until, most in FEW if share < until), 9)

    def loss(self, step: int, rng: np.random.Generator) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of one step and its parts."""
        talk, most = random.Random(int(rng.integers(2**60))), self.most(step)
        place = next(self.student.parameters()).device
        if step % TWO == 0 and most == 9:
            rows, scenes = pairs(talk, self.plan.seed, self.plan.batch // 2)
            loss, parts = self.answers(pictures(scenes, place), rows, 256, 2)
            return loss, {"two": parts["answer"]}
        scenes = [scene_of(talk, self.plan.seed, most) for _ in range(self.plan.batch)]
        web = step >= WEB * self.plan.steps
        rows = [turns(scene, scenes, talk, web=web) for scene in scenes]
        if web:
            scenes = [careless(scene, talk) for scene in scenes]
        return self.answers(pictures(scenes, place), rows, LENGTH, 1)

    def answers(
        self, pixels: Tensor, rows: list[list[Turn]], length: int, count: int
    ) -> tuple[Tensor, dict[str, float]]:
        """Return the weighted loss of the answers' tokens."""
        packed, place = self.packer.pack(rows, length, count), pixels.device
        with torch.no_grad():
            tokens = self.student.see(pixels)
        ids, positions, blocks = (t.to(place) for t in packed[:3])
        hidden = self.student.read(tokens, ids, positions, blocks).flatten(0, 1)
        logits = self.student.vlm.lm_head(hidden[packed.at.to(place)]).float()
        said, weight = packed.said.to(place), packed.weight.to(place)
        each = F.cross_entropy(logits, said, reduction="none")
        loss = (each * weight).sum() / weight.sum()
        short = weight == 1.0
        right = (
            (logits.argmax(1) == said)[short].float().mean()
            if short.any()
            else weight.new_tensor(0)
        )
        return loss, {"answer": float(loss.detach()), "right": float(right)}


def untrained(processor: Any, **sizes: Any) -> Any:
    """Return a fresh model that fits the processor."""
    words = processor.tokenizer
    return build_model(
        len(words), pad=words.pad_token_id, begin=words.bos_token_id, end=words.eos_token_id,
        image=processor.image_token_id, **sizes,
    )  # fmt: skip


def write(weights: State, processor: Any, out: Path, plan: Plan) -> None:
    """Write the folder: fp16 weights, which load as float32."""
    out.mkdir(parents=True, exist_ok=True)
    student = Student(untrained(processor))
    student.load_state_dict(weights)
    student.vlm.half().save_pretrained(out)
    processor.save_pretrained(out)
    config = json.loads((out / "config.json").read_text(encoding="utf-8"))
    for part in (config, config["text_config"], config["vision_config"]):
        part["dtype"] = "float32"  # half precision is slow on a CPU, and small enough either way
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    (out / "plan.json").write_text(json.dumps(asdict(plan), indent=2) + "\n", encoding="utf-8")
    for path in out.iterdir():
        path.chmod(0o644)


def train(
    *,
    out: Path,
    checkpoint: Path,
    steps: int | None = None,
    batch: int | None = None,
    tower_steps: int | None = None,
    device: str = "auto",
    seed: int = 0,
    resume: bool = True,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Outcome:
    """Train and write `out`, a folder for `from_pretrained`."""
    plan = replace(PLAN, steps=steps or PLAN.steps, batch=batch or PLAN.batch, seed=seed)
    place = pick_device(device)
    torch.manual_seed(seed)
    processor = build_processor()
    student = Student(quicken(untrained(processor))).to(place)
    options: dict[str, Any] = {"resume": resume, "quiet": quiet, "stop_after": stop_after}
    first = checkpoint.with_name(checkpoint.stem + "-tower.pt")
    tower = replace(TOWER, seed=seed, steps=tower_steps or TOWER.steps)
    seen = run(tower, student, look(student, tower), checkpoint=first, **options)
    if seen.steps < tower.steps:
        return seen
    student.load_state_dict(seen.average)
    lesson = Lesson(student, Packer(processor.tokenizer), plan)
    outcome = run(plan, student, lesson.loss, checkpoint=checkpoint, **options)
    write(outcome.average, processor, out, plan)
    return replace(
        outcome, samples=outcome.samples + seen.samples, seconds=outcome.seconds + seen.seconds
    )
