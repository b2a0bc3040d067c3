"""Reinforcement on real, tiny releases: what it leaves, the constraint, resuming, what it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tests import tiny_vlm

pytest.importorskip("trl")

from counterfactory.errors import UserError
from counterfactory.selecting import THINK
from counterfactory.training.lagrange import Constraint, multiplier_for
from counterfactory.training.prompts import pool
from counterfactory.training.reinforce import Settings
from counterfactory.training.resume import work_folder
from counterfactory.training.settings import settings_from
from counterfactory.training.train import train

QUICK = [
    "batch=8", "group=4", "answer_tokens=8", "save_every=2", "warmup=0", "lr=0.001"
]  # fmt: skip


def lines(folder: Path) -> list[dict[str, Any]]:
    text = (folder / "training.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def learned(line: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in line.items() if name != "seconds"}


def test_a_run_leaves_a_model_its_record_and_its_judge(
    world_qa: Path, world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out, data = tmp_path / "run", [str(world_qa), str(world_safety)]
    result = train(
        "reinforce",
        str(tiny_llava),
        data,
        out,
        [*QUICK, "cost=head", "requests=0.6"],
        steps=3,
    )
    found = lines(out)
    assert [line["step"] for line in found] == [1, 2, 3]
    assert all({"reward", "form", "multiplier", "entropy"} <= line.keys() for line in found)
    assert any("cost" in line for line in found)
    assert 0 < found[0]["num_tokens"] < found[-1]["num_tokens"]
    assert result["final"]["multiplier"] > 0 and (out / "curves.png").is_file()
    facts = json.loads((out / "run.json").read_text())["facts"]
    assert facts["judge_held_out"] > 0 and 0 <= facts["cost_sees_unsafe"] <= 1
    assert (out / "judge" / "head.safetensors").is_file()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "more"),
    [
        ("llava", ["kl=0.1"]),
        ("idefics3", ["lora=true"]),
        ("qwen25", ["accumulate=2", "objective=dr_grpo"]),
        ("gemma3", ["once=false"]),
    ],
)
def test_every_family_goes_two_steps(
    family: str, more: list[str], world_qa: Path, world_safety: Path, tmp_path: Path
) -> None:
    if family == "qwen25":
        pytest.importorskip("torchvision")
    model = getattr(tiny_vlm, family)(tmp_path)
    data, out = [str(world_qa), str(world_safety)], tmp_path / "run"
    sets = [*QUICK, "batch=16", "multiplier=2", "requests=0.6", *more]
    train("reinforce", str(model), data, out, sets, steps=2)
    assert [line["step"] for line in lines(out)] == [1, 2]
    assert (out / "model.safetensors").is_file()


def test_it_continues_exactly_where_it_stopped(
    world_qa: Path, world_safety: Path, tiny_llava: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    data = [str(world_qa), str(world_safety)]
    sets = [*QUICK, "reward=rule", "multiplier_lr=0.5", "requests=0.6"]
    train("reinforce", str(tiny_llava), data, tmp_path / "whole", sets, steps=5)

    from counterfactory.training.record import Recorder

    inner = Recorder.step

    def stopped(self: Recorder, step: int, *args: Any, **extras: float) -> None:
        inner(self, step, *args, **extras)
        if step == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr(Recorder, "step", stopped)
        train("reinforce", str(tiny_llava), data, tmp_path / "cut", sets, steps=5)
    assert (work_folder(tmp_path / "cut") / "checkpoint-2" / "multiplier.json").is_file()
    train("reinforce", str(tiny_llava), data, tmp_path / "cut", sets, steps=5)
    whole, cut = lines(tmp_path / "whole"), lines(tmp_path / "cut")
    assert [learned(line) for line in cut] == [learned(line) for line in whole]


def test_with_adapters_the_head_reads_the_model_without_them(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    from counterfactory.training.data import load_view
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.rewards import head
    from counterfactory.training.settings import Lora

    outfit = load_outfit(str(tiny_llava), lora=Lora(rank=2), device="cpu")
    ranked = load_view([str(world_qa)], "dpo")
    fitted = head.fit(outfit, ranked, most=200, seed=0)
    head.save(fitted, tmp_path / "judge")
    answers, _ = head.sides(ranked.select(range(3)))
    before = fitted.head.told(answers)
    assert set(fitted.head.judge(answers)) <= {0, 0.25, 0.5, 0.75, 1}
    for name, weight in outfit.model.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(0.5)
    assert torch.allclose(fitted.head.told(answers), before)
    assert torch.allclose(head.load(outfit, tmp_path / "judge").head.told(answers), before)
    assert len({round(score, 6) for score in before[:, 0].tolist()}) > 1


def test_a_head_learns_to_rank_and_to_price(tiny_llava: Path) -> None:
    from datasets import Dataset

    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.rewards import head

    def row(ask: str, chosen: str, rejected: str, kind: str) -> dict[str, Any]:
        talk = {"prompt": ask, "chosen": chosen, "rejected": rejected}
        return {k: [{"role": "user", "content": v}] for k, v in talk.items()} | {
            "images": [], "kind": kind,
        }  # fmt: skip

    outfit = load_outfit(str(tiny_llava), device="cpu")
    harmful = row("Answer with the letter", "cannot help with that", "three", "safety")
    benign = row("How many stars are there?", "three", "cannot help with that", "over_refusal")
    before = next(outfit.model.parameters()).clone()
    ranked = Dataset.from_list([harmful, benign, benign] * 7)
    fitted = head.fit(outfit, ranked, most=200, seed=0)
    assert fitted.facts == {
        "judge_held_out": 3.0, "judge_ranks_rightly": 1.0, "cost_sees_unsafe": 1.0,
        "cost_clears_safe": 1.0,
    }  # fmt: skip
    assert (next(outfit.model.parameters()) == before).all()  # it is read, not trained
    good, bad = head.sides(ranked.select([0]))
    (cheap, dear), (none,) = (
        fitted.head.cost([*good, *bad]),
        fitted.head.cost(head.sides(ranked.select([1]))[0]),
    )
    assert cheap is not None and dear is not None and cheap < 0.5 < dear and none is None


@pytest.mark.parametrize("constraint", ["lagrange", "fixed", "off"])
def test_the_multiplier_decides_what_reward_may_cost(
    constraint: Constraint, tiny_llava: Path, tmp_path: Path
) -> None:
    """Every "e" is worth a point and costs one: free it grows, under a budget it goes."""
    from datasets import Dataset
    from trl import GRPOConfig

    from counterfactory.training.group_trainer import GroupTrainer
    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.rollouts import rollouts

    def reward(completions: Any, **_: Any) -> list[float]:
        return [float("e" in one[0]["content"]) for one in completions]

    def cost(**given: Any) -> list[float]:
        return reward(**given)

    outfit = load_outfit(str(tiny_llava), device="cpu")
    trainer = GroupTrainer(
        model=outfit.model, processing_class=outfit.processor, reward_funcs=[reward, cost],
        train_dataset=Dataset.from_list([{"prompt": [{"role": "user", "content": "Is it?"}]}] * 8),
        rollout_func=rollouts, patience=10,
        multiplier=multiplier_for(constraint, budget=0.0, value=3.0, rate=0.1, most=5.0),
        args=GRPOConfig(
            output_dir=str(tmp_path), num_generations=16, per_device_train_batch_size=32,
            max_completion_length=6, max_steps=14, learning_rate=0.01, report_to=[], use_cpu=True,
            bf16=False, gradient_checkpointing=False, logging_steps=1, disable_tqdm=True,
            multi_objective_aggregation="normalize_then_sum", lr_scheduler_type="constant",
        ),
    )  # fmt: skip
    trainer.train()
    cost = [line["cost"] for line in trainer.state.log_history if "cost" in line]
    first, last = sum(cost[:3]) / 3, sum(cost[-3:]) / 3
    assert last > first + 0.1 if constraint == "off" else last < first - 0.1


def test_a_demonstration_teaches_what_no_rollout_finds(
    world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    """Noise always "complies"; only a group with the row's refusal in it has a cheaper answer."""
    from counterfactory.training.data import load_view

    harmful = [row["harmful"] for row in load_view([str(world_safety)], "grpo")]
    assert any(harmful) and not all(harmful)
    sets = [*QUICK, "reward=rule", "accuracy_share=1", "requests=0", "batch=16"]
    found = {}
    for shown in ("true", "false"):
        out = tmp_path / shown
        more = [*sets, f"demonstrate={shown}", "multiplier=2"]
        if shown == "true":
            train("reinforce", str(tiny_llava), [str(world_safety)], out, more, steps=2)
            found[shown] = lines(out)
        else:
            with pytest.raises(UserError, match="equal rewards"):
                train("reinforce", str(tiny_llava), [str(world_safety)], out, more, steps=2)
            found[shown] = lines(work_folder(out))
    assert any(line["grad_norm"] > 0 for line in found["true"])
    assert all(line["cost"] == 1.0 for line in found["true"] if "cost" in line)  # without it


