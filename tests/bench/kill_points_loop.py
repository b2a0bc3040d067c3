"""Kill a real loop with SIGKILL inside and at the end of every stage; it must end as an undisturbed one does.

    python tests/bench/kill_points_loop.py loop/pocket-quick --seed 0
    python tests/bench/kill_points_loop.py loop/pocket --set gated=false     # its generator is handed on, too
    python tests/bench/kill_points_loop.py loop/ablations/safety-filter

One loop runs undisturbed. A second one, with a cache of its own, is killed twice a stage: after a random
share of the time that the stage took undisturbed, and once its line stands in the journal; each time the
same command goes on. Only the process itself is killed, as `kill -9 PID` does: its workers have to notice.
Then every file that decides something (answers, slices, plan, data, weights, decision) is compared.
Prints a table; exit 1 where anything differs or a stage was missed. Each life is a fork of this process,
which has the libraries loaded already: a kill costs what the stage had done, not half a minute of imports.
"""

import argparse
import hashlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loop_lives import Loop, load

SMALL = ["rounds=1", "limit=12", "budget.rows=60", "budget.seconds=36000"]
REPORT = "report.html"
TIMES = ("seconds", "at")  # differ from run to run


@dataclass
class Point:
    """One place to kill at."""

    number: int
    stage: str
    where: str  # inside, end
    after: float = 0.0  # seconds, inside


def small(recipe: str) -> list[str]:
    """Return the overrides that make a loop short: one round, four steps a training, each saved."""
    from counterfactory.loop.recipe import resolve_loop

    steps = [
        f"stages.{stage.title}.{what}"
        for stage in resolve_loop(recipe).trained
        for what in ("steps=4", "set.save_every=1")
    ]
    return [*SMALL, *steps]


def points(loop: Loop, rng: random.Random) -> Iterator[Point]:
    """Yield two points a stage of an undisturbed loop, and those of its report."""
    for line in loop.lines():
        share = rng.uniform(0.2, 0.8)
        yield Point(line["round"], line["stage"], "inside", share * line["seconds"])
        yield Point(line["round"], line["stage"], "end")
    last = loop.lines()[-1]["round"]
    yield Point(last, "report", "inside", 0.05)
    yield Point(last, "report", "end")


def reached(loop: Loop, point: Point) -> Callable[[], bool]:
    """Return what says that the moment has come; `after` seconds pass behind it."""
    if point.stage == "report":
        if point.where == "end":
            return (loop.out / REPORT).is_file
        return lambda: loop.done(point.number, "gate")
    if point.where == "end":
        return lambda: loop.done(point.number, point.stage)
    return lambda: loop.begun(point.number, point.stage)


def kill_at(loop: Loop, point: Point) -> str:
    """Run the loop up to a point and kill it there; return what was hit."""
    life, here = loop.start(), reached(loop, point)
    while life.poll() is None and not here():
        time.sleep(0.004)
    if life.wait(point.after) is not None:
        return "ended before" if life.code == 0 else f"exit {life.code}"
    life.kill()
    if point.stage == "report":
        return "after it" if (loop.out / REPORT).is_file() else "in it"
    return "after it" if loop.done(point.number, point.stage) else "in it"


def finish(loop: Loop) -> float:
    """Run the loop to its end; return the seconds."""
    started = time.monotonic()
    if code := loop.start().wait():
        tail = loop.out.with_suffix(".log").read_text()[-2000:]
        raise SystemExit(f"the loop failed with {code}:\n{tail}")
    return time.monotonic() - started


# --- what is compared


def facts(out: Path) -> dict[str, str]:
    """Return a digest of each file that decides something, by its path."""
    found = {}
    for path in sorted(out.glob("round-*/**/*")):
        name = path.relative_to(out).as_posix()
        if any(part.endswith((".build", ".training", ".begun")) for part in path.parts):
            continue
        if path.name == "answers.parquet":
            found[name] = _answers(path)
        elif path.suffix in (".safetensors", ".parquet"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        elif path.name in ("slices.json", "plan.json", "data.json", "gate.json"):
            text = path.read_text().replace(str(out), "")
            if path.name == "plan.json":
                text = json.dumps(json.loads(text, object_hook=_timeless))
            found[name] = hashlib.sha256(text.encode()).hexdigest()
    return found


def _timeless(values: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what the clock decides: a plan tells what builds took before."""
    return {name: value for name, value in values.items() if name not in TIMES}


def _answers(path: Path) -> str:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    table = table.drop_columns([name for name in TIMES if name in table.column_names])
    return hashlib.sha256(json.dumps(table.to_pylist(), default=str).encode()).hexdigest()


def ending(out: Path) -> tuple[Any, ...]:
    """Return the decision and the weights of each round."""
    found = []
    for path in sorted(out.glob("round-*/gate.json")):
        gate = json.loads(path.read_text())
        weights = str(gate.get("after", {}).get("weights_hash", ""))[:16]
        found.append((path.parent.name, "promoted" if gate["promoted"] else "rejected", weights))
    return tuple(found)


def main() -> int:
    """Run both loops; see the module's text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", nargs="?", default="loop/pocket-quick")
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="kept; default: one that is removed")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    load()
    sets = [*small(args.recipe), *args.sets]
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        whole, torn = (Loop(args.recipe, folder / name, sets) for name in ("whole", "killed"))
        seconds = finish(whole)
        print(f"undisturbed: {seconds:.0f} s, {len(whole.lines())} stages, {ending(whole.out)}")
        return compared(whole, torn, random.Random(args.seed))


def compared(whole: Loop, torn: Loop, rng: random.Random) -> int:
    """Kill the second loop at every point, let it end, and compare it with the first."""
    missed = 0
    print("| round | stage | killed | after s | hit |\n|---|---|---|---|---|", flush=True)
    for point in points(whole, rng):
        hit = kill_at(torn, point)
        missed += hit not in ("in it", "after it")
        print(
            f"| {point.number} | {point.stage} | {point.where} | {point.after:.2f} | {hit} |",
            flush=True,
        )
    seconds = finish(torn)
    before = facts(torn.out)
    again = finish(torn)
    stages = [(one["round"], one["stage"]) for one in torn.lines()]
    wanted, found = facts(whole.out), facts(torn.out)
    wrong = sorted(name for name in {*wanted, *found} if wanted.get(name) != found.get(name))
    checks = {
        f"{len(torn.lives)} lives, {missed} points missed": not missed,
        f"{len(wanted)} files compared, {len(wrong)} differ {wrong[:5]}": not wrong,
        f"same decision and weights: {ending(torn.out)}": ending(torn.out) == ending(whole.out),
        f"{len(stages)} lines in the journal, each stage once": len(stages) == len(set(stages)),
        f"the last life took {seconds:.0f} s, one more run {again:.0f} s": before == found,
        f"processes left behind by {len(torn.left())} lives": not torn.left(),
    }
    for text, good in checks.items():
        print(f"{'ok   ' if good else 'WRONG'} {text}", flush=True)
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
