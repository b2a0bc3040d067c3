"""Two processes evaluate together: the same answers as one, and nothing asked twice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tests import tiny_vlm

from counterfactory.eval.crew import Crew

LAUNCH = {
    "torchrun": ["torchrun", "--nproc_per_node", "2"],
    "accelerate": [
        "accelerate", "launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1",
        "--mixed_precision", "no", "--dynamo_backend", "no",
    ],
}  # fmt: skip


def run(out: Path, cache: Path, model: str, launcher: str = "") -> subprocess.CompletedProcess[str]:
    """Evaluate a few tasks with one process or two."""
    first, *rest = LAUNCH[launcher] if launcher else [sys.executable]
    start = [str(Path(sys.executable).with_name(first)) if launcher else first, *rest]
    tasks = [part for name in ("count/balanced", "existence/shifted") for part in ("--task", name)]
    return subprocess.run(
        [
            *start, "-m", "counterfactory.cli", "eval", "run", model, "--suite", "pocket-quick",
            *tasks, "--limit", "8", "--out", str(out), "--json",
        ],
        env=os.environ | {"COUNTERFACTORY_CACHE": str(cache)}, capture_output=True, text=True,
    )  # fmt: skip


def answers(out: Path) -> list[tuple[str, str, str]]:
    table = pq.read_table(out / "answers.parquet", columns=["task", "item_id", "raw"])
    return [(row["task"], row["item_id"], row["raw"]) for row in table.to_pylist()]


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["torchrun", "accelerate"])
def test_two_processes_answer_as_one(tmp_path: Path, launcher: str) -> None:
    folder = str(tiny_vlm.llava(tmp_path))
    one = run(tmp_path / "one", tmp_path / "c1", folder)
    two = run(tmp_path / "two", tmp_path / "c2", folder, launcher)
    assert one.returncode == two.returncode == 0, two.stderr[-3000:]
    alone, together = json.loads(one.stdout), json.loads(two.stdout)
    assert answers(tmp_path / "one") == answers(tmp_path / "two")
    assert alone["asked"] == together["asked"] and alone["axes"] == together["axes"]
    again = run(tmp_path / "two", tmp_path / "c2", folder, launcher)
    assert json.loads(again.stdout)["asked"] == 0


@pytest.mark.slow
def test_the_trouble_of_one_is_said_once(tmp_path: Path) -> None:
    done = run(tmp_path / "a", tmp_path / "c", "openai:http://127.0.0.1:9/v1#no", "torchrun")
    lines = [line for line in done.stderr.splitlines() if line.startswith("counterfactory: error")]
    assert done.returncode != 0 and len(lines) == 1 and "cannot be reached" in lines[0]


def test_a_process_alone_is_a_crew_of_one() -> None:
    assert Crew().first and Crew().together(3) == [3]
