"""Models that are known beforehand score on every pocket task what its construction says."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import pytest

from counterfactory.eval.columns import columns_of
from counterfactory.eval.items import Item
from counterfactory.eval.marking import mark
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.suites.pocket import PLANS, pocket
from counterfactory.factory.world.request_texts import COMPLIANCE, UNNEEDED_REFUSALS
from counterfactory.fingerprint import digest_bytes, seed_for

TASKS = [f"{name}/{d}" for name in PLANS for d in ("balanced", "shifted")]
REFUSED, COMPLIED = UNNEEDED_REFUSALS[0], COMPLIANCE[0]

Model = Callable[[Item], str]


@cache
def items_of(task: str) -> list[Item]:
    found = pocket().task(task).items("final")
    return [item for _, item in zip(range(240), found, strict=False)]


def scores(task: str, model: Model) -> dict[str, float]:
    rows: list[Mapping[str, Any]] = []
    for item in items_of(task):
        said = mark(item, model(item))
        rows.append(
            {
                "task": task, "item_id": item.id, "cluster_id": item.cluster_id,
                "group_id": item.group_id, "category": item.category, "slices": item.slices,
                "prompt": item.prompt, "gold": item.gold, "verifier": item.verifier,
                "harmful": item.harmful, "image_hashes": [digest_bytes(i) for i in item.images],
                "verdict": said.verdict, "parsed": said.parsed, "parse_ok": said.parse_ok,
                "n_mention": said.n_mention, "n_hall": said.n_hall, "n_found": said.n_found,
                "n_gold": said.n_gold, "n_words": said.n_words,
            }
        )  # fmt: skip
    columns, plan = columns_of(rows), PLANS[task.partition("/")[0]]
    names = (plan.headline, *plan.metrics, "parse_failure")
    return {name: METRICS[name].value(columns) for name in names}


def random_answer(item: Item) -> str:
    choices = {
        "yes_no": ("yes", "no"), "letter": tuple("ABCD"), "refusal": (REFUSED, COMPLIED),
        "number": tuple("0123456789"),
    }.get(item.verifier, ("red", "blue", "purple"))  # fmt: skip
    return choices[seed_for(0, item.task, item.id) % len(choices)]


@pytest.mark.parametrize("task", TASKS)
def test_the_oracle_is_always_right(task: str) -> None:
    found = scores(task, lambda item: item.gold)
    plan = PLANS[task.partition("/")[0]]
    best = 1.0 if METRICS[plan.headline].higher_is_better else 0.0
    assert found[plan.headline] == best and found["parse_failure"] == 0.0
    for name in ("accuracy", "pair_accuracy", "set_accuracy", "consistency", "chair_recall"):
        assert found.get(name, 1.0) == 1.0, name
    for name in ("chair_i", "chair_s", "unsafe_rate", "over_refusal"):
        assert found.get(name, 0.0) == 0.0, name


@pytest.mark.parametrize("distribution", ["balanced", "shifted"])
def test_saying_always_the_same_word(distribution: str) -> None:
    for word, ratio, f1, recall in (("yes", 1.0, 2 / 3, 1.0), ("No.", 0.0, 0.0, 0.0)):
        found = scores(f"existence/{distribution}", lambda _, word=word: word)
        assert found["accuracy"] == 0.5 and found["yes_ratio"] == ratio
        assert found["mean_f1_by_category"] == pytest.approx(f1) and found["recall"] == recall
        found = scores(f"binding/{distribution}", lambda _, word=word: word)
        assert found["accuracy"] == 0.5 and found["pair_accuracy"] == 0.0
        found = scores(f"relation/{distribution}", lambda _, word=word: word)
        assert found["accuracy"] == 0.5
        assert found["pair_accuracy"] == found["set_accuracy"] == found["q_acc"] == 0.0
        found = scores(f"usual/{distribution}", lambda _, word=word: word)
        assert found["accuracy"] == 1 / 5 and found["pair_accuracy"] == 0.0
        found = scores(f"rewording/{distribution}", lambda _, word=word: word)
        assert found["consistent_and_correct"] == 0.25
        for task in ("attribute", "count", "arithmetic_one", "arithmetic_two", "difference"):
            assert scores(f"{task}/{distribution}", lambda _, word=word: word)["accuracy"] == 0.0
        found = scores(f"description/{distribution}", lambda _, word=word: word)
        assert found["chair_f1"] == 0.0 and found["parse_failure"] == found["silent"] == 1.0
    found = scores(f"option_order/{distribution}", lambda _: "A")
    assert found["accuracy"] == 0.25 and found["consistent_and_correct"] == 0.0


@pytest.mark.parametrize("distribution", ["balanced", "shifted"])
@pytest.mark.parametrize("twin", ["word", "image"])
def test_refusing_everything_and_obeying_everything_both_score_nothing(
    twin: str, distribution: str
) -> None:
    request, benign = f"request_{twin}/{distribution}", f"benign_{twin}/{distribution}"
    found = scores(request, lambda _: REFUSED)
    assert found["contrast_pair"] == 0.0
    assert (found["unsafe_rate"], found["over_refusal"]) == (0.0, 1.0)
    assert scores(benign, lambda _: REFUSED)["over_refusal"] == 1.0
    found = scores(request, lambda _: COMPLIED)
    assert found["contrast_pair"] == 0.0
    assert (found["unsafe_rate"], found["over_refusal"]) == (1.0, 0.0)
    assert scores(benign, lambda _: COMPLIED)["over_refusal"] == 0.0


def test_saying_nothing_earns_nothing() -> None:
    for task in TASKS:
        found = scores(task, lambda _: "")
        plan = PLANS[task.partition("/")[0]]
        worst = 0.0 if METRICS[plan.headline].higher_is_better else 1.0
        assert found[plan.headline] == worst and found["parse_failure"] == 1.0, task


@pytest.mark.parametrize(
    ("name", "metric", "chance"),
    [
        ("existence", "accuracy", 1 / 2), ("binding", "pair_accuracy", 1 / 4),
        ("relation", "accuracy", 1 / 2), ("relation", "pair_accuracy", 1 / 4),
        ("relation", "set_accuracy", 1 / 16), ("request_word", "contrast_pair", 1 / 4),
        ("request_image", "contrast_pair", 1 / 4), ("option_order", "accuracy", 1 / 4),
        ("option_order", "consistent_and_correct", 1 / 256), ("benign_word", "over_refusal", 1 / 2),
    ],
)  # fmt: skip
def test_random_answers_lie_at_chance(name: str, metric: str, chance: float) -> None:
    values, units = [], 0
    for distribution in ("balanced", "shifted"):
        task = f"{name}/{distribution}"
        values.append(scores(task, random_answer)[metric])
        items = items_of(task)
        units += len(items) if "accuracy" == metric else len({i.group_id or i.id for i in items})
    error = (chance * (1 - chance) / units) ** 0.5
    assert abs(sum(values) / 2 - chance) < 3 * error + 1e-9


def test_a_model_that_only_reads_is_right_on_one_picture_of_two() -> None:
    """Whatever a reader says to a sentence, it says it to both pictures of a pair."""
    for name in ("relation", "request_image"):
        said: dict[str, str] = defaultdict(str)

        def reader(item: Item, said: dict[str, str] = said) -> str:
            answer = random_answer(item)
            return said.setdefault(item.prompt, answer)

        for distribution in ("balanced", "shifted"):
            found = scores(f"{name}/{distribution}", reader)
            if name == "relation":
                assert found["accuracy"] == 0.5 and found["set_accuracy"] == found["q_acc"] == 0
            else:
                assert found["contrast_pair"] == 0.0
