"""How much of a recipe's time its models take: the command against the same models called in bare batches.

    python tests/bench/bench_recipe.py                        # region-diff, 96 samples, one worker
    python tests/bench/bench_recipe.py --recipe region-diff --samples 32

The chain runs once in this process with every call of a model written down; then those calls are made again, with
nothing around them, by the clock. They are compared with the command from its first batch to its last, libraries
loaded; the whole command, loading and release included, is shown beside it.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from counterfactory.factory.run.worker import ONE_THREAD

Call = Callable[[], Any]


class Recorder:
    """A model that writes down every call, with its arguments."""

    def __init__(self, model: Any, calls: list[Call]) -> None:
        self.model, self.calls = model, calls

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self.model, name)
        if not callable(inner):
            return inner

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(lambda: inner(*args, **kwargs))
            return inner(*args, **kwargs)

        return call


class Recorded:
    """`Models` whose members are recorders."""

    def __init__(self, calls: list[Call]) -> None:
        from counterfactory.models import Models

        self.models, self.calls = Models(), calls

    def __getattr__(self, role: str) -> Any:
        return lambda model: Recorder(getattr(self.models, role)(model), self.calls)


def model_calls(recipe: Any) -> list[Call]:
    """Run the recipe's chain in this process and return every call of a model."""
    from counterfactory.errors import RowError
    from counterfactory.factory.ops.base import Context
    from counterfactory.factory.run.chain import Chain
    from counterfactory.factory.run.maker import batches, indexes

    calls: list[Call] = []
    models: Any = Recorded(calls)
    here, size = Path("."), recipe.source.batch
    chain = Chain(
        recipe, Context(recipe_seed=recipe.seed, focus=recipe.focus, models=models, workdir=here)
    )
    source = recipe.source.open(here, recipe.seed)
    for batch in range(batches(len(source), size)):
        bare = []
        for index in indexes(batch, size, len(source)):
            try:
                bare.append(chain.bare(source.key(index), source.load(index)))
            except RowError:
                continue
        chain.run(bare)
    return calls


def command(name: str, samples: int, folder: Path) -> tuple[float, float, float]:
    """Run the command; return the seconds until the first rows, from first to last batch, and of all."""
    call = [sys.executable, "-m", "counterfactory.cli", "build", name, "--out", str(folder / "out")]
    started = time.monotonic()
    process = subprocess.Popen(
        [*call, "--workers", "1", "--set", f"source.n={samples}"], stdout=subprocess.DEVNULL
    )
    first = 0.0
    segments = folder / "out.build" / "segments"
    while process.poll() is None:
        if not first and any(segments.glob("*.parquet")):
            first = time.monotonic() - started
        time.sleep(0.05)
    if process.returncode:
        sys.exit(process.returncode)
    whole = time.monotonic() - started
    with sqlite3.connect(folder / "out.build" / "ledger.sqlite") as ledger:
        (opening,) = ledger.execute("SELECT seconds FROM batches WHERE batch = 0").fetchone()
    written = [path.stat().st_mtime for path in segments.glob("*.parquet")]
    return first, opening + max(written) - min(written), whole


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--recipe", default="region-diff")
    parser.add_argument("--samples", type=int, default=96)
    args = parser.parse_args()
    from counterfactory.factory.recipe import resolve

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        first, batches, whole = command(args.recipe, args.samples, Path(folder))
    calls = model_calls(resolve(args.recipe, [f"source.n={args.samples}"]))
    started = time.monotonic()
    for call in calls:
        call()
    models = time.monotonic() - started
    print(
        f"  {len(calls)} calls of models alone {models:.1f} s, batches {batches:.1f} s, command {whole:.1f} s"
    )
    print(
        f"{models / batches:8.2f}  throughput of the recipe / of its models alone  (at least 0.8 wanted)"
    )
    print(f"{first:8.1f}  seconds until the first rows are on disk  (at most 15 wanted)")


if __name__ == "__main__":
    os.environ |= ONE_THREAD  # before NumPy and torch load
    main()
