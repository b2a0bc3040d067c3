"""Four families of models go through the trainer: whole, and by adapters."""

from pathlib import Path

import pytest
from tests import tiny_vlm

from counterfactory.training.lines import LINES, read
from counterfactory.training.train import train


@pytest.mark.parametrize("family", tiny_vlm.ALL)
@pytest.mark.parametrize("lora", [False, True])
def test_two_steps_move_the_weights_and_the_result_loads(
    family: str, lora: bool, world_qa: Path, tmp_path: Path
) -> None:
    from counterfactory.models.vlm import load_vlm

    base = tiny_vlm.ALL[family](tmp_path)
    how = ["batch=2", "lr=0.01", "warmup=0", f"lora={'true' if lora else 'false'}"]
    out = tmp_path / "run"
    train("sft", str(base), [str(world_qa)], out, how, steps=2)
    before, after = (load_vlm(str(folder)).model.state_dict() for folder in (base, out))
    assert before.keys() == after.keys()
    moved = [name for name in before if not before[name].equal(after[name])]
    assert moved and (out / "adapter" / "adapter_model.safetensors").is_file() is lora
    if lora:  # adapters sit in front of linear layers, nowhere else
        assert not [name for name in moved if "norm" in name or "embed_tokens" in name]


@pytest.mark.parametrize("family", tiny_vlm.ALL)
def test_every_token_weighs_the_same_in_one_batch_or_several(
    family: str, world_qa: Path, tmp_path: Path
) -> None:
    base = tiny_vlm.ALL[family](tmp_path)

    def first_loss(name: str, *how: str) -> float:
        train("sft", str(base), [str(world_qa)], tmp_path / name, how, steps=1)
        return float(read(tmp_path / name / LINES)[0]["loss"])

    whole, parts = first_loss("a", "batch=8"), first_loss("b", "batch=2", "accumulate=4")
    assert abs(whole - parts) < 1e-5
