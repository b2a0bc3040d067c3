"""The mean of two trained models: every weight between the two, whole and loadable, told on its card."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from counterfactory.errors import UserError
from counterfactory.fingerprint import digest_weights
from counterfactory.models.vlm import load_vlm
from counterfactory.training.soup import average
from counterfactory.training.train import train


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory, world_qa: Path, tiny_llava: Path) -> list[Path]:
    """Two trainings, the second from what the first made."""
    folder = tmp_path_factory.mktemp("line")
    how = ["batch=2", "lr=0.01", "warmup=0"]
    train("sft", str(tiny_llava), [str(world_qa)], folder / "1", how, steps=2)
    train("sft", str(folder / "1"), [str(world_qa)], folder / "2", [*how, "seed=5"], steps=2)
    return [folder / "1", folder / "2"]


def test_every_weight_lies_between_the_two(line: list[Path], tmp_path: Path) -> None:
    given, trained = line
    average(given, trained, 0.75, tmp_path / "soup")
    a, b, found = (load_file(one / "model.safetensors") for one in (*line, tmp_path / "soup"))
    assert found.keys() == b.keys()
    assert all(
        torch.allclose(found[name], 0.75 * a[name] + 0.25 * b[name], atol=1e-6) for name in found
    )
    assert any(not torch.allclose(found[name], b[name], atol=1e-5) for name in found)
    load_vlm(str(tmp_path / "soup"), "cpu", "float32")


def test_the_record_and_the_card_tell_of_it(line: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "soup"
    average(*line, 0.5, out)
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert run["weights_hash"] == digest_weights(out) != run["averaged"]["trained"]
    assert run["averaged"]["trained"] == digest_weights(line[1])
    card = (out / "README.md").read_text(encoding="utf-8")
    assert "| averaged | 0.5 of" in card and run["averaged"]["given"] in card
    assert not (out / "training.jsonl").exists() and "training.jsonl" not in card
    assert "averaged" not in (line[1] / "README.md").read_text(encoding="utf-8")
    assert not list(tmp_path.glob("soup.*")), "nothing is left beside it"


def test_other_models_of_the_training_stay_with_it(line: list[Path], tmp_path: Path) -> None:
    trained = tmp_path / "trained"
    shutil.copytree(line[1], trained)
    for name in ("judge/head.safetensors", "generator/unet/w.safetensors", "templates/one.jinja"):
        (trained / name).parent.mkdir(parents=True)
        (trained / name).write_bytes(b"x")
    (trained / "judge" / "facts.json").write_text("{}")
    run = json.loads((trained / "run.json").read_text(encoding="utf-8"))
    run["facts"] |= {"generator": "generator/ holds", "other": "stays"}
    (trained / "run.json").write_text(json.dumps(run))
    average(line[0], trained, 0.5, tmp_path / "soup")
    folders = {one.name for one in (tmp_path / "soup").iterdir() if one.is_dir()}
    assert folders == {"templates"}, "a folder without its weights would look like a model"
    facts = json.loads((tmp_path / "soup" / "run.json").read_text(encoding="utf-8"))["facts"]
    assert facts.get("other") == "stays" and "generator" not in facts


def test_models_in_several_files_and_of_other_precision(line: list[Path], tmp_path: Path) -> None:
    given, trained = line
    whole = load_vlm(str(given), "cpu", "float32").model
    sharded = tmp_path / "sharded"
    whole.to(torch.bfloat16).save_pretrained(sharded, max_shard_size="20KB")
    assert len(list(sharded.glob("*.safetensors"))) > 1
    average(sharded, trained, 0.5, tmp_path / "soup")
    a, b, found = (load_file(one / "model.safetensors") for one in (*line, tmp_path / "soup"))
    for name, weight in found.items():
        assert weight.dtype == torch.float32
        assert torch.allclose(weight, (a[name].bfloat16().float() + b[name]) / 2, atol=1e-6), name


def test_another_model_is_refused(line: list[Path], tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(UserError, match=r"found weights that are not those of .*lora.merge: true"):
        average(tmp_path / "other", line[1], 0.5, tmp_path / "soup")
    assert not (tmp_path / "soup").exists()
