"""What the engine costs, as ratios of one run: against a bare loop, and against `datasets.map`.

    python tests/bench/bench_engine.py                                   # about five minutes on 2 cores
    python tests/bench/bench_engine.py --candidates 2000 --memory 1000 5000

The work is trivial on purpose: a 16-pixel picture, one op that paints a corner, one check. The bare loop calls the
same functions and writes the same Parquet with the same writer, in one process without a ledger; so does
`datasets.map` with two processes. Each part runs in a process of its own; its peak memory is that of its largest
process.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
sys.path.append(str(HERE.parents[1] / "crash"))
BATCH = 64
WORKERS = 2


def recipe(n: int) -> Any:
    from engine_toys import toy_recipe

    return toy_recipe(n=n, batch=BATCH, slots=1, views=("pairs", "rejects"), digits=32)


def made(chain: Any, source: Any, indexes: Sequence[int]) -> Iterator[Any]:
    """Yield what became of some samples: the work itself, without an engine."""
    yield from chain.run([chain.bare(source.key(index), source.load(index)) for index in indexes])


def chain_of(n: int) -> tuple[Any, Any]:
    from counterfactory.factory.run.chain import Chain
    from counterfactory.factory.run.maker import context_of

    plan = recipe(n)
    return Chain(plan, context_of(plan, Path("."))), plan.source.open(Path("."), plan.seed)


def row_or_reject(one: Any) -> tuple[str, dict[str, Any]]:
    from counterfactory.factory.release.rows import Provenance, to_row
    from counterfactory.factory.release.views import VIEWS
    from counterfactory.factory.run.ledger import Fate
    from counterfactory.records import Reject

    if isinstance(one, Reject):
        return "rejects", next(VIEWS["rejects"].rows(Fate.rejected(0, one).view()))
    return "pairs", next(
        VIEWS["pairs"].rows(to_row(one, Provenance(recipe="toys", recipe_fingerprint="0")))
    )


def shards_of(out: Path) -> dict[str, Any]:
    from counterfactory.factory.release.views import VIEWS
    from counterfactory.factory.run.shards import Shards

    return {
        view: Shards(out / "data" / view, VIEWS[view].schema()) for view in ("pairs", "rejects")
    }


def engine(n: int, out: Path) -> None:
    """The whole command: workers, ledger, segments, views, card, manifest."""
    from counterfactory.factory.run import build

    build(recipe(n), out, workers=WORKERS, progress=False)


def engine_alone(n: int, out: Path) -> None:
    """The same with one worker."""
    from counterfactory.factory.run import build

    build(recipe(n), out, workers=1, progress=False)


def bare(n: int, out: Path) -> None:
    """A bare loop: nothing is lost but everything when it is killed."""
    chain, source = chain_of(n)
    files = shards_of(out)
    for first in range(0, n, BATCH):
        for one in made(chain, source, range(first, min(first + BATCH, n))):
            view, row = row_or_reject(one)
            files[view].add(row)
    for file in files.values():
        file.close()


def mapped(n: int, out: Path) -> None:
    """`datasets.map` over the sample numbers, then the same Parquet."""
    import datasets

    from counterfactory.factory.release.views import VIEWS

    datasets.disable_progress_bars()
    state: dict[str, Any] = {}

    def rows(batch: dict[str, list[int]]) -> dict[str, list[Any]]:
        if not state:
            state["chain"], state["source"] = chain_of(n)
        found = [
            row_or_reject(one) for one in made(state["chain"], state["source"], batch["number"])
        ]
        kept = [row for view, row in found if view == "pairs"]
        return {name: [row[name] for row in kept] for name in VIEWS["pairs"].features()}

    numbers = datasets.Dataset.from_dict({"number": list(range(n))})
    done = numbers.map(
        rows, batched=True, batch_size=BATCH, num_proc=WORKERS, remove_columns=["number"],
        features=VIEWS["pairs"].features(), load_from_cache_file=False, cache_file_name=str(out / "cache.arrow"),
    )  # fmt: skip
    done.to_parquet(str(out / "pairs.parquet"))


PARTS = {part.__name__: part for part in (engine, engine_alone, bare, mapped)}


def child(part: str, n: int) -> None:
    """Run one part and print its seconds and the memory of its largest process."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        out = Path(folder) / "out"
        if part == "mapped":
            out.mkdir()
        started = time.monotonic()
        PARTS[part](n, out)
        seconds = time.monotonic() - started
        shutil.rmtree(out)
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    peak = max(one.ru_maxrss for one in used) / 1024
    busy = sum(one.ru_utime + one.ru_stime for one in used)
    print(json.dumps({"seconds": seconds, "busy": busy, "megabytes": peak}))


def measure(part: str, n: int) -> dict[str, float]:
    """Run one part in a process of its own."""
    call = [sys.executable, str(HERE), "--part", part, "--candidates", str(n)]
    done = subprocess.run(call, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(
        f"  {part:<13} {n:>7} candidates  {found['seconds']:7.1f} s  {found['megabytes']:6.0f} MB"
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=20_000)
    parser.add_argument("--memory", type=int, nargs=2, default=(10_000, 100_000), metavar="N")
    parser.add_argument("--part", choices=sorted(PARTS), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.part:
        child(args.part, args.candidates)
        return
    n = args.candidates
    found = {part: measure(part, n) for part in ("bare", "engine_alone", "engine", "mapped")}
    seconds = {part: one["seconds"] for part, one in found.items()}
    busy = {part: one["busy"] for part, one in found.items()}
    few, many = (measure("engine", size)["megabytes"] for size in args.memory)
    for what, value, wanted in (
        ("milliseconds a candidate beyond the bare loop, one worker",
         1000 * (seconds["engine_alone"] - seconds["bare"]) / n, "at most 0.5"),
        ("the same in CPU time of all processes, which a busy machine does not change",
         1000 * (busy["engine_alone"] - busy["bare"]) / n, ""),
        (f"time of the bare loop / time of the engine with {WORKERS} workers",
         seconds["bare"] / seconds["engine"], ""),
        (f"time of datasets.map with {WORKERS} processes / time of the engine with {WORKERS} workers",
         seconds["mapped"] / seconds["engine"], ""),
        (f"peak memory of {args.memory[1]} candidates / of {args.memory[0]}", many / few, "at most 1.3"),
    ):  # fmt: skip
        print(f"{value:8.2f}  {what}" + (f"  ({wanted} wanted)" if wanted else ""))


if __name__ == "__main__":
    main()
