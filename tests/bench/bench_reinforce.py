"""What a step of `train reinforce` costs, against TRL's own GRPO on the same prompts and seeds.

    python tests/bench/bench_reinforce.py --data runs/world-qa --data runs/world-safety
    python tests/bench/bench_reinforce.py --model DIR --data R --set batch=64 --set group=8 --rounds 5

rollouts   answers to a batch of prompts: a prompt computed once for its group, against G times; both
           give the same answers, which is checked
step       rollouts, rewards, forward, backward, optimizer: ours (`once`, `skip_equal`) against stock

Kinds take turns in one process; medians of seconds, and of the ratio of neighbours.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any


def trainer_of(args: argparse.Namespace, work: Path) -> Any:
    from counterfactory.training.outfit import outfit_for
    from counterfactory.training.record import Recorder
    from counterfactory.training.reinforce import Settings, trainer_for
    from counterfactory.training.settings import settings_from
    from counterfactory.training.train import rows_for

    settings = settings_from(Settings, ["reward=rule", *args.overrides], steps=1000)
    outfit = outfit_for(args.model, settings, args.device)
    rows = rows_for(args.data, settings.views())
    trainer = trainer_for(outfit, rows, settings, work, Recorder(work, settings.steps))
    trainer.model.train()
    trainer.create_optimizer_and_scheduler(1000)
    return trainer


def clocked(run: Callable[[], Any]) -> tuple[float, Any]:
    import torch

    torch.cuda.is_available() and torch.cuda.synchronize()
    start = time.perf_counter()
    found = run()
    torch.cuda.is_available() and torch.cuda.synchronize()
    return time.perf_counter() - start, found


def measured(args: argparse.Namespace) -> dict[str, Any]:
    import torch

    from counterfactory.training.rollouts import rollouts

    with tempfile.TemporaryDirectory() as held:
        trainer = trainer_of(args, Path(held))
        batches = iter(trainer.get_train_dataloader())
        seconds: dict[str, list[float]] = {}
        for number in range(args.rounds + 1):  # the first is for warming up
            batch = next(batches)
            prompts = chats(batch)
            trainer._rows = batch
            trainer.demonstrate = False
            said = []
            for name, rollout in (("stock", None), ("ours", rollouts)):
                trainer.rollout_func = rollout
                torch.manual_seed(number)
                took, made = clocked(partial(trainer._generate, prompts))
                said.append([list(ids) for ids in made[1]])
                seconds.setdefault(f"rollouts {name}", []).append(took)
            assert said[0] == said[1] or args.device != "cpu", "other answers than TRL's"
            for name, rollout in (("stock", None), ("ours", rollouts)):
                trainer.rollout_func, trainer.skip_equal = rollout, rollout is not None
                took, _ = clocked(partial(step, trainer, batch))
                seconds.setdefault(f"step {name}", []).append(took)
    return told({name: some[1:] for name, some in seconds.items()})


def chats(batch: list[dict[str, Any]]) -> list[Any]:
    from trl.data_utils import prepare_multimodal_messages

    return [prepare_multimodal_messages(row["prompt"], images=row["images"]) for row in batch]


def step(trainer: Any, batch: Any) -> None:
    trainer._buffered_inputs = None
    trainer.current_gradient_accumulation_steps = 1
    trainer.training_step(trainer.model, batch, None)
    trainer.optimizer.step()
    trainer.optimizer.zero_grad()


def told(seconds: dict[str, list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in ("rollouts", "step"):
        stock, ours = seconds[f"{part} stock"], seconds[f"{part} ours"]
        gains = [one / other for one, other in zip(stock, ours, strict=True)]
        found[part] = {
            "stock_seconds": round(statistics.median(stock), 4),
            "ours_seconds": round(statistics.median(ours), 4),
            "gain": round(statistics.median(gains), 3),
            "gain_low": round(min(gains), 3), "gain_high": round(max(gains), 3),
        }  # fmt: skip
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="pocket")
    parser.add_argument("--data", action="append", required=True, metavar="RELEASE")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="key=value")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    print(json.dumps(measured(parser.parse_args()), indent=2))


if __name__ == "__main__":
    main()
