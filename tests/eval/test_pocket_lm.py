"""The pocket suite under plain lm-eval: every task is there, and its numbers are ours."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import counterfactory.eval.tasks.pocket as folder
from counterfactory.eval.columns import columns_of
from counterfactory.eval.marking import mark
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.suites.pocket import pocket, pocket_quick
from counterfactory.eval.tasks.pocket import utils

HERE = Path(folder.__file__).parent
NAMES = {f"cf_pocket_{task.name.replace('/', '_')}": task for task in pocket().tasks}


class Plain(yaml.SafeLoader):
    """Reads `!function utils.f1` as the text "utils.f1"."""


Plain.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def configs() -> dict[str, dict[str, Any]]:
    files = [path for path in HERE.glob("*.yaml") if not path.name.startswith("_")]
    found = [yaml.load(path.read_text(), Plain) for path in files]
    return {config["task"]: config for config in found}


def test_every_task_of_the_suite_has_one_file_that_says_the_same() -> None:
    found = configs()
    assert found.keys() == NAMES.keys()
    for name, task in NAMES.items():
        config, item = found[name], next(task.items("gate"))
        assert config["metadata"] == {"version": float(task.version), "item_task": task.name}
        assert config["tag"] == ["cf_pocket", f"cf_pocket_{task.axis or 'consistency'}"]
        assert config["generation_kwargs"]["max_gen_toks"] == item.max_tokens
        assert config["generation_kwargs"]["until"] == []
        metrics = {entry["metric"]: entry for entry in config["metric_list"]}
        assert list(metrics)[0] == task.headline
        assert metrics.keys() == {task.headline, *task.metrics}
        for metric, entry in metrics.items():
            assert entry["aggregation"] in ("mean", f"utils.{metric}")
            assert entry["higher_is_better"] == (METRICS[metric].higher_is_better is not False)


def test_all_items_of_a_task_have_one_limit_of_tokens() -> None:
    for task in pocket_quick().tasks:
        assert len({item.max_tokens for item in task.items("gate")}) == 1, task.name


def test_documents_hold_the_items_and_the_prompt_names_each_picture() -> None:
    docs = utils.dataset("difference/balanced", suite="pocket-quick", version=1.0)["test"]
    items = list(pocket_quick().task("difference/balanced").items("gate"))
    assert [docs[n].item for n in range(len(docs))] == items
    assert utils.doc_to_text(docs[0]) == "<image><image>" + items[0].prompt
    assert [image.size for image in utils.doc_to_image(docs[0])] == [(128, 128)] * 2
    assert utils.doc_to_target(docs[0]) == items[0].gold
    json.dumps(docs[0])  # lm-eval logs it


def simple_evaluate(tasks: list[str], answer: Any) -> dict[str, Any]:
    """Run stock lm-eval, offline, on pocket-quick with a model that answers by a function."""
    import lm_eval
    from lm_eval.api.model import LM
    from lm_eval.tasks import TaskManager

    class Toy(LM):
        MULTIMODAL = True

        def generate_until(self, requests: list[Any], disable_tqdm: bool = False) -> list[str]:
            for request in requests:
                context, _, media = request.args
                assert context.count("<image>") == len(media["visual"]) >= 1
            return [answer(request.doc.item) for request in requests]

        def loglikelihood(self, requests: list[Any]) -> Any:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    manager = TaskManager(
        include_path=str(HERE), include_defaults=False, metadata={"suite": "pocket-quick"}
    )
    done = lm_eval.simple_evaluate(
        model=Toy(), tasks=tasks, task_manager=manager, bootstrap_iters=1, log_samples=True
    )
    return dict(done)


def test_numbers_under_lm_eval_are_those_of_our_own_metrics() -> None:
    def answer(item: Any) -> str:
        if item.harmful or item.verifier == "description":
            return str(item.gold)
        return "yes" if item.id < "00009" else str(item.gold)

    wanted = ["existence/balanced", "description/shifted", "relation/balanced", "count/shifted",
              "request_image/balanced", "benign_image/balanced", "option_order/shifted"]  # fmt: skip
    names = [f"cf_pocket_{name.replace('/', '_')}" for name in wanted]
    done = simple_evaluate(names, answer)
    for name, short in zip(wanted, names, strict=True):
        task = pocket_quick().task(name)
        rows = []
        for item in task.items("gate"):
            said = mark(item, answer(item))
            doc = utils.doc_of(item)
            utils.process_results(doc, [answer(item)])
            counts = {n: getattr(said, n) for n in ("n_mention", "n_hall", "n_found", "n_gold",
                                                    "n_words")}  # fmt: skip
            rows.append({**{n: doc[n] for n in utils.FIELDS}, "verdict": said.verdict,
                         "parsed": said.parsed, **counts})  # fmt: skip
        columns = columns_of(rows)
        assert done["n-samples"][short]["effective"] == len(rows)
        for metric in (task.headline, *task.metrics):
            ours, theirs = METRICS[metric].value(columns), done["results"][short][f"{metric},none"]
            assert theirs == pytest.approx(ours, abs=1e-9), (name, metric)


def test_a_wrong_split_is_the_users_to_mend() -> None:
    from counterfactory.errors import UserError

    with pytest.raises(UserError, match="split: found 'test', expected one of mine, gate, final"):
        utils.dataset("count/balanced", split="test")


def test_a_tag_names_the_tasks_of_an_axis() -> None:
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_path=str(HERE), include_defaults=False)
    assert set(manager.all_tasks) >= NAMES.keys() | {"cf_pocket", "cf_pocket_harmlessness"}
