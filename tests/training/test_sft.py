"""Fine-tuning on a real, tiny release: what it leaves, that it is repeatable, what it refuses."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from counterfactory.errors import UserError
from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.doing import train as learn
from counterfactory.loop.judged import decision
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, skipped
from counterfactory.training.data import load_view
from counterfactory.training.resume import checkpoints, step_of
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


def test_the_same_release_elsewhere_is_the_same_run(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    first = train("sft", str(tiny_llava), [str(world_qa)], out, QUICK, steps=1)
    shutil.copytree(world_qa, tmp_path / "copy")
    assert train("sft", str(tiny_llava), [str(tmp_path / "copy")], out, QUICK, steps=1) == first


def test_a_run_can_be_forgotten_and_a_strange_folder_cannot_be_taken(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out, data = tmp_path / "run", [str(world_qa)]
    first = train("sft", str(tiny_llava), data, out, QUICK, steps=1)
    again = train("sft", str(tiny_llava), data, out, [*QUICK, "seed=1"], steps=2, restart=True)
    assert again["steps"] == 2 and again["weights_hash"] != first["weights_hash"]
    (out / "model.safetensors").write_bytes(b"other")
    with pytest.raises(UserError, match="its weights were changed after training"):
        train("sft", str(tiny_llava), data, out, [*QUICK, "seed=1"], steps=2)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(UserError, match="holds no finished run, expected a new or empty folder"):
        train("sft", str(tiny_llava), data, tmp_path / "mine", QUICK, steps=1, restart=True)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_replay_changes_the_rows_and_stands_in_the_card(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    plain = train("sft", str(tiny_llava), [str(world_qa)], tmp_path / "a", QUICK, steps=2)
    mixed = train(
        "sft", str(tiny_llava), [str(world_qa)], tmp_path / "b", QUICK, steps=2,
        replay=[str(world_qa)], replay_share=0.5,
    )  # fmt: skip
    assert plain["weights_hash"] != mixed["weights_hash"]
    card = (tmp_path / "b" / "README.md").read_text()
    assert card.count("world-qa") >= 2 and "checked against the evaluation suites" in card


def test_a_loss_that_is_no_number_stops_before_the_step(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    how = ["batch=4", "lr=1e30", "clip_norm=1e30", "warmup=0", "schedule=constant", "save_every=1"]
    with pytest.raises(UserError, match=r"step \d: found (loss|gradient norm) (nan|inf)") as raised:
        train("sft", str(tiny_llava), [str(world_qa)], tmp_path / "run", how, steps=9)
    assert "\n" not in str(raised.value) and not (tmp_path / "run").exists()
    kept = checkpoints(tmp_path / "run.training")
    lines = (tmp_path / "run.training" / "training.jsonl").read_text().splitlines()
    assert kept and len(lines) == step_of(kept[-1])
    assert str(kept[-1]) in str(raised.value)


def test_a_loop_rejects_a_round_that_diverges_and_goes_on(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    text = f"""\
kind: loop
name: small
model: {tiny_llava}
builds: [{{recipe: world-qa}}]
stages:
- {{train: sft, data: [{world_qa}], steps: 9, set: {{batch: 4, lr: 1.0e+30, clip_norm: 1.0e+30,
   warmup: 0, schedule: constant, save_every: 1}}}}
