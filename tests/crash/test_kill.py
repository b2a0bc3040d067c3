"""Killed at any moment and run again: the same data files, byte for byte, and nothing made twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine_toys import toy_recipe

from counterfactory.factory.run import build
from counterfactory.factory.run.ledger import Ledger
from counterfactory.fingerprint import digest_file

RECIPE = {"n": 120, "batch": 6, "bad": 17, "seconds": 0.05}
SCRIPT = """
import sys
from pathlib import Path
from engine_toys import toy_recipe
from counterfactory.factory.run import build
build(toy_recipe(**{recipe}), Path(sys.argv[1]), workers=2, progress=False)
"""


def data(release: Path) -> dict[str, str]:
    files = sorted((release / "data").rglob("*.parquet"))
    return {path.relative_to(release).as_posix(): digest_file(path) for path in files}


def start(out: Path, **changes: object) -> "subprocess.Popen[bytes]":
    """Begin the build in a process of its own."""
    script = SCRIPT.format(recipe={**RECIPE, **changes})
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen([sys.executable, "-c", script, str(out)], env=environment)


def kill_when(process: "subprocess.Popen[bytes]", condition: Callable[[], bool]) -> None:
    """Kill the process at the moment that `condition` holds, unless it ends first."""
    while process.poll() is None and not condition():
        time.sleep(0.002)
    process.kill()
    process.wait()


def workers_of(parent: int) -> list[int]:
    """Return the living children of a process."""
    found = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(parent)], capture_output=True, text=True
    )
    return [int(word) for word in found.stdout.split()]


def segments(out: Path) -> int:
    return len(list(out.with_name(f"{out.name}.build").glob("segments/*.parquet")))


def finished(out: Path) -> int:
    """Return how many candidates the ledger holds."""
    path = out.with_name(f"{out.name}.build") / "ledger.sqlite"
    if not path.exists():
        return 0
    with Ledger(path) as ledger:
        return ledger.count()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The data files of a build that nobody disturbed."""
    out = tmp_path_factory.mktemp("reference") / "out"
    build(toy_recipe(**RECIPE), out, workers=1, progress=False)
    return data(out)


def test_a_build_killed_again_and_again_ends_in_the_same_bytes(
    tmp_path: Path, reference: dict[str, str]
) -> None:
    out = tmp_path / "out"
    temporary = tmp_path / "out.build" / "release.tmp"
    done = 0
    for many in (1, 4, 5, 12):
        kill_when(start(out), lambda many=many: segments(out) >= many)  # type: ignore[misc]
        assert not out.exists()
        assert finished(out) >= done, "what was finished is never lost"
        done = finished(out)
    assert done > 0
    kill_when(start(out), temporary.exists)
    assert not out.exists()
    result = build(toy_recipe(**RECIPE), out, workers=2, progress=False)
    assert result.resumed == result.candidates == finished(out) > done
    assert data(out) == reference
    assert not temporary.exists()


def test_finished_candidates_are_not_made_again(tmp_path: Path, reference: dict[str, str]) -> None:
    out = tmp_path / "out"
    kill_when(start(out), lambda: finished(out) > 40)
    before = finished(out)
    kept = {
        path: path.stat().st_mtime_ns
        for path in (tmp_path / "out.build" / "segments").glob("*.parquet")
    }
    result = build(toy_recipe(**RECIPE), out, workers=2, progress=False)
    assert result.resumed == before
    again = [path for path, when in kept.items() if path.stat().st_mtime_ns != when]
    assert len(again) <= 1, "one batch may have been written and not yet entered"
    assert data(out) == reference


def test_a_killed_worker_costs_nothing(tmp_path: Path, reference: dict[str, str]) -> None:
    out = tmp_path / "out"
    process = start(out)
    killed = 0
    while process.poll() is None and killed < 3:
        if segments(out) > 3 * killed and (workers := workers_of(process.pid)):
            os.kill(workers[killed % len(workers)], signal.SIGKILL)
            killed += 1
        time.sleep(0.02)
    assert process.wait() == 0
    assert killed == 3
    assert data(out) == reference


def test_no_worker_outlives_its_parent(tmp_path: Path) -> None:
    process = start(tmp_path / "out", seconds=30)  # a worker in the middle of a long batch
    while len(workers := workers_of(process.pid)) < 2:
        assert process.poll() is None
        time.sleep(0.05)
    time.sleep(1.5)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < deadline, "an orphan is still at work"
        time.sleep(0.1)


@pytest.mark.slow
def test_twenty_random_kills_end_in_the_same_bytes(
    tmp_path: Path, reference: dict[str, str]
) -> None:
    moments = random.Random(20)
    began = time.monotonic()
    start(tmp_path / "whole").wait()
    whole = time.monotonic() - began
    kills = 0
    for number in range(20):
        out = tmp_path / str(number)
        process = start(out)
        try:
            process.wait(moments.uniform(0.1, 0.9) * whole)
        except subprocess.TimeoutExpired:
            kills += 1
            process.kill()
            process.wait()
        result = build(toy_recipe(**RECIPE), out, workers=2, progress=False)
        assert result.finished
        assert data(out) == reference
    assert kills >= 10
