"""The training loop of all pocket models: seeded, resumable, with an average of the weights.

    plan = Plan("sam", steps=9000, batch=16, lr=2e-3, seed=0)
    outcome = run(plan, model, loss_of, checkpoint=out / "sam.pt")
    export(outcome.average, out / "model.safetensors")

`loss_of(step, rng)` makes its own batch from `rng`, which depends on seed and step alone: a run
that was killed and started again goes through the same batches and ends with the same weights.
"""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from counterfactory.fingerprint import seed_for
from counterfactory.models.devices import choose
from counterfactory.progress import Progress

LossOf = Callable[[int, np.random.Generator], tuple[Tensor, Mapping[str, float]]]
State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long and how fast to train. The rate is level until the last `cooldown` of the steps."""

    name: str
    steps: int
    batch: int
    lr: float  # of Muon and AdamW alike: Muon's updates are scaled to AdamW's size
    seed: int = 0
    warmup: int = 100  # steps
    cooldown: float = 0.3  # share of the steps
    weight_decay: float = 0.01
    average: float = 0.998  # decay of the moving average of the weights
    clip_norm: float = 1.0
    bf16: bool = False  # autocast; on a CPU only where it has bf16 instructions
    save_every: float = 60.0  # seconds between checkpoints


@dataclass
class Outcome:
    """What came out: the averaged weights, and what they cost."""

    average: State
    steps: int = 0
    samples: int = 0
    seconds: float = 0.0  # over all runs of this training
    final: dict[str, float] = field(default_factory=dict)  # last smoothed losses


def pick_device(device: str) -> torch.device:
    """Return the device meant by "auto", "cpu", "cuda"."""
    return torch.device(choose(device)[0])


def optimizers(model: nn.Module, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside blocks, AdamW for all else (embeddings, norms, biases)."""
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        inner = weight.ndim == 2 and min(weight.shape) >= 16 and "embed" not in name
        (matrices if inner else others).append(weight)
    found: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=plan.lr, betas=(0.9, 0.98), weight_decay=0.0)
    ]
    if matrices:
        found.append(
            torch.optim.Muon(
                matrices,
                lr=plan.lr,
                weight_decay=plan.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    return found


def rate(plan: Plan, step: int) -> float:
    """Return the share of the full rate at a step: up, level, down in a straight line."""
    down = max(1, int(plan.steps * plan.cooldown))
    return min(1.0, (step + 1) / max(1, plan.warmup), (plan.steps - step) / down)


def generator(seed: int, name: str, step: int) -> np.random.Generator:
    """Return the source of chance of one step; torch's own is set alike."""
    value = seed_for(seed, "pocket", name, str(step))
    torch.manual_seed(value)
    return np.random.default_rng(value)


class _Run:
    """The state that a checkpoint holds."""

    def __init__(self, plan: Plan, model: nn.Module) -> None:
        self.plan, self.model = plan, model
        self.optimizers = optimizers(model, plan)
        self.average: State = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.step, self.seconds, self.smooth = 0, 0.0, dict[str, float]()

    def save(self, path: Path) -> None:
        """Write everything beside, then rename: a kill leaves the old or the new file, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "name": self.plan.name,
            "seed": self.plan.seed,
            "step": self.step,
            "seconds": self.seconds,
            "smooth": self.smooth,
            "model": self.model.state_dict(),
            "average": self.average,
            "optimizers": [o.state_dict() for o in self.optimizers],
        }
        beside = path.with_suffix(".tmp")
        torch.save(state, beside)
        os.replace(beside, path)

    def load(self, path: Path) -> None:
        """Take up a checkpoint of the same training; one of another seed is not ours."""
        device = next(self.model.parameters()).device
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        if (state["name"], state["seed"]) != (self.plan.name, self.plan.seed):
            return
        self.step, self.seconds, self.smooth = state["step"], state["seconds"], state["smooth"]
        self.model.load_state_dict(state["model"])
        self.average = state["average"]
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)

    def advance(self, loss_of: LossOf) -> None:
        """Take one step."""
        plan = self.plan
        rng = generator(plan.seed, plan.name, self.step)
        device = next(self.model.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=plan.bf16):
            loss, parts = loss_of(self.step, rng)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), plan.clip_norm)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = plan.lr * rate(plan, self.step)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        keep = min(plan.average, (1 + self.step) / (10 + self.step))
        for name, value in self.model.state_dict().items():
            held = self.average[name]
            if held.is_floating_point():
                held.lerp_(value, 1 - keep)
            else:
                held.copy_(value)
        for name, part in {"loss": float(loss.detach()), **parts}.items():
            if not math.isnan(part):
                self.smooth[name] = 0.98 * self.smooth.get(name, part) + 0.02 * part
        self.step += 1


def run(
    plan: Plan,
    model: nn.Module,
    loss_of: LossOf,
    *,
    checkpoint: Path,
    resume: bool = True,
    quiet: bool = False,
    stop_after: int | None = None,
) -> Outcome:
    """Train until `plan.steps`, from `checkpoint` if there is one; `stop_after` ends it early."""
    model.train()
    state = _Run(plan, model)
    if resume and checkpoint.exists():
        state.load(checkpoint)
    last = plan.steps if stop_after is None else min(plan.steps, state.step + stop_after)
    clock = saved = time.monotonic()
    with Progress(plan.steps, plan.name, unit="steps", done=state.step, quiet=quiet) as progress:
        while state.step < last:
            state.advance(loss_of)
            now = time.monotonic()
            state.seconds, clock = state.seconds + now - clock, now
            progress.advance(1, note=", ".join(f"{k} {v:.4f}" for k, v in state.smooth.items()))
            if now - saved >= plan.save_every or state.step == last:
                state.save(checkpoint)
                saved = now
    return Outcome(
        average=state.average,
        steps=state.step,
        samples=state.step * plan.batch,
        seconds=state.seconds,
        final=dict(state.smooth),
    )


def export(weights: State, path: Path) -> None:
    """Write weights as fp16 safetensors (whole numbers keep their type), beside and renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    half = {
        k: (v.half() if v.is_floating_point() else v).cpu().contiguous() for k, v in weights.items()
    }
    beside = path.with_suffix(".tmp")
    save_file(half, beside)
    beside.chmod(0o644)
    os.replace(beside, path)