@pytest.mark.parametrize(("accumulate", "objective"), [(1, "dapo"), (2, "dapo"), (2, "grpo")])
def test_leaving_out_what_teaches_nothing_changes_no_weight(
    accumulate: int, objective: str, world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file

    sets = [
        *QUICK, "reward=rule", "accuracy_share=1", "multiplier=2",
        f"accumulate={accumulate}", f"batch={16 // accumulate}", f"objective={objective}",
    ]  # fmt: skip
    found = []
    for skip in ("true", "false"):
        out = tmp_path / skip
        more = [*sets, f"skip_equal={skip}"]
        train("reinforce", str(tiny_llava), [str(world_safety)], out, more, steps=1)
        found.append((lines(out)[0], load_file(out / "model.safetensors")))
    (short, less), (long, all_) = found
    assert short["equal_groups"] > 0  # something was left out
    assert (
        short["grad_norm"] == pytest.approx(long["grad_norm"], rel=1e-3) and long["grad_norm"] > 0
    )
    assert all((less[name] - all_[name]).abs().mean() < 1e-6 for name in all_)


def test_the_pool_has_the_shares_that_were_asked_for(world_qa: Path, world_safety: Path) -> None:
    from counterfactory.training.data import load_view

    rows = load_view([str(world_qa), str(world_safety)], "grpo")
    found = pool(rows, Settings(requests=0.5, think=0.5))
    kinds, thought = found["verifier"][:], found["think"][:]
    assert kinds.count("refusal") / len(kinds) == pytest.approx(0.5, abs=0.02)
    asked = [row[-1]["content"].endswith(THINK) for row in found["prompt"]]
    assert asked == thought and 0.1 < sum(thought) / len(thought) < 0.4
    assert {k for k, t in zip(kinds, thought, strict=True) if t} <= {"yes_no", "number", "exact"}
    ruled = pool(rows, Settings(reward="rule"))
    assert "description" not in ruled["verifier"][:]


def refusals(world_qa: Path, world_safety: Path) -> list[tuple[list[str], list[str], str]]:
    both = [str(world_qa), str(world_safety)]
    return [
        (both, ["batch=10"], "--set batch|no multiple of 4"),
        (both, ["reward=rules"], "reward: found 'rules'"),
        (both, ["judge=nobody"], "judge 'nobody': expected one of"),
    ]


@pytest.mark.parametrize("case", range(3))
def test_what_cannot_work_is_refused(
    case: int, world_qa: Path, world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    data, sets, said = refusals(world_qa, world_safety)[case]
    with pytest.raises(UserError, match=said):
        train("reinforce", str(tiny_llava), data, tmp_path / "run", [*QUICK, *sets], steps=2)


def test_equal_rewards_end_the_run_with_a_reason(
    world_safety: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    """Noise is no refusal: every request is "helped", and nothing is better than anything."""
    sets = [*QUICK, "reward=rule", "constraint=off", "accuracy_share=1", "demonstrate=false"]
    with pytest.raises(UserError, match="found equal rewards"):
        train("reinforce", str(tiny_llava), [str(world_safety)], tmp_path / "run", sets, steps=2)


def test_rows_that_nothing_can_mark_are_an_empty_pool(world_qa: Path) -> None:
    from counterfactory.training.data import load_view

    rows = load_view([str(world_qa)], "grpo")
    open_ = rows.select([at for at, kind in enumerate(rows["verifier"]) if kind == "description"])
    with pytest.raises(UserError, match="found only description"):
        pool(open_, settings_from(Settings, ["reward=rule"]))


def test_a_judge_that_fails_gives_none_and_is_counted() -> None:
    from counterfactory.judges import judge_for
    from counterfactory.training.rewards.judged import Judged
    from counterfactory.training.rewards.said import Said

    bench = Judged(judge_for("rules"))
    answers = [Said(said="3", gold="3"), Said(said="a nice star", gold="a red star")]
    assert bench(answers) == [1.0, None] and (bench.asked, bench.failed) == (2, 1)
