"""The summary of an evaluation: hand-worked values, joint resampling, and what is refused."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterfactory.errors import UserError
from counterfactory.eval.columns import columns_of, read_columns, take
from counterfactory.eval.items import Task
from counterfactory.eval.slicing import slices
from counterfactory.eval.stats import wilson
from counterfactory.eval.summary import summarise

sys.path.append(str(Path(__file__).parent))
from answer_rows import answer, answers, folder, task


def summary(rows: list[dict[str, Any]], *tasks: Task, samples: int = 400) -> dict[str, Any]:
    return summarise(columns_of(rows), tasks or (task(),), samples=samples)


def test_a_task_of_independent_items_has_wilsons_interval() -> None:
    got = summary(answers([True] * 30 + [False] * 10))
    entry = got["tasks"]["t"]
    low, high = wilson(30, 40)
    assert (entry["value"], entry["low"], entry["high"]) == (0.75, low, high)
    assert (entry["n"], entry["units"], entry["clusters"]) == (40, 40, 40)
    axis = got["axes"]["math"]
    assert axis == {"value": 0.75, "low": low, "high": high, "n": 40, "tasks": ["t"]}
    assert set(got["axes"]) == {"math"}


def test_items_that_share_an_image_widen_the_interval() -> None:
    right = np.random.default_rng(0).random(50) < 0.7
    rows = [
        answer(5 * n + k, bool(right[n]), cluster_id=f"i{n}") for n in range(50) for k in range(5)
    ]
    entry = summary(rows)["tasks"]["t"]
    low, high = wilson(right.sum() * 5, 250)
    assert entry["clusters"] == 50
    assert entry["high"] - entry["low"] > 2 * (high - low)


def test_an_axis_is_the_unweighted_mean_of_scores_higher_is_better() -> None:
    small = answers([True, False, False, False], task="small")
    large = answers([True] * 20, task="large")
    chair = [
        answer(n, False, task="chair", n_hall=1, n_mention=4, n_found=3, n_gold=3) for n in range(9)
    ]
    tasks = (task("small"), task("large"), task("chair", "chair_i"), task("aside", axis=""))
    got = summary([*small, *large, *chair, *answers([False], task="aside")], *tasks)
    assert got["axes"]["math"]["value"] == pytest.approx((0.25 + 1 + 0.75) / 3)
    assert got["axes"]["math"]["n"] == 33
    assert (got["tasks"]["chair"]["value"], got["tasks"]["chair"]["score"]) == (0.25, 0.75)
    assert "score" not in got["tasks"]["aside"]


def test_tasks_about_the_same_images_are_resampled_together() -> None:
    """Two tasks with the same answers know no more than one of them."""
    right = [bool(one) for one in np.random.default_rng(1).random(200) < 0.6]
    joint = [*answers(right, task="a"), *answers(right, task="b")]
    apart = [*answers(right, task="a"), *[
        {**row, "cluster_id": f"other {row['cluster_id']}"} for row in answers(right, task="b")
    ]]  # fmt: skip
    width = {}
    for name, rows in {"joint": joint, "apart": apart}.items():
        axis = summary(rows, task("a"), task("b"), samples=2000)["axes"]["math"]
        width[name] = axis["high"] - axis["low"]
    single = wilson(sum(right), 200)
    assert width["joint"] == pytest.approx(single.high - single.low, rel=0.1)
    assert width["apart"] == pytest.approx(width["joint"] / np.sqrt(2), rel=0.1)


def test_the_same_rows_give_the_same_summary_whatever_the_order_or_the_other_tasks() -> None:
    rows = [answer(n, n % 3 > 0, gold=("yes", "no")[n % 2], task="a") for n in range(60)]
    a, b = task("a", "f1_yes", metrics=("accuracy",)), task("b")
    alone = summary(rows, a)["tasks"]["a"]
    assert summary(rows, a)["tasks"]["a"] == alone
    more = [answer(n, cluster_id=f"b{n}", task="b") for n in range(9)]
    assert summary([*more, *rows], a, b)["tasks"]["a"] == alone
    order = np.random.default_rng(0).permutation(60)
    shuffled = summarise(take(columns_of(rows), order), [a], samples=400)["tasks"]["a"]
    assert shuffled["value"] == alone["value"]
    assert shuffled["low"] == pytest.approx(alone["low"], abs=0.05)


def test_categories_are_shown_with_the_metric_beneath_their_mean() -> None:
    rows = [
        answer(n, n % 5 > 0, gold=("yes", "no")[n % 2], category=("random", "popular")[n // 20])
        for n in range(40)
    ]
    entry = summary(rows, task("t", "mean_f1_by_category"))["tasks"]["t"]
    parts = entry["categories"]
    assert set(parts) == {"random", "popular"} and parts["popular"]["n"] == 20
    assert entry["value"] == pytest.approx(np.mean([one["value"] for one in parts.values()]))
    alone = summary(rows[:20], task("t", "f1_yes"), samples=2000)["tasks"]["t"]
    assert parts["random"]["value"] == alone["value"]
    assert parts["random"]["low"] == pytest.approx(alone["low"], abs=0.07)
    assert summary(rows[:20], task("t", "f1_yes"))["tasks"]["t"]["categories"] == {}


def test_parse_failures_are_counted_apart_and_cost() -> None:
    entry = summary(answers([True, True, "unparsed", False]))
    assert entry["parse_failures"] == 1
    assert entry["parse_failure"]["value"] == entry["tasks"]["t"]["parse_failure"]["value"] == 0.25
    assert entry["tasks"]["t"]["value"] == 0.5
    assert entry["tasks"]["t"]["verdicts"]["unparsed"] == 1


def test_the_unjudged_are_bounded_not_guessed() -> None:
    rows = answers([True, True, False, "unjudged"])
    entry = summary(rows)["tasks"]["t"]
    assert entry["value"] == pytest.approx(2 / 3)
    assert entry["bounds"] == {"low": 0.5, "high": 0.75}
    assert "bounds" not in summary(answers([True]))["tasks"]["t"]
    axis = summary([*rows, *answers([True], task="u")], task("t"), task("u"))["axes"]["math"]
    assert axis["bounds"] == {"low": 0.75, "high": 0.875}
    unsafe = [{**row, "harmful": True} for row in rows]
    axis = summary(unsafe, task("t", "unsafe_rate"))["axes"]["math"]
    assert axis["bounds"] == {"low": 0.5, "high": 0.75}


def test_what_cannot_be_computed_is_null_and_a_mute_model_scores_nothing() -> None:
    rows = [answer(n, "unparsed", n_hall=0, n_mention=0, n_found=0, n_gold=3) for n in range(5)]
    got = summary(rows, task("t", "chair_i", metrics=("precision",)))
    assert got["tasks"]["t"]["value"] is None
    assert got["axes"]["math"]["value"] == 0.0
    json.dumps(got, allow_nan=False)


def test_a_task_without_a_single_unit_is_in_no_axis() -> None:
    got = summary(answers([True]), task("t", "group_accuracy"))
    assert got["axes"] == {} and got["tasks"]["t"]["units"] == 0


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([answer(0), answer(1, "missing")], "1 of 2 items have no answer (first: t 1)"),
        ([answer(0, task="other")], "task 'other' is not in this suite"),
        ([answer(0), answer(1, split="final")], "split: expected one value, found final, gate"),
        (
            [answer(0, group_id="g"), answer(1, group_id="g")],
            "group 'g' lies in the clusters 'c0' and 'c1'",
        ),
    ],
)
def test_what_is_no_evaluation_is_refused(rows: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(UserError, match=r"^answers.parquet: ") as error:
        summary(rows)
    assert says in str(error.value)


def test_a_summary_survives_the_file(tmp_path: Path) -> None:
    rows = [
        answer(n, n % 3 > 0, slices=("kind:sun",), group_id=f"g{n // 2}", cluster_id=f"c{n // 2}")
        for n in range(20)
    ]
    tasks = [task("t", "pair_accuracy", metrics=("accuracy",))]
    path = folder(tmp_path / "run", rows, tasks)
    assert summarise(read_columns(path), tasks) == summarise(columns_of(rows), tasks)


def test_slices_count_items_once_and_robustly() -> None:
    rows = [
        answer(n, n % 4 > 0, cluster_id=f"c{n // 4}", slices=("kind:sun", "task:count", "pair:1"))
        for n in range(40)
    ]
    rows += [answer(n, "unparsed", slices=("kind:sun",)) for n in range(40, 50)]
    rows += [answer(50, "unjudged", slices=("kind:sun", "kind:moon"))]
    got = slices(columns_of(rows))
    assert list(got) == ["kind:sun", "task:count"]  # structure is no slice, the unjudged no item
    sun = got["kind:sun"]
    assert (sun["n"], sun["clusters"], sun["accuracy"]) == (50, 20, 0.6)
    assert sun["parse_failure"] == 0.2
    assert sun["low"] < 0.6 < sun["high"]
    assert got["task:count"]["accuracy"] == 0.75
    assert "task:count" not in slices(columns_of(rows), least=41)
    assert slices(columns_of(answers([True]))) == {}


def test_thousands_of_rows_take_seconds() -> None:
    tasks, rows = [], []
    for number in range(30):
        headline = ("mean_f1_by_category", "accuracy", "pair_accuracy")[number % 3]
        more = ("accuracy", "f1_yes", "precision", "recall", "yes_ratio", "consistency")
        tasks.append(task(f"t{number}", headline, metrics=more))
        rows += [
            answer(n, n % 3 > 0, task=f"t{number}", gold=("yes", "no")[n % 2],
                   cluster_id=f"{number % 10}-{n // 4}", group_id=f"g{n // 2}",
                   category=("random", "popular", "adversarial")[n // 2 % 3],
                   slices=(f"task:{number}", f"kind:{n % 12}", f"colour:{n % 7}"))
            for n in range(500)
        ]  # fmt: skip
    columns = columns_of(rows)
    start = time.process_time()
    got = summarise(columns, tasks)
    assert time.process_time() - start < 5
    assert got["items"] == 15_000 and got["samples"] == 2000
