"""The model class under lm-eval: its numbers, its likelihoods, and what a second run costs."""

from pathlib import Path
from typing import Any

import lm_eval
import pytest
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model
from lm_eval.tasks import TaskManager
from PIL import Image
from tests import tiny_vlm
from tests.tiny import picture

import counterfactory.eval.tasks.pocket as tasks
from counterfactory.eval.answerers import answerer_for
from counterfactory.eval.lm import CounterfactoryLM
from counterfactory.eval.plan import Plan
from counterfactory.eval.run import evaluate
from counterfactory.eval.suites import suite_named

TASKS = ("count/balanced", "existence/balanced", "difference/shifted")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.llava(tmp_path_factory.mktemp("lm"))


def simple(model: Any, names: tuple[str, ...] = TASKS, **more: Any) -> dict[str, Any]:
    manager = TaskManager(
        include_path=str(Path(tasks.__file__).parent), include_defaults=False,
        metadata={"suite": "pocket-quick"},
    )  # fmt: skip
    wanted = [f"cf_pocket_{name.replace('/', '_')}" for name in names]
    done = lm_eval.simple_evaluate(
        model=model, tasks=wanted, task_manager=manager, apply_chat_template=True, bootstrap_iters=1,
        limit=8, log_samples=True, **more,
    )  # fmt: skip
    return dict(done)


def test_its_numbers_are_those_of_eval_run_on_the_same_answers(
    folder: Path, tmp_path: Path
) -> None:
    found = simple("counterfactory", model_args={"pretrained": str(folder), "device": "cpu"})
    assert found["config"]["model_sha"] == answerer_for(str(folder)).weights_hash
    plan = Plan(suite=suite_named("pocket-quick"), tasks=TASKS, limit=8)
    ours = evaluate(answerer_for(str(folder), device="cpu"), plan, tmp_path / "a", quiet=True)
    assert ours["asked"] == 0, "both ask the same store in the same words"
    for name in TASKS:
        theirs = found["results"][f"cf_pocket_{name.replace('/', '_')}"]
        for metric, one in ours["tasks"][name]["metrics"].items():
            if one["value"] is not None and f"{metric},none" in theirs:
                assert theirs[f"{metric},none"] == pytest.approx(one["value"], abs=1e-9), metric


def test_a_second_run_asks_nothing(folder: Path) -> None:
    first = CounterfactoryLM(str(folder), device="cpu", fresh=True)
    one = simple(first, ("count/balanced",))
    again = CounterfactoryLM(str(folder), device="cpu")
    two = simple(again, ("count/balanced",))
    assert first.answerer.asked > 0 and again.answerer.asked == 0
    said = [[s["resps"] for s in run["samples"]["cf_pocket_count_balanced"]] for run in (one, two)]
    assert said[0] == said[1]


def instance(kind: str, *args: Any) -> Instance:
    return Instance(request_type=kind, doc={}, arguments=args, idx=0)  # type: ignore[arg-type]


def test_likelihoods_with_images_are_those_of_the_model(folder: Path) -> None:
    lm = get_model("counterfactory")(pretrained=str(folder), device="cpu")
    pixels = picture(1)
    visual = {"visual": [Image.fromarray(pixels)]}
    context = lm.apply_chat_template([{"role": "user", "content": "<image>Is there a ball?"}])
    found = lm.loglikelihood(
        [instance("loglikelihood", context, choice, visual) for choice in ("yes", " no")]
    )
    vlm = lm.answerer.inner.inner.vlm
    wanted = vlm.choice_logps(context, [pixels], ("yes", " no"))
    assert [value for value, _ in found] == pytest.approx(list(wanted), abs=1e-3)
    assert all(isinstance(greedy, bool) for _, greedy in found)


def test_text_alone_and_prompts_without_template_work(folder: Path) -> None:
    lm = CounterfactoryLM(str(folder), device="cpu")
    settings = {"until": [], "max_gen_toks": 4}
    visual = {"visual": [Image.fromarray(picture(2))]}
    said = lm.generate_until(
        [
            instance("generate_until", "How many?", settings),
            instance("generate_until", "<image>How many?", settings, visual),
        ]
    )
    assert len(said) == 2 and all(isinstance(text, str) for text in said)


def test_repeats_of_a_sampled_prompt_differ_and_come_back_the_same(folder: Path) -> None:
    settings = {"until": [], "max_gen_toks": 6, "do_sample": True, "temperature": 1.0}
    asked = [instance("generate_until", "How many?", settings) for _ in range(4)]
    said = CounterfactoryLM(str(folder), device="cpu").generate_until(asked)
    again = CounterfactoryLM(str(folder), device="cpu", fresh=True).generate_until(asked)
    assert len(set(said)) > 1 and said == again


def test_stop_strings_cut(folder: Path) -> None:
    lm = CounterfactoryLM("dummy:refuse-all")
    said = lm.generate_until([instance("generate_until", "x", {"until": [","]})])
    assert said == ["I'm sorry"]
