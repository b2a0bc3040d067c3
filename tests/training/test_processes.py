"""Two processes train as one with twice the batch: the same losses, the same weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from tests import tiny_vlm

pytestmark = pytest.mark.slow

LAUNCH = {
    "": [sys.executable],
    "torchrun": [str(Path(sys.executable).with_name("torchrun")), "--nproc_per_node", "2"],
    "accelerate": [
        str(Path(sys.executable).with_name("accelerate")), "launch", "--multi_gpu",
        "--num_processes", "2", "--num_machines", "1", "--mixed_precision", "no",
        "--dynamo_backend", "no",
    ],
}  # fmt: skip


def run(
    launcher: str, model: Path, data: Path, out: Path, *sets: str
) -> subprocess.CompletedProcess[str]:
    """Train with one process or two, on CPUs."""
    settings = [part for one in ("lr=0.003", *sets) for part in ("--set", one)]
    return subprocess.run(
        [
            *LAUNCH[launcher], "-m", "counterfactory.cli", "train", "sft", str(model), "--data",
            str(data), "--out", str(out), "--steps", "6", "--device", "cpu", "--json", *settings,
        ],
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True,
    )  # fmt: skip


def record(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "family", "lora"),
    [("torchrun", "llava", "true"), ("accelerate", "qwen25", "false")],
)
def test_two_processes_are_one_with_twice_the_batch(
    launcher: str, family: str, lora: str, world_qa: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    model = tiny_vlm.ALL[family](tmp_path)
    one = run("", model, world_qa, tmp_path / "one", "batch=8", f"lora={lora}")
    two = run(launcher, model, world_qa, tmp_path / "two", "batch=4", f"lora={lora}")
    assert one.returncode == two.returncode == 0, two.stderr[-3000:]
    assert json.loads(two.stdout)["steps"] == 6, "the result is said once"
    pairs = zip(record(tmp_path / "one"), record(tmp_path / "two"), strict=True)
    assert max(abs(a["loss"] - b["loss"]) for a, b in pairs) < 1e-4
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert max(float((first[key] - second[key]).abs().max()) for key in first) < 1e-3


@pytest.mark.slow
def test_trouble_is_said_once(world_safety: Path, tmp_path: Path) -> None:
    done = run("torchrun", tiny_vlm.llava(tmp_path), world_safety, tmp_path / "a")
    lines = [line for line in done.stderr.splitlines() if line.startswith("counterfactory: error")]
    assert done.returncode != 0 and len(lines) == 1 and "found no view 'sft'" in lines[0]


def test_the_example_configurations_are_what_accelerate_reads() -> None:
    from accelerate.commands.config.config_args import ClusterConfig

    folder = Path(__file__).parents[2] / "training" / "configs"
    files = sorted(folder.glob("*.yaml"))
    assert [path.stem for path in files] == ["ddp", "deepspeed", "fsdp"]
    for path in files:
        config = ClusterConfig.from_yaml_file(str(path))
        assert config.num_processes == 8
        assert yaml.safe_load(path.read_text())["mixed_precision"] == config.mixed_precision
