"""Kill a real build with SIGKILL at random points, run it again, compare every data file with an undisturbed build.

    python tests/bench/kill_points.py region-diff 10 --set source.n=64

Each point is one fresh folder: the command is started, its whole process group killed after a random time within the
undisturbed duration, and started again until it ends. Prints one line a point; exit 1 when any file differs.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def command(recipe: str, out: Path, sets: list[str]) -> list[str]:
    """Return the build command."""
    options = [part for one in sets for part in ("--set", one)]
    return [
        sys.executable,
        "-m",
        "counterfactory",
        "build",
        recipe,
        "--out",
        str(out),
        "--json",
        *options,
    ]


def finish(recipe: str, out: Path, sets: list[str]) -> dict:
    """Run the command to its end and return its JSON."""
    done = subprocess.run(command(recipe, out, sets), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"build failed with {done.returncode}: {done.stderr[-500:]}")
    return json.loads(done.stdout)


def data_files(out: Path) -> dict[str, str]:
    """Return the sha256 of every data file of a release."""
    files = sorted((out / "data").rglob("*.parquet"))
    return {str(f.relative_to(out)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def killed(recipe: str, out: Path, sets: list[str], after: float) -> bool:
    """Start the command, kill its group after some seconds; False when it had ended before."""
    process = subprocess.Popen(
        command(recipe, out, sets),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(after)
        return False
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True


def main() -> int:
    """Run the points; see the module's text."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe", nargs="?", default="photo-edits")
    parser.add_argument("points", nargs="?", type=int, default=3)
    parser.add_argument("--set", dest="sets", action="append", default=[])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng, wrong, resumed = random.Random(args.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        finish(args.recipe, Path(folder) / "whole", args.sets)
        duration = time.monotonic() - started
        wanted = data_files(Path(folder) / "whole")
        print(f"undisturbed: {duration:.1f} s, {len(wanted)} data files", flush=True)
        for point in range(args.points):
            out = Path(folder) / f"point-{point}"
            after = rng.uniform(0.1, duration * 0.98)
            hit = killed(args.recipe, out, args.sets, after)
            result = finish(args.recipe, out, args.sets)
            same = data_files(out) == wanted
            wrong, resumed = wrong + (not same), resumed + (result["resumed"] > 0)
            print(
                f"{point + 1:2d}: {'killed' if hit else 'ended'} at {after:5.1f} s, resumed {result['resumed']} of "
                f"{result['candidates']}, {'identical' if same else 'DIFFERENT'}",
                flush=True,
            )
            shutil.rmtree(out, ignore_errors=True)
    print(f"{args.points - wrong} of {args.points} identical; {resumed} continued finished work")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
