"""Every task of the folder, run by lm-eval itself on drawn rows, against scores worked out by hand."""

import json
import logging
import math
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import lm_eval
import pytest
import yaml
from lm_eval.tasks import TaskManager
from tests import tiny_vlm
from tests.eval.standard import kit
from tests.eval.standard.model import Parrot

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks import BENCHMARKS, FOLDER, load
from counterfactory.eval.metrics import METRICS

TASKS = Path(__file__).parents[3] / "eval" / "tasks" / "standard"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up on the Hub, of a dataset or of a metric, is an error."""
    import evaluate

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(evaluate, "load", refuse)
    # lm-eval notes every installed package after every run: seconds, and no part of the scores
    monkeypatch.setattr("lm_eval.evaluator.add_env_info", lambda results: None)


@pytest.fixture(scope="module")
def manager() -> TaskManager:
    return TaskManager(include_path=str(TASKS), include_defaults=False)


def run(task: str, says: Any, manager: TaskManager, **options: Any) -> dict[str, Any]:
    return dict(
        lm_eval.simple_evaluate(
            model=Parrot(says), tasks=[task], task_manager=manager, bootstrap_iters=1, **options
        )
    )


def scores(found: dict[str, Any], task: str) -> dict[str, float]:
    return {
        key.split(",")[0]: value
        for key, value in found["results"][task].items()
        if key.endswith(",none") and "_stderr" not in key
    }


@pytest.mark.parametrize("name", kit.FIXTURES)
def test_a_task_gives_the_scores_that_were_worked_out_by_hand(
    name: str, manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = kit.FIXTURES[name]
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, name, fixture)))
    found = scores(run(f"cf_{name}", fixture.answers, manager), f"cf_{name}")
    got = {metric: found[metric] for metric in fixture.expected}
    assert got == pytest.approx(dict(fixture.expected), nan_ok=True)


@pytest.mark.parametrize("name", kit.FIXTURES)
def test_the_right_answers_get_the_best_score(name: str, tmp_path: Path) -> None:
    fixture = kit.FIXTURES[name]
    folder = str(kit.lay(tmp_path, name, fixture))
    benchmark = BENCHMARKS[name]
    says = {"refuse": "I'm sorry, I can't help with that.", "comply": "It shows a mug."}
    golds = [item.gold for row in load(benchmark, folder) for item in benchmark.items_of(row)]
    answers = [says.get(gold, gold) for gold in golds]
    # the folder is named as `lm_eval --metadata '{"data": ...}'` does it
    tasks = TaskManager(include_path=str(TASKS), include_defaults=False, metadata={"data": folder})
    found = scores(run(f"cf_{name}", answers, tasks), f"cf_{name}")
    assert found[benchmark.headline] == pytest.approx(fixture.oracle, nan_ok=True)


def test_every_benchmark_has_a_task_and_a_fixture(manager: TaskManager) -> None:
    assert set(kit.FIXTURES) == set(BENCHMARKS)
    assert {f"cf_{name}" for name in BENCHMARKS} <= set(manager.all_tasks)


@pytest.mark.parametrize("path", sorted(TASKS.glob("[!_]*.yaml")), ids=lambda path: path.stem)
def test_a_yaml_file_says_what_the_benchmark_says(path: Path, manager: TaskManager) -> None:
    loader = type("Loader", (yaml.SafeLoader,), {})
    loader.add_constructor("!function", lambda load, node: load.construct_scalar(node))
    own = yaml.load(path.read_text(), loader)
    if "group" in own:
        assert set(own["task"]) <= set(manager.all_tasks)
        return
    benchmark = BENCHMARKS[own["metadata"]["benchmark"]]
    assert own["metadata"]["version"] == benchmark.version
    if own["include"] != "_base.yaml":  # another wording of the prompt, or a part of it
        assert own["metadata"].get("prompt_style", "official") in benchmark.styles
        assert set(own["metadata"].get("splits", ())) <= set(benchmark.splits)
        return
    assert own.get("dataset_path", "") == benchmark.hub
    assert own["generation_kwargs"]["max_gen_toks"] == benchmark.max_tokens
    assert own["generation_kwargs"]["until"] == []  # else a blank line would end a chain of thought
    named = [entry["metric"] for entry in own["metric_list"]]
    assert named[: len(benchmark.all_metrics)] == list(benchmark.all_metrics)
    for entry in own["metric_list"]:
        assert entry["aggregation"] in ("mean", f"utils.{entry['metric']}")
        better = METRICS[entry["metric"].partition("_if_")[0]].higher_is_better
        assert entry["higher_is_better"] is (better is not False)
    pinned = "revision" in own.get("dataset_kwargs", {})
    assert pinned or not benchmark.hub or own["metadata"]["pinned"] is False


def test_means_of_lm_eval_are_our_numbers(
    manager: TaskManager, tmp_path: Path, monkeypatch: Any
) -> None:
    fixture = kit.FIXTURES["pope"]
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, "pope", fixture)))
    found = run("cf_pope", fixture.answers, manager)["results"]["cf_pope"]
    assert found["accuracy,none"] == pytest.approx(5 / 8, abs=1e-9)
    # the sample's standard deviation over the root of n: sqrt(5/8 * 3/8 / 7)
    assert found["accuracy_stderr,none"] == pytest.approx(math.sqrt(15 / 64 / 7))


def test_samples_say_how_an_answer_was_read_and_hold_no_picture(
    manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = kit.FIXTURES["pope"]
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, "pope", fixture)))
    one, two = (
        run("cf_pope", fixture.answers, manager, log_samples=True)["samples"]["cf_pope"]
        for _ in range(2)
    )
    assert [sample["doc"]["verdict"] for sample in one] == [
        "correct", "correct", "correct", "wrong", "correct", "unparsed", "wrong", "correct"
    ]  # fmt: skip
    assert one[5]["doc"]["why"] and one[0]["doc"]["item_id"] == "random/1"
    assert [sample["doc_hash"] for sample in one] == [sample["doc_hash"] for sample in two]
    assert len(json.dumps(one[0])) < 4000


def test_a_limit_cuts_a_task_without_breaking_it(
    manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = kit.FIXTURES["naturalbench"]
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, "naturalbench", fixture)))
    found = scores(run("cf_naturalbench", fixture.answers[:4], manager, limit=4), "cf_naturalbench")
    assert (found["g_acc"], found["accuracy"]) == (1.0, 1.0)


def test_prompts_carry_one_mark_for_each_picture(
    manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("blink", "hallusion", "winoground"):
        monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, name, kit.FIXTURES[name])))
        model = Parrot(lambda prompt, pictures: "A")
        lm_eval.simple_evaluate(
            model=model, tasks=[f"cf_{name}"], task_manager=manager, bootstrap_iters=1
        )
        counts = [(prompt.count("<image>"), len(rest["visual"])) for prompt, _, rest in model.heard]
        assert all(marks == pictures for marks, pictures in counts)
        assert len({pictures for _, pictures in counts}) == 2  # none and one, or one and two
        assert not any("<image 1>" in prompt for prompt, _, _ in model.heard)


def test_wordings_differ_only_in_what_follows_the_question(
    manager: TaskManager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER, str(kit.lay(tmp_path, "pope", kit.FIXTURES["pope"])))
    heard = {}
    for task in ("cf_pope", "cf_pope_official", "cf_pope_vlmevalkit"):
        model = Parrot(kit.FIXTURES["pope"].answers)
        lm_eval.simple_evaluate(model=model, tasks=[task], task_manager=manager, bootstrap_iters=1)
        heard[task] = model.heard[0][0]
    assert heard == {
        "cf_pope": "<image>Is there a dog in the image?\nAnswer the question using a single word or phrase.",
        "cf_pope_official": "<image>Is there a dog in the image?",
        "cf_pope_vlmevalkit": "<image>Is there a dog in the image? Please answer yes or no.",
    }


def test_a_set_that_is_not_whole_is_told_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = kit.lay(tmp_path, "pope", kit.FIXTURES["pope"])
    with caplog.at_level(logging.WARNING):
        assert len(load(BENCHMARKS["pope"], folder)) == 8
    assert "found 8 items, the published benchmark has 9000" in caplog.text


def test_without_network_and_folder_one_line_says_what_to_do() -> None:
    with pytest.raises(
        UserError, match=r"^pope: dataset lmms-lab-encoder/POPE cannot be had.*COUNTERFACTORY_BENCH"
    ):
        load(BENCHMARKS["pope"])
    with pytest.raises(
        UserError, match=r"^vlguard: there is no parquet.*eval.convert vlguard SOURCE"
    ):
        load(BENCHMARKS["vlguard"])


@pytest.mark.slow  # lm-eval reads its own 14,000 task files first
@pytest.mark.parametrize("task", ["cf_pope", "cf_blink", "cf_hallusion_image"])
def test_the_plain_command_runs_a_task_on_a_transformers_model(task: str, tmp_path: Path) -> None:
    model, name = tiny_vlm.idefics3(tmp_path), task.split("_")[1]
    folder = kit.lay(tmp_path / "data", name, kit.FIXTURES[name])
    command = [
        sys.executable, "-m", "lm_eval", "run", "--include_path", str(TASKS), "--tasks", task,
        "--model", "hf-multimodal", "--model_args", f"pretrained={model},dtype=float32", "--device", "cpu",
        "--apply_chat_template", "--batch_size", "2", "--output_path", str(tmp_path / "out"),
    ]  # fmt: skip
    done = subprocess.run(
        command, env={**os.environ, FOLDER: str(folder)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (path,) = (tmp_path / "out").rglob("results_*.json")
    found = json.loads(path.read_text())["results"][task]
    assert {f"{metric},none" for metric in BENCHMARKS[name].all_metrics} <= found.keys()
