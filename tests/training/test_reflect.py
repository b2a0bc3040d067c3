"""Reflection: which rows come of which replies, and rounds on a real, tiny release."""

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
from counterfactory.factory.recipe_yaml import read
from counterfactory.loop.doing import train as learn
from counterfactory.loop.layout import round_of
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work, skipped
from counterfactory.selecting import THINK, select_prompt
from counterfactory.training import resume
from counterfactory.training.reflect import Settings
from counterfactory.training.reflect_pool import Question, sorted_in
from counterfactory.training.reflect_rows import rows_of
from counterfactory.training.train import train

QUICK = [
    "batch=4", "lr=0.01", "schedule=constant", "save_every=4", "verifiers=[yes_no]", "questions=20",
    "rationales=200", "max_tokens=40", "shortest=5",
]  # fmt: skip


def said(*rounds: str) -> Question:
    """A question to which each round said these: "R" right, "W" wrong, each with its own words."""
    question = Question(7, "x-q0", "Is there a star?", "yes", "yes_no")
    for number, letters in enumerate(rounds, 1):
        for place, letter in enumerate(letters):
            answer = {"R": "yes", "W": "no", "?": ""}[letter]
            text = f"I look at thing {number}{place} here.\nAnswer: {answer}"
            question.samples.append(sorted_in(question, number, text))
    return question


def made(question: Question, number: int, **settings: Any) -> dict[str, list[tuple[str, str]]]:
    """The rows by part."""
    found: dict[str, list[tuple[str, str]]] = {}
    for row in rows_of(question, number, Settings(**settings)):
        assert row.at == 7
        found.setdefault(row.part, []).append((row.prompt, row.completion))
    return found


def things(text: str) -> set[str]:
    """Which replies a prompt shows."""
    return {word for word in text.split() if word.isdigit() and len(word) == 2}


def test_the_newest_right_reply_is_learned_and_puts_the_newest_wrong_one_right() -> None:
    rows = made(said("RRW", "RWW"), 2)
    assert rows["qa"] == [("Is there a star?", "yes")]
    ((prompt, completion),) = rows["cot"]
    assert prompt == "Is there a star?" + THINK
    assert completion == "I look at thing 20 here.\nAnswer: yes"
    ((prompt, completion),) = rows["refine"]
    assert things(prompt) == {"22"} and things(completion) == {"20"}


def test_a_choice_is_among_the_newest_with_either_kind_in_the_majority() -> None:
    rows = made(said("RRW", "RWW"), 2)["select"]
    assert [things(prompt) for prompt, _ in rows] == [{"20", "11", "22"}, {"20", "22", "21"}]
    assert [completion for _, completion in rows] == ["yes", "yes"]
    assert [things(prompt) for prompt, _ in made(said("RRW"), 1)["select"]] == [{"11", "10", "12"}]
    assert "select" not in made(said("RW"), 1)


def test_replies_of_later_rounds_are_not_known_to_earlier_ones() -> None:
    question = said("RRW", "WWW")
    assert things(made(question, 1)["refine"][0][0]) == {"12"}
    assert things(made(question, 2)["refine"][0][0]) == {"22"}


@pytest.mark.parametrize(
    ("letters", "parts"), [("RRR", {"qa", "cot"}), ("WWW", {"qa"}), ("W?W", {"qa"}), ("", {"qa"})]
)
def test_without_both_kinds_there_is_nothing_to_compare(letters: str, parts: set[str]) -> None:
    assert made(said(letters), 1).keys() == parts


def test_what_cannot_be_read_is_wrong_and_what_holds_no_reasoning_is_left_out() -> None:
    rows = made(said("R?"), 1)
    assert rows["refine"][0][1].endswith("Answer: yes")
    question = Question(7, "x-q0", "Is there a star?", "yes", "yes_no")
    question.samples += [sorted_in(question, 1, text) for text in ("Answer: yes", "no", "yes")]
    assert made(question, 1).keys() == {"qa"}


def test_ablations_leave_parts_out() -> None:
    question = said("RRWW")
    assert made(question, 1, parts=["qa", "cot"]).keys() == {"qa", "cot"}
    assert made(question, 1, parts=["qa", "cot", "select"]).keys() == {"qa", "cot", "select"}
    answers = made(question, 1, parts=["answer"])
    assert answers == {"answer": [("Is there a star?" + THINK, "Answer: yes")]}
    assert list(Settings(parts=["qa", "answer"], iterations=3).rounds) == [1]
    assert list(Settings(iterations=3).rounds) == [1, 2, 3]
    assert list(Settings(rationales=5).rounds) == [0, 1, 2]


def test_rows_and_evaluation_ask_in_the_same_words() -> None:
    from counterfactory.eval.asking import Ask, Reply
    from counterfactory.eval.select import choose, selection
    from counterfactory.eval.suites.pocket import sums

    texts = [one.text for one in said("RRW").samples]
    asked: list[Ask] = []

    def ask(asks: Any) -> list[Reply]:
        asked.extend(asks)
        return [Reply(text=text) for text, _ in zip(texts, asks, strict=False)]

    item = Question(7, "x-q0", "Is there a star?", "yes", "yes_no").item("Is there a star?" + THINK)
    choose(selection("self-select:3"), [item], ask)
    taught, _ = made(said("RRW"), 1)["select"][0]
    shown = [line for line in taught.splitlines() if line.startswith("Answer ")]
    order = [[t.split()[4] for t in texts].index(line.split()[6]) for line in shown]
    told = asked[-1].content[-1]["text"]
    assert told == select_prompt("Is there a star?" + THINK, texts)
    assert taught == select_prompt("Is there a star?" + THINK, [texts[at] for at in order])
    assert THINK == sums.THINK


