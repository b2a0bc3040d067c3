"""What the loop of `cotrain` costs beside a bare PyTorch loop of the same model, batches and loss.

    python tests/bench/bench_cotrain.py MODEL RELEASE --steps 20

Both make their batches from rows; the bare loop has no accelerate, no record, no checks for numbers.
Steps alternate in blocks between the two, so that a busy machine is unjust to neither.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from counterfactory.eval.crew import Crew
from counterfactory.training.cotrain import Settings, _seed, _sight, _talks, groups_of, load
from counterfactory.training.cotraining.feed import Feed
from counterfactory.training.cotraining.generator import load_generator
from counterfactory.training.cotraining.loop import accelerator_for, run
from counterfactory.training.cotraining.together import Together, talked
from counterfactory.training.data import load_view
from counterfactory.training.record import Recorder


def parts(model: str, release: str, settings: Settings) -> tuple[Any, Any, Any]:
    """Return (together, feed, groups), fresh."""
    outfit: Any = load(model, settings, "cpu")
    held = {view: load_view([release], view) for view in settings.views()}
    generator = load_generator(settings.generator, "cpu") if settings.draws else None
    _seed(settings.seed)
    sight, collate = _sight(outfit), _talks(outfit, held, settings)
    together = Together(sight, settings, outfit.model, generator)
    feed = Feed(held, sight, settings, Crew(), collate=collate, generator=generator)
    return together, feed, groups_of(together, settings)


def bare(model: str, release: str, settings: Settings) -> list[float]:
    """Return the seconds of each step of a bare loop."""
    together, feed, groups = parts(model, release, settings)
    optimizer, found = torch.optim.AdamW(groups, weight_decay=0.0), []
    for step in range(settings.steps):
        start = time.perf_counter()
        batch = feed(step)
        batch["tokens"] = float(talked(batch["lm"]["labels"]))
        together(batch)["loss"].backward()
        for group in groups:
            torch.nn.utils.clip_grad_norm_(group["params"], settings.clip_norm)
        optimizer.step()
        optimizer.zero_grad()
        found.append(time.perf_counter() - start)
    return found


def ours(model: str, release: str, settings: Settings) -> list[float]:
    """Return the seconds of each step of `cotrain`."""
    together, feed, groups = parts(model, release, settings)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Recorder(Path(folder), settings.steps)
        run(together, feed, groups, settings, Path(folder), recorder, accelerator_for(False))
        return [line["seconds"] for line in recorder.lines()]


def main() -> None:
    """Print the medians and the overhead."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("release")
    parser.add_argument("--steps", type=int, default=10, help="in each of the blocks")
    parser.add_argument("--blocks", type=int, default=3)
    args = parser.parse_args()
    settings = Settings(steps=args.steps, schedule="constant", warmup=0, save_every=10_000)
    times: dict[str, list[float]] = {"bare": [], "ours": []}
    for _ in range(args.blocks):
        times["bare"] += bare(args.model, args.release, settings)[1:]
        times["ours"] += ours(args.model, args.release, settings)[1:]
    mid = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"bare {mid['bare']:.3f} s, ours {mid['ours']:.3f} s, {mid['ours'] / mid['bare'] - 1:+.1%}"
    )


if __name__ == "__main__":
    main()
