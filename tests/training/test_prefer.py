"""Preferences on real, tiny releases: margins grow, replay holds what was known, wrong input is told."""

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
from counterfactory.training.data import load_view
from counterfactory.training.train import train

QUICK = ["batch=4", "lr=0.003", "schedule=constant", "warmup=0", "save_every=3"]


def lines_of(out: Path) -> list[dict[str, Any]]:
    """The record of a run."""
    return [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("how", ["loss=dpo", "loss=mpo", "loss=kto", "lora=true"])
def test_chosen_answers_become_likelier_than_rejected_ones(
    world_safety: Path, tiny_llava: Path, tmp_path: Path, how: str
) -> None:
    out = tmp_path / "run"
    train("prefer", str(tiny_llava), [str(world_safety)], out, [*QUICK, how], steps=12)
    lines = lines_of(out)
    if how != "loss=kto":  # the reference is the model given
        assert lines[0]["rewards/margins"] == pytest.approx(0, abs=1e-4)
        assert lines[-1]["rewards/margins"] > 0.05
    else:
        margins = [line["rewards/margins"] for line in lines if "rewards/margins" in line]
        assert margins[-1] > margins[0]
    assert lines[-1]["loss"] < lines[0]["loss"]


@pytest.mark.parametrize("loss", ["dpo", "mpo"])
def test_labels_that_may_be_wrong_change_what_is_learned(
    world_safety: Path, tiny_llava: Path, tmp_path: Path, loss: str
) -> None:
    ends = {}
    for share in (0.0, 0.3):
        out = tmp_path / str(share)
        how = [*QUICK, f"loss={loss}", f"label_smoothing={share}"]
        train("prefer", str(tiny_llava), [str(world_safety)], out, how, steps=4)
        ends[share] = lines_of(out)[-1]["rewards/margins"]
    assert ends[0.0] != pytest.approx(ends[0.3], rel=1e-3)


def test_the_tower_that_sees_stays_as_it_was(
    world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    out = tmp_path / "run"
    train("prefer", str(tiny_llava), [str(world_safety)], out, QUICK, steps=1)
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_llava, out))
    moved = {name for name in before if not before[name].equal(after[name])}
    assert moved and not any("vision_tower" in name for name in moved)
    assert any("projector" in name for name in moved)


def unlikeliness(model: Path, release: Path) -> float:
    """Mean negative log-likelihood of a release's completions."""
    import torch
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.replayed import likelihood_loss

    outfit = load_outfit(str(model))
    collate = DataCollatorForVisionLanguageModeling(outfit.processor, completion_only_loss=True)
    rows = load_view([str(release)], "sft").select(range(24))
    rows = rows.select_columns(["images", "prompt", "completion"])
    with torch.no_grad():
        return float(likelihood_loss(outfit.model, collate(list(rows))))


def test_replay_keeps_other_answers_likely(
    world_safety: Path, world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    found = {}
    for name, replay in {"without": None, "with": [str(world_qa)]}.items():
        out = tmp_path / name
        train(
            "prefer", str(tiny_llava), [str(world_safety)], out, QUICK, steps=15, replay=replay,
            replay_share=0.5 if replay else None,
        )  # fmt: skip
        found[name] = unlikeliness(out, world_qa)
    base = unlikeliness(tiny_llava, world_qa)
    assert found["with"] < base - 0.3 and found["with"] < found["without"] - 0.3
    lines = lines_of(tmp_path / "with")
    assert lines[-1]["replay_loss"] < lines[0]["replay_loss"]
    assert "replay_loss" not in lines_of(tmp_path / "without")[0]


def test_only_the_kinds_asked_for_are_trained_on(world_safety: Path) -> None:
    from counterfactory.training.prefer import of_kinds

    rows = load_view([str(world_safety)], "dpo")
    assert set(of_kinds(rows, ("over_refusal",))["kind"]) == {"over_refusal"}
    assert len(of_kinds(rows, ())) == len(of_kinds(rows, ("safety", "over_refusal"))) == len(rows)
    with pytest.raises(
        UserError, match=r"no preference of kind 'harm', there are .*safety \(\d+\)"
    ):
        of_kinds(rows, ("harm",))


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (["loss=kto"], r"world-qa'?: found no view 'kto', it has sft \(\d+ rows\)"),
        (["loss=kto", "batch=1"], "batch 2 or more: kto"),
        (["loss=kto", "kinds=[safety]"], "no kinds with loss=kto"),
        (["loss=kto", "label_smoothing=0.1"], "no label_smoothing with loss=kto"),
        (["loss=ppo"], "--set loss: found 'ppo'"),
        (["bta=1"], r"--set bta: .*did you mean 'beta'"),
        (["lr=1e30"], r"step \d+: found (loss|gradient norm) (nan|inf).*no checkpoint yet"),
    ],
)
def test_what_cannot_be_trained_is_told_in_one_line(
    world_qa: Path, tiny_llava: Path, tmp_path: Path, how: list[str], told: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        train("prefer", str(tiny_llava), [str(world_qa)], tmp_path / "run", how, steps=3)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["mpo", "kto"])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    world_safety: Path, world_qa: Path, tiny_llava: Path, tmp_path: Path, loss: str
) -> None:
    whole, cut, how = tmp_path / "whole", tmp_path / "cut", [*QUICK, f"loss={loss}"]
    data, replay = [str(world_safety)], [str(world_qa)]
    straight = train("prefer", str(tiny_llava), data, whole, how, steps=30, replay=replay)
    sets = [part for one in how for part in ("--set", one)]
    call = [
        sys.executable, "-m", "counterfactory.cli", "train", "prefer", str(tiny_llava), "--data",
        *data, "--replay", *replay, "--out", str(cut), "--steps", "30", *sets,
    ]  # fmt: skip
    moment = resume.work_folder(cut) / "checkpoint-6" / "whole"
    with subprocess.Popen(call, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 200
        while not moment.is_file():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)
    assert not cut.exists()
    resumed = train("prefer", str(tiny_llava), data, cut, how, steps=30, replay=replay)
    assert [line["loss"] for line in lines_of(cut)] == [line["loss"] for line in lines_of(whole)]
    assert resumed["weights_hash"] == straight["weights_hash"]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["idefics3", "gemma3", "qwen25"])
@pytest.mark.parametrize("loss", ["dpo", "kto"])
def test_other_families_prefer(
    world_safety: Path, world_qa: Path, tmp_path: Path, family: str, loss: str
) -> None:
    model, how = tiny_vlm.ALL[family](tmp_path), [*QUICK, f"loss={loss}"]
    out = tmp_path / "run"
    train("prefer", str(model), [str(world_safety)], out, how, steps=2, replay=[str(world_qa)])
    assert lines_of(out)[-1]["replay_loss"] > 0
