"""What a training step costs beside a bare PyTorch loop with the same model, rows, batch and loss.

    python tests/bench/bench_train.py                     # a random LLaVA of the pocket model's size
    python tests/bench/bench_train.py --model pocket --batch 16 --steps 40

All get rows from the same release through TRL's collator; the bare loop is a DataLoader, the model's
own loss, clipping and AdamW, and keeps nothing. It reads the very rows of our steps (the overhead),
and rows at random, as a loop written by hand would (what rows of like length save). The clock is this
process's CPU time on one thread, so a busy machine does not change the ratio much.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

WANTED = 1.15


def release(folder: Path, samples: int) -> Path:
    """Build a small release of questions."""
    from counterfactory.factory.recipe import checked
    from counterfactory.factory.run.build import build

    build(checked("world-qa", [f"source.n={samples}"]), folder / "data", workers=1)
    return folder / "data"


def model_of(folder: Path, name: str) -> str:
    """Return a model's id; "random" is a LLaVA of the pocket model's size, written here."""
    if name != "random":
        return name
    sys.path.append(str(Path(__file__).parents[2]))
    from tests import tiny_vlm

    tiny_vlm.SIDE, tiny_vlm.WIDTH = 64, 192
    tiny_vlm.VISION |= {"hidden_size": 160, "image_size": 64, "num_hidden_layers": 4}
    tiny_vlm.VISION["intermediate_size"] = 448
    plain = tiny_vlm._text
    deeper = {"num_hidden_layers": 6, "intermediate_size": 448, "head_dim": 48}
    tiny_vlm._text = lambda words: {**plain(words), **deeper}
    return str(tiny_vlm.llava(folder))


def ours(model: str, rows: Any, batch: int, steps: int, folder: Path) -> float:
    """Return the CPU seconds of `sft` for so many steps, start and end included."""
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.record import Recorder
    from counterfactory.training.sft import Settings, sft

    outfit = load_outfit(model, device="cpu")
    settings = Settings(steps=steps, batch=batch, save_every=10**6)
    start = time.process_time()
    sft(outfit, rows, settings, folder, Recorder(folder, steps))
    return time.process_time() - start


def bare(model: str, rows: Any, batch: int, steps: int, *, same: bool) -> float:
    """Return the CPU seconds of a plain loop, over the same rows or over any."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from counterfactory.training.lengths import in_order
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.sft import Settings

    outfit = load_outfit(model, device="cpu")
    collate = DataCollatorForVisionLanguageModeling(outfit.processor, completion_only_loss=True)
    start = time.process_time()
    if same:
        rows = in_order(rows, Settings(steps=steps, batch=batch))
        order = torch.utils.data.SequentialSampler(rows)
    else:
        order = torch.utils.data.RandomSampler(rows, generator=torch.Generator().manual_seed(0))
    loader = torch.utils.data.DataLoader(rows, batch, sampler=order, collate_fn=collate)
    optimizer = torch.optim.AdamW(outfit.model.parameters(), lr=2e-4, weight_decay=0.0)
    for done, inputs in enumerate(loader, 1):
        outfit.model(**inputs).loss.backward()
        torch.nn.utils.clip_grad_norm_(outfit.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        if done == steps:
            break
    return time.process_time() - start


def main() -> int:
    """Print the ratio; exit 1 when it is above what is wanted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="random")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    import torch

    from counterfactory.training.data import load_view

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        folder = Path(place)
        model = model_of(folder, args.model)
        data = release(folder, max(40, args.batch * (args.steps + 3) // 12))
        rows = load_view([str(data)], "sft").select_columns(["images", "prompt", "completion"])
        kinds: dict[str, Callable[[int, Path], float]] = {
            "train sft": lambda steps, place: ours(model, rows, args.batch, steps, place),
            "bare loop, the same rows": lambda n, _: bare(model, rows, args.batch, n, same=True),
            "bare loop, rows at random": lambda n, _: bare(model, rows, args.batch, n, same=False),
        }
        costs: dict[str, list[float]] = {name: [] for name in kinds}
        for turn in range(args.rounds):
            for name, run in kinds.items():
                begin = run(2, folder / f"{turn}-{name}-a")
                whole = run(args.steps, folder / f"{turn}-{name}-b")
                costs[name].append((whole - begin) / (args.steps - 2))
    least = {name: min(values) for name, values in costs.items()}
    ratio = least["train sft"] / least["bare loop, the same rows"]
    for name, value in least.items():
        print(f"{1000 * value:8.1f}  ms of CPU a step, {name}, batch {args.batch}")
    print(f"{ratio:8.2f}  times the bare loop over the same rows  (at most {WANTED} wanted)")
    return int(ratio > WANTED)


if __name__ == "__main__":
    os.environ |= {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    sys.exit(main())
