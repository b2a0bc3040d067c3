"""The shared loop: a killed run ends where an uninterrupted one ends."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import nn

from counterfactory.training.pocket.common import Outcome, Plan, export, rate, run

PLAN = Plan(name="toy", steps=12, batch=4, lr=1e-2, warmup=3)


class Killed(Exception):
    pass


def toy() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 32), nn.Dropout(0.1), nn.GELU(), nn.Linear(32, 16), nn.Linear(16, 1)
    )


def train(
    checkpoint: Path, seed: int = 0, save_every: float = 1e9, die_at: int = -1, **options: object
) -> Outcome:
    model = toy()
    plan = replace(PLAN, seed=seed, save_every=save_every)

    def loss_of(step: int, rng: np.random.Generator) -> tuple[torch.Tensor, dict[str, float]]:
        if step == die_at:
            raise Killed
        x = torch.from_numpy(rng.normal(size=(PLAN.batch, 6)).astype(np.float32))
        loss = (model(x) - x.sum(1, keepdim=True)).square().mean()
        return loss, {"error": float(loss.detach())}

    return run(plan, model, loss_of, checkpoint=checkpoint, quiet=True, **options)  # type: ignore[arg-type]


def same(one: Outcome, other: Outcome) -> bool:
    return all(torch.equal(one.average[name], other.average[name]) for name in one.average)


def test_a_run_stopped_twice_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole.pt")
    for stop in (5, 4, 3):
        parts = train(tmp_path / "parts.pt", stop_after=stop)
    assert parts.steps == whole.steps == 12
    assert same(whole, parts)


def test_dropout_and_data_depend_on_the_seed(tmp_path: Path) -> None:
    assert not same(train(tmp_path / "a.pt"), train(tmp_path / "b.pt", seed=1))


def test_a_checkpoint_of_another_seed_is_not_continued(tmp_path: Path) -> None:
    train(tmp_path / "a.pt", stop_after=5)
    assert train(tmp_path / "a.pt", seed=1, stop_after=1).steps == 1


def test_a_finished_run_is_not_trained_again(tmp_path: Path) -> None:
    first = train(tmp_path / "a.pt")
    again = train(tmp_path / "a.pt")
    assert same(first, again) and again.seconds == first.seconds


def test_without_resume_a_run_starts_from_the_beginning(tmp_path: Path) -> None:
    train(tmp_path / "a.pt", stop_after=5)
    assert train(tmp_path / "a.pt", resume=False, stop_after=1).steps == 1


def test_the_rate_rises_holds_and_falls_to_nearly_nothing() -> None:
    plan = Plan(name="toy", steps=100, batch=1, lr=1.0, warmup=10, cooldown=0.3)
    assert rate(plan, 0) == 0.1
    assert rate(plan, 50) == 1.0
    assert 0 < rate(plan, 99) < 0.04


def test_export_writes_half_precision_that_anyone_may_read(tmp_path: Path) -> None:
    export({"w": torch.ones(3, 3), "n": torch.arange(3)}, tmp_path / "m.safetensors")
    found = load_file(tmp_path / "m.safetensors")
    assert found["w"].dtype == torch.float16 and found["n"].dtype == torch.int64
    assert (tmp_path / "m.safetensors").stat().st_mode & 0o444 == 0o444


def test_a_run_that_dies_between_checkpoints_ends_with_the_same_weights(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole.pt")
    torch.manual_seed(99)
    try:
        train(tmp_path / "killed.pt", save_every=0.0, die_at=7)
    except Killed:
        pass
    assert same(whole, train(tmp_path / "killed.pt"))
