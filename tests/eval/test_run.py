"""`eval run`: answers, marks, numbers; what a kill, new weights or a dying server costs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from PIL import Image
from tests.eval.toy_suite import Counting, toy_suite

from counterfactory.errors import UserError
from counterfactory.eval.answer_dummy import DUMMIES
from counterfactory.eval.answers import COLUMNS
from counterfactory.eval.asking import Answerer
from counterfactory.eval.plan import Plan, limited, rank_of
from counterfactory.eval.run import evaluate
from counterfactory.eval.select import selection
from counterfactory.eval.suites import suite_named


def run(model: Answerer, out: Path, count: int = 12, **plan: object) -> dict[str, object]:
    return evaluate(model, Plan(suite=toy_suite(count), **plan), out, quiet=True)  # type: ignore[arg-type]


def rows(out: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = pq.read_table(out / "answers.parquet").to_pylist()
    return found


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path / "cache"))


def test_an_evaluation_is_four_files_and_one_result(tmp_path: Path) -> None:
    result = run(Counting(said="yes"), tmp_path / "a")
    found = rows(tmp_path / "a")
    assert list(found[0]) == list(COLUMNS) and len(found) == 24
    assert [row["verdict"] for row in found[:12]] == ["correct", "wrong"] * 6
    assert {row["verdict"] for row in found[12:]} == {"unparsed"}
    assert result["asked"] == 24 and result["items"] == 24 and result["parse_failures"] == 12
    assert result["tasks"]["yes"]["metrics"]["accuracy"]["value"] == 0.5  # type: ignore[index]
    assert result["axes"]["hallucination"]["value"] == 0.0  # type: ignore[index]
    assert {p.name for p in (tmp_path / "a").iterdir()} == {
        "answers.parquet", "failures.parquet", "summary.json", "results.json",
    }  # fmt: skip


def test_the_first_wrong_answers_of_each_task_are_kept_with_their_pictures(tmp_path: Path) -> None:
    run(Counting(said="yes"), tmp_path / "a")
    kept = pq.read_table(tmp_path / "a" / "failures.parquet").to_pylist()
    assert len(kept) == 6 and {row["verdict"] for row in kept} == {"wrong", "unparsed"}
    assert all(image[:4] == b"\x89PNG" for row in kept for image in row["images"])


def test_reflection_asks_again_and_its_second_run_asks_nothing(tmp_path: Path) -> None:
    model = Counting(said="There is a red star, so the answer is yes.\nAnswer: yes")
    result = run(model, tmp_path / "a", reflect=True)
    claims = pq.read_table(tmp_path / "a" / "reflections.parquet").to_pylist()
    assert {row["question"] for row in claims} >= {"Is the star red?"}
    assert result["reflection"]["claims"] == len(claims) > 0  # type: ignore[index, call-overload]
    again = run(model, tmp_path / "a", reflect=True)
    assert again["asked"] == 0 and again["reflection"] == result["reflection"]


def test_reflection_may_look_at_some_items_of_each_task(tmp_path: Path) -> None:
    model = Counting(said="There is a red star, so the answer is yes.\nAnswer: yes")
    run(model, tmp_path / "a", reflect=True, examined=3)
    claims = pq.read_table(tmp_path / "a" / "reflections.parquet").to_pylist()
    tasks = {row["task"] for row in rows(tmp_path / "a")}
    seen = {task: {row["item_id"] for row in claims if row["task"] == task} for task in tasks}
    assert len(seen) == 2 and all(len(items) == 3 for items in seen.values()), "of twelve"
    assert run(model, tmp_path / "a", reflect=True, examined=3)["asked"] == 0
    assert run(model, tmp_path / "a", reflect=True)["asked"] > 0, "all of them now"


def test_pictures_of_which_nothing_is_known_are_described_and_not_marked(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for name in ("one.png", "two.png"):
        Image.new("RGB", (16, 16), "red").save(tmp_path / "photos" / name)
    suite = suite_named(f"folder:{tmp_path / 'photos'}")
    result = evaluate(Counting(said="a red star"), Plan(suite=suite, reflect=True), tmp_path / "a")
    assert result["unjudged"] == 2 and not result["axes"]
    assert result["reflection"]["claims"] > 0 and result["reflection"]["auc"] is None
    with pytest.raises(UserError, match="no such folder"):
        suite_named("folder:nowhere")


def test_results_json_has_lm_eval_s_shape(tmp_path: Path) -> None:
    result = run(Counting(said="yes"), tmp_path / "a")
    found = json.loads((tmp_path / "a" / "results.json").read_text())
    assert found["results"]["yes"]["accuracy,none"] == 0.5
    assert 0 < found["results"]["yes"]["accuracy_stderr,none"] < 0.5
    assert found["n-samples"]["yes"] == {"original": 12, "effective": 12}
    assert found["higher_is_better"]["yes"]["accuracy"] is True
    assert (
        found["groups"]["hallucination"]["score,none"] == result["axes"]["hallucination"]["value"]
    )  # type: ignore[index]
    assert found["config"]["model_sha"] == "w0" and found["versions"]["yes"] == 1


def test_done_is_done(tmp_path: Path) -> None:
    first = run(Counting(), tmp_path / "a")
    stamp = (tmp_path / "a" / "answers.parquet").stat().st_mtime_ns
    again = run(model := Counting(), tmp_path / "a")
    assert again["asked"] == 0 and not model.asks and again["axes"] == first["axes"]
    assert (tmp_path / "a" / "answers.parquet").stat().st_mtime_ns == stamp


def test_one_changed_weight_asks_everything_again(tmp_path: Path) -> None:
    run(Counting(weights="w0"), tmp_path / "a")
    assert run(Counting(weights="w0"), tmp_path / "b")["asked"] == 0
    changed = run(Counting(weights="w1", said="no"), tmp_path / "a")
    assert changed["asked"] == 24 and changed["weights_hash"] == "w1"
    assert {row["weights_hash"] for row in rows(tmp_path / "a")} == {"w1"}


def test_kill_9_at_the_seventh_ask_costs_that_ask(tmp_path: Path) -> None:
    log = tmp_path / "asks.log"
    code = (
        "import sys; from pathlib import Path; from tests.eval.test_run import run;"
        "from tests.eval.toy_suite import Counting;"
        f"run(Counting(log=Path({str(log)!r}), stop_at=7), Path({str(tmp_path / 'a')!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parents[2], env=os.environ.copy()
    )
    assert done.returncode == -9 and len(log.read_text().splitlines()) == 7
    assert not (tmp_path / "a" / "answers.parquet").exists()
    model = Counting()
    assert run(model, tmp_path / "a")["asked"] == 24 - 6 == len(model.asks)
    whole = run(Counting(weights="other"), tmp_path / "b")
    assert whole["axes"] == run(Counting(), tmp_path / "a")["axes"]


def test_an_item_without_an_answer_ends_the_run_and_the_rest_is_kept(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"item 'gate-4' of task 'yes': the server hung up.*kept"):
        run(Counting(fail_at=5), tmp_path / "a")
    assert run(Counting(), tmp_path / "a")["asked"] == 1


def test_missing_answers_can_be_allowed_and_count_as_no_answer(tmp_path: Path) -> None:
    plan = Plan(suite=toy_suite())
    evaluate(Counting(fail_at=5), plan, tmp_path / "a", quiet=True, allow_missing=True)
    assert [(row["verdict"], row["error"]) for row in rows(tmp_path / "a")[3:6]] == [
        ("wrong", ""), ("unparsed", "the server hung up"), ("wrong", ""),
    ]  # fmt: skip


def test_a_limit_keeps_groups_whole(tmp_path: Path) -> None:
    run(Counting(), tmp_path / "a", limit=5)
    found = rows(tmp_path / "a")
    assert [sum(row["task"] == name for row in found) for name in ("yes", "number")] == [4, 5]
    items = toy_suite().task("yes").items
    assert [len(list(limited(items("gate"), n))) for n in (1, 2, 3, 12, 99)] == [1, 2, 2, 12, 12]


def test_tasks_splits_and_suites_that_do_not_exist_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no task 'numbr' \(did you mean 'number'\?\)"):
        run(Counting(), tmp_path / "a", tasks=("numbr",))
    with pytest.raises(UserError, match="no split 'test'; there are: mine, gate, final"):
        run(Counting(), tmp_path / "a", split="test")
    result = run(Counting(), tmp_path / "a", tasks=("number",))
    assert list(result["tasks"]) == ["number"]  # type: ignore[call-overload]


def test_a_folder_holds_one_evaluation(tmp_path: Path) -> None:
    run(Counting(), tmp_path / "a")
    with pytest.raises(UserError, match="holds the evaluation of 'counting' on toy/gate"):
        run(Counting(), tmp_path / "a", split="final")
    with pytest.raises(UserError, match="choose another folder"):
        run(Counting(name="else"), tmp_path / "a")


def test_the_oracle_scores_one_and_chance_scores_chance(tmp_path: Path) -> None:
    assert run(DUMMIES["oracle"](), tmp_path / "o")["axes"]["math"]["value"] == 1.0  # type: ignore[index]
    random = run(DUMMIES["random"](), tmp_path / "r", count=200)
    assert 0.35 < random["tasks"]["yes"]["metrics"]["accuracy"]["value"] < 0.65  # type: ignore[index]
    assert random["parse_failures"] == 0


def test_voting_writes_the_votes(tmp_path: Path) -> None:
    run(Counting(said="yes"), tmp_path / "a", select=selection("vote:3"))
    found = rows(tmp_path / "a")
    assert found[0]["votes"] == ["yes"] * 3 and found[0]["tokens"] == 3


def test_margins_are_written_where_answers_are_closed(tmp_path: Path) -> None:
    run(DUMMIES["always-yes"](), tmp_path / "a", margins=True)
    found = rows(tmp_path / "a")
    assert [row["margin"] for row in found[:2]] == [2.0, -2.0] and found[-1]["margin"] is None


def test_processes_share_items_by_cluster() -> None:
    items = list(Plan(suite=toy_suite(200)).items())
    ranks: dict[str, set[int]] = {}
    for item in items:
        ranks.setdefault(item.cluster_id, set()).add(rank_of(item, 3))
    assert all(len(some) == 1 for some in ranks.values())
    plan = Plan(suite=toy_suite(200))
    shares = [[item for chunk in plan.chunks(rank, 3) for item in chunk] for rank in range(3)]
    assert sum(map(len, shares)) == len(items) and min(map(len, shares)) > 80