"""
    recipe = LoopRecipe.from_document(read(text, "r.yaml"))
    work = Work(recipe, tmp_path, round_of(tmp_path, 1), device="cpu")
    ((stage, out),) = work.trainings()
    learn(work, stage=stage, model=work.model, out=out)
    learn(work, stage=stage, model=work.model, out=out)  # as after a kill: it meets it again
    assert re.match(r"step \d: found (loss|gradient norm) (nan|inf)", skipped(out))
    assert work.taught() == []
    write_json(work.round.data, {"passed": True})
    found = decision(work)
    assert found["promoted"] is False and skipped(out) in found["reason"]
    write_json(work.round.gate, found)
    assert Work(recipe, tmp_path, round_of(tmp_path, 2)).model == str(tiny_llava)


def test_the_gradients_are_looked_at_too(tmp_path: Path) -> None:
    import torch

    from counterfactory.training.record import Recorder

    layer = torch.nn.Linear(2, 1)
    layer.weight.grad = torch.tensor([[0.0, float("inf")]])
    with pytest.raises(UserError, match="step 1: found gradient norm inf"):
        Recorder(tmp_path, 5).on_pre_optimizer_step(None, None, None, model=layer)


def test_only_the_completion_is_learnt(world_qa: Path, tiny_llava: Path, tmp_path: Path) -> None:
    from counterfactory.training import sft
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.record import Recorder

    seen = []

    class Spy(Recorder):
        def watch(self, trainer: object) -> None:
            inner = trainer.compute_loss  # type: ignore[attr-defined]
            trainer.compute_loss = lambda m, i, *a, **k: (seen.append(i), inner(m, i, *a, **k))[1]  # type: ignore[attr-defined]
            super().watch(trainer)

    outfit = load_outfit(str(tiny_llava), device="cpu")
    rows = load_view([str(world_qa)], "sft").select(range(1))
    sft.sft(outfit, rows, sft.Settings(steps=1, batch=1), tmp_path, Spy(tmp_path, 1))
    labels = seen[0]["labels"][0]
    learnt = outfit.tokenizer.decode(labels[labels != -100], skip_special_tokens=True)
    assert learnt.strip() == rows[0]["completion"][0]["content"].strip()


def test_a_frozen_tower_stays_and_the_rest_moves(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    for lora in ("false", "true"):
        out = tmp_path / lora
        how = [*QUICK, "freeze_vision=true", f"lora={lora}"]
        train("sft", str(tiny_llava), [str(world_qa)], out, how, steps=2)
        before, after = (load_file(folder / "model.safetensors") for folder in (tiny_llava, out))
        moved = {name for name in before if not before[name].equal(after[name])}
        assert moved and not [name for name in moved if "vision_tower" in name]


def test_without_merging_the_adapter_alone_is_written(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    how = [*QUICK, "lora.rank=2", "lora.merge=false"]
    train("sft", str(tiny_llava), [str(world_qa)], tmp_path / "run", how, steps=1)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "adapter_model.safetensors" in names and "model.safetensors" not in names


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"data": ["{safety}"]}, r"found no view 'sft', it has dpo"),
        ({"model": "{plain}"}, r"has no chat template"),
        ({"sets": ["lr=-1"]}, r"--set lr: found -1"),
        ({"model": "openai:http://x/v1#m"}, r"found a server, expected weights"),
        ({"method": "stf"}, r"found 'stf', expected one of sft.*did you mean 'sft'"),
    ],
)
def test_bad_input_is_one_line_and_exit_two(
    change: dict[str, Any], line: str, world_qa: Path, world_safety: Path, tiny_llava: Path,
    tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    from counterfactory.cli import main

    plain = tmp_path / "plain"
    shutil.copytree(tiny_llava, plain)
    (plain / "chat_template.jinja").unlink()
    places = {"{safety}": str(world_safety), "{plain}": str(plain)}
    given = {
        "method": "sft",
        "model": str(tiny_llava),
        "data": [str(world_qa)],
        "sets": [],
        **change,
    }
    data = [part for one in given["data"] for part in ("--data", places.get(one, one))]
    sets = [part for one in given["sets"] for part in ("--set", one)]
    model = places.get(given["model"], given["model"])
    try:
        code = main(["train", given["method"], model, *data, *sets, "--out", str(tmp_path / "o")])
    except SystemExit as left:
        code = left.code
    said = [one for one in capsys.readouterr().err.splitlines() if "error" in one]
    assert code == 2 and len(said) == 1
    assert re.search(line, said[0]) and not (tmp_path / "o").exists()