def test_adapters_take_part_in_sampling(tiny_llava: Path) -> None:
    import torch

    from counterfactory.training.outfit import load_outfit
    from counterfactory.training.reflect_pool import sampler
    from counterfactory.training.settings import Lora

    outfit = load_outfit(str(tiny_llava), lora=Lora(rank=2))
    ids = torch.tensor([[1, 2, 3]])
    with torch.no_grad():
        before = sampler(outfit).model(input_ids=ids).logits
        for name, weight in outfit.model.named_parameters():
            if "lora_B" in name:
                weight.add_(0.1)
        after = sampler(outfit).model(input_ids=ids).logits
    assert not torch.allclose(before, after)


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (["verifiers=[difference]"], r"found no question to ask among \d+ rows.*number \(\d+\)"),
        (["verifiers=[numbr]"], r"verifiers: found 'numbr', expected some of yes_no"),
        (["questions=8", "max_tokens=4"], r"found \d+.\d% of the sampled replies right and \d+"),
        (["parts=[star]"], r"--set parts.0: found 'star'"),
        (["parts=[]"], r"--set parts: found \[\], expected some of qa"),
    ],
)
def test_what_cannot_be_learned_from_is_told_in_one_line(
    world_qa: Path, tiny_llava: Path, tmp_path: Path, how: list[str], told: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        train("reflect", str(tiny_llava), [str(world_qa)], tmp_path / "run", how, steps=1)
    assert "\n" not in str(caught.value)


def test_a_loop_goes_on_without_a_model_that_is_never_right(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    text = f"""\
kind: loop
name: small
builds: [{{recipe: world-qa}}]
stages: [{{train: reflect, data: [{world_qa}], steps: 1, set: {{questions: 4, max_tokens: 4}}}}]
"""
    recipe = LoopRecipe.from_document(read(text, "r.yaml"))
    work = Work(recipe, tmp_path, round_of(tmp_path, 1), device="cpu")
    ((stage, out),) = work.trainings()
    learn(work, stage=stage, model=str(tiny_llava), out=out)
    assert "found 0.0% of the sampled replies right" in skipped(out) and work.taught() == []
    learn(work, stage=stage, model=str(tiny_llava), out=out)  # as after a kill


def test_answers_alone_need_no_sampling(world_qa: Path, tiny_llava: Path, tmp_path: Path) -> None:
    out, how = tmp_path / "run", ["parts=[qa,answer]", "questions=8", "batch=4"]
    result = train("reflect", str(tiny_llava), [str(world_qa)], out, how, steps=2)
    (facts,) = json.loads((out / "run.json").read_text())["facts"]["rounds"]
    assert (facts["asked"], facts["rows_qa"], facts["rows_answer"]) == (0, 8, 8)
    assert result["steps"] == 2


def call(model: Path, data: Path, out: Path) -> list[str]:
    """The command line of a run of two rounds behind a warm-up."""
    sets = [part for one in QUICK for part in ("--set", one)]
    return [
        sys.executable, "-m", "counterfactory.cli", "train", "reflect", str(model),
        "--data", str(data), "--out", str(out), "--steps", "12", *sets,
    ]  # fmt: skip


def killed(command: list[str], moment: Path) -> None:
    """Run a command and kill it once this file is there."""
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 200
        while not moment.is_file():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGKILL)


def test_rounds_restart_sample_and_are_told_apart(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    result = train("reflect", str(tiny_llava), [str(world_qa)], out, QUICK, steps=12)
    lines = [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, 37)) and result["steps"] == 36
    assert [line["round"] for line in lines] == [0] * 12 + [1] * 12 + [2] * 12
    facts = json.loads((out / "run.json").read_text())["facts"]["rounds"]
    assert [one["asked"] for one in facts] == [0, 60, 60]
    assert facts[2]["rows_cot"] >= facts[1]["rows_cot"] > 0  # the pool grows
    assert result["final"]["right"] == pytest.approx(facts[2]["right"], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["round-1/checkpoint-12/whole", "round-2/checkpoint-4/whole"])
def test_a_killed_run_ends_as_an_uninterrupted_one(
    world_qa: Path, tiny_llava: Path, tmp_path: Path, moment: str
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    straight = train("reflect", str(tiny_llava), [str(world_qa)], whole, QUICK, steps=12)
    killed(call(tiny_llava, world_qa, cut), resume.work_folder(cut) / moment)
    assert not cut.exists()
    resumed = train("reflect", str(tiny_llava), [str(world_qa)], cut, QUICK, steps=12)
    assert resumed["weights_hash"] == straight["weights_hash"]
    for one in (resumed, straight):
        del one["final"]["num_tokens"]  # TRL counts anew
    assert resumed["final"] == straight["final"]
    records = [json.loads((out / "run.json").read_text())["facts"] for out in (whole, cut)]
    assert records[0] == records[1]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["idefics3", "gemma3", "qwen25"])
def test_other_families_reflect(world_qa: Path, tmp_path: Path, family: str) -> None:
    how = [*QUICK, "iterations=1", "lora=true"]
    model = tiny_vlm.ALL[family](tmp_path)
    try:
        assert train("reflect", str(model), [str(world_qa)], tmp_path / "run", how, steps=12)
    except UserError as error:  # it sampled and trained, and was not right once
        assert "of the sampled replies right" in str(error)
