"""Fine-tuning on a real, tiny release: what it leaves, that it is repeatable, what it refuses."""

import json
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.training.train import train

QUICK = ["batch=4", "lr=0.005", "schedule=constant", "warmup=0", "save_every=2"]


def test_a_run_leaves_a_model_that_loads_with_its_record(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = train("sft", str(tiny_llava), [str(world_qa)], out, QUICK, steps=6)
    lines = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4, 5, 6]
    assert lines[-1]["loss"] < lines[0]["loss"]
    assert result["steps"] == 6 and result["method"] == "sft" and result["final"]["loss"] > 0
    assert {"chat_template.jinja", "generation_config.json", "model.safetensors", "README.md"} <= {
        path.name for path in out.iterdir()
    }
    assert (out / "curves.png").read_bytes()[:4] == b"\x89PNG"
    assert not out.with_name("run.training").exists()

    from counterfactory.models.vlm import load_vlm

    assert load_vlm(str(out)).weights_hash == result["weights_hash"]


def test_the_same_command_again_does_nothing(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    first = train("sft", str(tiny_llava), [str(world_qa)], out, QUICK, steps=2)
    before = (out / "model.safetensors").stat().st_mtime_ns
    assert train("sft", str(tiny_llava), [str(world_qa)], out, QUICK, steps=2) == first
    assert (out / "model.safetensors").stat().st_mtime_ns == before
    with pytest.raises(UserError, match=r"settings.steps 2, now 3"):
        train("sft", str(tiny_llava), [str(world_qa)], out, QUICK, steps=3)
