"""A run that is killed goes on as if nothing had been: the same losses, the same weights."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests import tiny_vlm

from counterfactory.errors import UserError
from counterfactory.training import resume
from counterfactory.training.train import train

HOW = ["batch=4", "lr=0.003", "save_every=3"]


def losses(out: Path) -> list[float]:
    """The losses in a record."""
    lines = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


def command(model: Path, data: Path, out: Path, steps: int, how: list[str]) -> list[str]:
    """The command line of a run."""
    sets = [part for one in how for part in ("--set", one)]
    return [
        sys.executable, "-m", "counterfactory.cli", "train", "sft", str(model), "--data", str(data),
        "--out", str(out), "--steps", str(steps), *sets,
    ]  # fmt: skip


def killed(call: list[str], record: Path, after: int) -> None:
    """Run a command and kill it once its record has so many lines."""
    with subprocess.Popen(call, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 120
        while not record.is_file() or record.read_bytes().count(b"\n") < after:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)


CASES = [("llava", "false"), ("llava", "true")]
RARE = [("idefics3", "false"), ("gemma3", "false"), ("qwen25", "false")]


@pytest.mark.parametrize(
    ("family", "lora"), [*CASES, *(pytest.param(*c, marks=pytest.mark.slow) for c in RARE)]
)
def test_a_killed_run_ends_as_an_uninterrupted_one(
    world_qa: Path, tmp_path: Path, family: str, lora: str
) -> None:
    model = tiny_vlm.ALL[family](tmp_path)
    how = [*HOW, f"lora={lora}"]
    steps, whole, cut = 40, tmp_path / "whole", tmp_path / "cut"
    straight = train("sft", str(model), [str(world_qa)], whole, how, steps=steps)
    work = resume.work_folder(cut)
    killed(command(model, world_qa, cut, steps, how), work / "training.jsonl", after=8)
    assert not cut.exists() and resume.checkpoints(work)
    begun = resume.step_of(resume.checkpoints(work)[-1])
    assert 0 < begun < steps
    resumed = train("sft", str(model), [str(world_qa)], cut, how, steps=steps)
    assert losses(cut) == losses(whole)
    assert resumed["weights_hash"] == straight["weights_hash"]


def test_a_torn_checkpoint_does_not_count(tmp_path: Path) -> None:
    import torch

    torch.manual_seed(3)
    resume.save_state(tmp_path, 5, {"weights": torch.ones(2)})
    after = torch.rand(3)
    torn = tmp_path / "checkpoint-7"
    torn.mkdir()
    (torn / "state.pt").write_bytes(b"half")
    step, state = resume.load_state(tmp_path)
    assert step == 5 and state is not None and state["weights"].tolist() == [1.0, 1.0]
    assert torch.rand(3).equal(after) and not torn.exists()


def test_every_source_of_chance_goes_on_where_it_was() -> None:
    import random

    import numpy as np
    import torch

    def draw() -> list[float]:
        return [random.random(), float(np.random.rand()), float(torch.rand(1))]  # noqa: NPY002

    state = resume.chance()
    first = draw()
    resume.set_chance(state)
    assert draw() == first


def test_only_the_newest_checkpoints_stay(tmp_path: Path) -> None:
    for step in (10, 2, 30):
        resume.save_state(tmp_path, step, {})
    assert [resume.step_of(path) for path in resume.checkpoints(tmp_path)] == [10, 30]


def test_a_folder_of_another_run_is_refused_or_forgotten(tmp_path: Path) -> None:
    work = tmp_path / "run.training"
    resume.claim(work, {"settings": {"lr": 0.1}, "data": [{"data": "a"}]})
    resume.claim(work, {"settings": {"lr": 0.1}, "data": [{"data": "a"}]})
    with pytest.raises(UserError, match=r"settings.lr 0.1, now 0.2, data.0.data 'a', now 'b'"):
        resume.claim(work, {"settings": {"lr": 0.2}, "data": [{"data": "b"}]})
    resume.claim(work, {"settings": {"lr": 0.2}}, restart=True)


def test_replayed_releases_may_have_moved_meanwhile(tmp_path: Path) -> None:
    work = tmp_path / "run.training"

    def inputs(folder: str, data: str) -> dict[str, Any]:
        replay = [{"release": f"{folder}/general", "data": data}]
        return {"settings": {"lr": 0.1, "replay": [f"{folder}/general"]}, "replay": replay}

    resume.claim(work, inputs("/old", "a"))
    resume.claim(work, inputs("/new", "a"))
    with pytest.raises(UserError, match=r"replay.0.data 'a', now 'b'"):
        resume.claim(work, inputs("/new", "b"))
