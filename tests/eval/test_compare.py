"""Two runs side by side: simulated luck stays luck, real changes show, unlike runs are refused."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest

from counterfactory.errors import UserError
from counterfactory.eval.columns import by_task, columns_of
from counterfactory.eval.compare import compare, table
from counterfactory.eval.items import Task
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.paired import Effect, mean_effect, paired_effects
from counterfactory.eval.resample import blocks

sys.path.append(str(Path(__file__).parent))
from answer_rows import answer, answers, folder, task

Rows = list[dict[str, Any]]


def effects(
    a: Rows, b: Rows, samples: int = 200, permutations: int = 400, **names: str
) -> dict[str, Effect]:
    metrics = {name: METRICS[metric] for name, metric in (names or {"t": "accuracy"}).items()}
    found: dict[str, Effect] = {}
    for block in blocks(by_task(columns_of(a))):
        found |= paired_effects(
            block, by_task(columns_of(b)), metrics, samples=samples, permutations=permutations
        )
    return found


def flips(rng: np.random.Generator, n: int, p: float) -> list[bool]:
    return [bool(one) for one in rng.random(n) < p]


def runs(tmp_path: Path, a: Rows, b: Rows, *tasks: Task) -> tuple[Path, Path]:
    wanted = tasks or (task(),)
    return folder(tmp_path / "a", a, wanted), folder(tmp_path / "b", b, wanted)


def test_independent_items_get_mcnemars_test() -> None:
    a = answers([True] * 50 + [True] * 4 + [False] * 15 + [False] * 31)
    b = answers([True] * 50 + [False] * 4 + [True] * 15 + [False] * 31)
    found = effects(a, b)["t"]
    assert (found.lost, found.won, found.delta) == (4, 15, pytest.approx(0.11))
    assert found.p == pytest.approx(binomtest(4, 19).pvalue)
    assert found.mid_p is not None and found.mid_p < found.p
    assert found.low < 0.11 < found.high and found.low > 0


def test_permutation_agrees_with_mcnemar_where_both_apply() -> None:
    rng = np.random.default_rng(5)
    a, b = flips(rng, 300, 0.6), flips(rng, 300, 0.68)
    exact = effects(answers(a), answers(b))["t"].p
    both = [answers(one, gold="yes", group_id="") for one in (a, b)]
    byrecall = effects(*both, t="recall", permutations=20_000)["t"].p  # the same number here
    assert byrecall == pytest.approx(exact, abs=0.015)


def test_under_the_null_p_is_not_too_small_for_mcnemar() -> None:
    rng = np.random.default_rng(6)
    ps = []
    for _ in range(300):
        a, b = (answers(flips(rng, 60, 0.7)) for _ in range(2))
        ps.append(effects(a, b, samples=1, permutations=1)["t"].p)
    assert np.mean(np.array(ps) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def clustered(rng: np.random.Generator, chance: Any, name: str = "t") -> Rows:
    """Answers about 25 images, four questions each, with the chance of each image."""
    return [
        answer(4 * image + n, bool(rng.random() < chance[image]), task=name,
               gold=("yes", "no")[n % 2], cluster_id=f"i{image}")
        for image in range(25)
        for n in range(4)
    ]  # fmt: skip


@pytest.mark.parametrize("metric", ["accuracy", "f1_yes"])
def test_under_the_null_p_is_uniform_for_clusters(metric: str) -> None:
    rng = np.random.default_rng(7)
    ps = []
    for _ in range(200):
        a, b = (
            clustered(rng, rng.beta(3, 2, 25)) for _ in range(2)
        )  # images suit one run or other
        ps.append(effects(a, b, samples=1, permutations=199, t=metric)["t"].p)
    ps_ = np.array(ps)
    assert np.mean(ps_ <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 200)
    assert 0.1 < np.mean(ps_ <= 0.25) < 0.4  # and it is no p that never falls


def test_under_the_null_the_axis_holds_too_and_its_interval_covers_zero() -> None:
    rng = np.random.default_rng(8)
    ps, covers = [], []
    for _ in range(150):
        chance = rng.beta(3, 2, 25)
        a, b = ([*clustered(rng, chance, "x"), *clustered(rng, chance, "y")] for _ in range(2))
        found = effects(a, b, 300, 199, x="accuracy", y="f1_no")
        axis = mean_effect(list(found.values()))
        ps.append(axis.p)
        covers.append(axis.low <= 0 <= axis.high)
    assert np.mean(np.array(ps) <= 0.05) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 150)
    assert 0.9 <= np.mean(covers)


def test_the_published_effect_is_found_four_times_in_five() -> None:
    rng = np.random.default_rng(9)
    n, discordant = 400, 0.2
    effect = 2.8 * np.sqrt(discordant / n)
    won = (discordant + effect) / 2
    lost = discordant - won
    found = 0
    for _ in range(200):
        cell = rng.choice(3, n, p=[lost, won, 1 - lost - won])
        a, b = answers([bool(c != 1) for c in cell]), answers([bool(c != 0) for c in cell])
        one = effects(a, b, samples=1, permutations=1)["t"]
        found += one.p <= 0.05
    assert 0.68 <= found / 200 <= 0.9


def test_the_same_run_twice_differs_in_nothing(tmp_path: Path) -> None:
    rows = clustered(np.random.default_rng(1), np.full(25, 0.7))
    got = compare(*runs(tmp_path, rows, rows, task("t", "f1_yes")), samples=100, permutations=100)
    axis = got["axes"]["math"]
    assert (axis["delta"], axis["p"], axis["p_holm"]) == (0.0, 1.0, 1.0)
    assert axis["low"] < 0 < axis["high"]  # two models might differ and agree on so few
    assert axis["mde"] == pytest.approx(6 / 100)
    assert got["regressions"] == got["improvements"] == []
    json.dumps(got, allow_nan=False)


def test_a_real_loss_is_a_regression_and_the_table_says_so(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    right = flips(rng, 300, 0.9)
    tasks = (task("m", axis="math"), task("s", axis="spatial"), task("x", axis=""))
    a = [*answers(right, task="m"), *answers(right, task="s"), *answers(right, task="x")]
    b = [
        *answers([one and n % 5 > 0 for n, one in enumerate(right)], task="m"),
        *answers([one if n else not one for n, one in enumerate(right)], task="s"),
        *answers(right, task="x"),
    ]
    paths = runs(tmp_path, a, b, *tasks)
    got = compare(*paths, samples=200, permutations=500)
    assert got["regressions"] == ["math"]
    assert set(got["axes"]) == {"math", "spatial"} and set(got["tasks"]) == {"m", "s", "x"}
    assert got["axes"]["math"]["p_holm"] == pytest.approx(2 * got["axes"]["math"]["p"])
    text = table(got)
    assert "worse: math" in text
    line = next(line for line in text.splitlines() if line.startswith("spatial"))
    assert f"within chance; {got['axes']['spatial']['mde']:.3f} would probably show" in line

    mean = got["mean"]
    assert mean["delta"] == pytest.approx(np.mean([axis["delta"] for axis in got["axes"].values()]))
    assert mean["low"] < mean["delta"] < mean["high"] < 0 and mean["p"] < 0.05
    assert any(line.startswith("mean of axes") for line in text.splitlines())

    back = compare(*paths[::-1], samples=200, permutations=500)
    assert back["improvements"] == ["math"] and back["regressions"] == []
    assert back["axes"]["math"]["p"] == got["axes"]["math"]["p"]
    assert back["axes"]["math"]["delta"] == -got["axes"]["math"]["delta"]


def test_lower_is_better_metrics_are_turned_round(tmp_path: Path) -> None:
    a = answers([False] * 40, harmful=True)
    b = answers([True] * 30 + [False] * 10, harmful=True)
    got = compare(*runs(tmp_path, a, b, task("t", "unsafe_rate", "harmlessness")), samples=50)
    axis = got["axes"]["harmlessness"]
    assert (axis["a"], axis["b"], axis["won"], axis["lost"]) == (0.0, 0.75, 30, 0)
    assert got["improvements"] == ["harmlessness"]


def test_both_sides_are_the_numbers_of_their_summaries(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    a, b = (
        [*clustered(rng, np.full(25, p), "x"), *clustered(rng, np.full(25, p), "y")]
        for p in (0.6, 0.7)
    )
    paths = runs(tmp_path, a, b, task("x", "mean_f1_by_category"), task("y", "f1_no"))
    got = compare(*paths, samples=50, permutations=50)["axes"]["math"]
    for side, path in zip("ab", paths, strict=True):
        told = json.loads((path / "summary.json").read_text())["axes"]["math"]
        assert got[side] == pytest.approx(told["value"])


def test_items_come_in_any_order(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    a, b = clustered(rng, np.full(25, 0.5)), clustered(rng, np.full(25, 0.7))
    one = runs(tmp_path / "1", a, b)
    two = runs(tmp_path / "2", a, b[::-1])
    results = [compare(*paths, samples=50, permutations=50)["axes"] for paths in (one, two)]
    assert results[0] == results[1]


def test_what_one_run_could_not_judge_is_left_out_of_both(tmp_path: Path) -> None:
    a = answers([True, False, True, True, "unjudged"])
    b = answers([True, True, False, "unjudged", True])
    b[3]["judge"] = "none"  # who failed to judge does not matter
    got = compare(*runs(tmp_path, a, b), samples=50)
    axis = got["axes"]["math"]
    assert got["unjudged"] == 2
    assert (axis["units"], axis["a"], axis["b"]) == (3, pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert "2 items that no judge could decide" in table(got)


def test_a_group_counts_in_both_runs_or_in_none(tmp_path: Path) -> None:
    group = {"group_id": "g", "cluster_id": "g"}
    a = [
        answer(0, False, **group),
        answer(1, "unjudged", **group),
        *answers([True, True], task="u"),
    ]
    b = [answer(0, True, **group), answer(1, True, **group), *answers([True, True], task="u")]
    got = compare(*runs(tmp_path, a, b, task("t", "pair_accuracy"), task("u")), samples=50)
    assert "t" not in got["tasks"]  # B's second answer has no counterpart, and its group no verdict
    assert got["axes"]["math"]["tasks"] == ["u"]


def test_more_unread_answers_are_told(tmp_path: Path) -> None:
    a, b = answers([True] * 40), answers([True] * 20 + ["unparsed"] * 20)
    got = compare(*runs(tmp_path, a, b), samples=50)
    unread = got["parse_failure"]
    assert (unread["a"], unread["b"], unread["delta"]) == (0.0, 0.5, 0.5)
    assert unread["low"] < 0.5 < unread["high"] and unread["p"] < 0.001
    assert "unread answers: 0.0% and 50.0%" in table(got)


CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"prompt_hash": "new"}, "prompt_hash: t 1 was asked differently (1 items)"),
    ({"image_hashes": ["new"]}, "image_hashes: t 1 has other images (1 items)"),
    ({"gold": "no"}, "gold: t 1 has another right answer (1 items)"),
    ({"judge": "clip"}, "judge: t 1 was judged by another judge (1 items)"),
    (
        {"judge_prompt_hash": "new"},
        "judge_prompt_hash: t 1 was judged with another prompt (1 items)",
    ),
    ({"item_id": "new"}, "1 items are only in"),
]


@pytest.mark.parametrize(("change", "says"), CHANGES)
def test_runs_that_answered_other_items_are_refused(
    tmp_path: Path, change: dict[str, Any], says: str
) -> None:
    a, b = answers([True] * 3), answers([True] * 3)
    b[1] |= change
    with pytest.raises(UserError, match=r"^\S+ and \S+ cannot be compared: ") as error:
        compare(*runs(tmp_path, a, b))
    assert says in str(error.value) and "\n" not in str(error.value)


def test_other_splits_suites_and_task_versions_are_refused(tmp_path: Path) -> None:
    rows = answers([True] * 3)
    base = folder(tmp_path / "base", rows, [task()])
    for name, other, says in (
        ("split", {"split": "final"}, "split: 'gate' and 'final'"),
        ("suite", {"suite": "big"}, "suite: 'toy' and 'big'"),
    ):
        path = folder(tmp_path / name, [row | other for row in rows], [task()])
        with pytest.raises(UserError, match=says):
            compare(base, path)
    newer = folder(tmp_path / "newer", rows, [task(version=2)])
    with pytest.raises(UserError, match="task 't': version: 1 and 2"):
        compare(base, newer)


def test_folders_that_are_no_finished_runs_are_refused(tmp_path: Path) -> None:
    base = folder(tmp_path / "base", answers([True] * 3), [task()])
    with pytest.raises(UserError, match=r"no summary.json here"):
        compare(base, tmp_path / "nowhere")
    broken = folder(tmp_path / "broken", answers([True] * 3), [task()])
    for text in ("{", "[]", '{"tasks": {"t": {}}}', '{"tasks": 3}'):
        (broken / "summary.json").write_text(text)
        with pytest.raises(UserError, match=r"summary.json: not a summary"):
            compare(base, broken)
    twice = folder(tmp_path / "twice", [*answers([True] * 3), answer(0)], [task()])
    with pytest.raises(UserError, match="t 0 is there twice"):
        compare(base, twice)


def test_a_comparison_repeats(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    paths = runs(tmp_path, *(clustered(rng, np.full(25, p)) for p in (0.5, 0.7)))
    first = compare(*paths, samples=80, permutations=80)
    assert first == compare(*paths, samples=80, permutations=80)
    assert first["axes"]["math"]["p"] != compare(*paths, permutations=90)["axes"]["math"]["p"]
