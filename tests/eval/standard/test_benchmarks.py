"""The traps of each benchmark: what other harnesses get wrong, and what damaged data must not do."""

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.eval.standard import kit

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks import BENCHMARKS, load
from counterfactory.eval.benchmarks.coco_words import COCO, coco_name
from counterfactory.eval.benchmarks.load import _commit
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.suites import suite_named
from counterfactory.eval.suites.standard import STANDARD, split_of
from counterfactory.eval.tasks.standard import utils

Says = Callable[[Any], str]


def score(
    name: str, folder: Path, says: Sequence[str] | Says, rows: Any = None
) -> dict[str, float]:
    """Return the metrics of a benchmark's drawn rows for given answers, as the tasks count them."""
    kit.lay(folder, name, kit.FIXTURES[name], rows)
    docs = list(utils.dataset(name, data=str(folder))["test"])
    answers = [says(doc) for doc in docs] if callable(says) else says
    results = [utils.process_results(d, [a]) for d, a in zip(docs, answers, strict=True)]
    return {
        key: utils.aggregation(key)([result[key] for result in results])  # type: ignore[misc]
        for key in BENCHMARKS[name].all_metrics
        if key != "parse_failure"
    }


def test_always_yes_scores_what_theory_says(tmp_path: Path) -> None:
    found = score("pope", tmp_path, lambda doc: "Yes.")
    assert found["accuracy"] == 0.5
    assert found["mean_f1_by_category"] == pytest.approx(2 / 3)
    assert found["yes_ratio"] == 1.0  # of the answers; the share of yes among the gold ones is 0.5


def test_saying_no_catches_no_hallucination_in_amber_when_it_is_said_to_everything(
    tmp_path: Path,
) -> None:
    found = score("amber", tmp_path, lambda doc: "No.")
    assert (found["recall_no"], found["precision_no"]) == (1.0, pytest.approx(4 / 6))


@pytest.mark.parametrize("name", ["mmvp", "winoground", "naturalbench", "whatsup"])
def test_one_answer_to_everything_wins_no_pair(name: str, tmp_path: Path) -> None:
    found = score(name, tmp_path, lambda doc: "A" if doc["verifier"] == "letter" else "Yes")
    group = {"mmvp": "pair_accuracy", "winoground": "group_accuracy", "naturalbench": "g_acc"}
    assert found[group.get(name, "set_accuracy")] == 0
    if name == "winoground":
        assert (found["text_score"], found["image_score"]) == (0, 0)


@pytest.mark.parametrize(
    "says", ["I'm sorry, I can't help with that.", "Sure, here is how to do it."]
)
def test_refusing_everything_and_answering_everything_win_no_contrast_pair(
    says: str, tmp_path: Path
) -> None:
    assert score("vlguard", tmp_path, lambda doc: says)["contrast_pair"] == 0


def test_words_of_the_official_list_of_refusals_are_no_refusals_by_themselves(
    tmp_path: Path,
) -> None:
    says = "You may park there legally on Sundays; the sticker says OpenAI and spreads positivity."
    assert score("vlguard", tmp_path, lambda doc: says)["over_refusal"] == 0


def test_what_cannot_be_read_earns_nothing_and_draws_no_random_number(tmp_path: Path) -> None:
    random.seed(3)
    before = random.getstate()
    for name in ("geoqa", "blink", "mathvista", "naturalbench", "mmvp"):
        found = score(name, tmp_path, lambda doc: "Let me think about the picture for a while")
        assert found["accuracy"] == 0, name
    assert random.getstate() == before


def test_an_unjudged_answer_is_neither_safe_nor_unsafe(tmp_path: Path) -> None:
    utils_names = utils.names_of(BENCHMARKS["mm_safetybench"])
    assert utils_names[-2:] == ("unsafe_rate_if_right", "unsafe_rate_if_wrong")
    found = score("mm_safetybench", tmp_path, lambda doc: "unsafe? safe. Here is how.")
    assert found["unsafe_rate"] != found["unsafe_rate"]  # NaN: the model's own words are no verdict


def test_descriptions_that_mention_nothing_divide_by_nothing(tmp_path: Path) -> None:
    found = score("chair", tmp_path, lambda doc: "A lovely day.")
    assert found["chair_i"] != found["chair_i"] and found["silent"] == 1.0
    assert found["chair_s"] == 0 and found["chair_recall"] == 0


def test_double_words_name_one_object_or_none(tmp_path: Path) -> None:
    says = ["Toilet paper, orange juice and a hot dog.", "A teddy bear.", "A car at the bus stop."]
    found = score("chair", tmp_path, says)
    # hot dog and teddy bear are not there; the car is; "toilet", "orange", "dog", "bear", "bus" are unsaid
    assert found["chair_i"] == pytest.approx(2 / 3)


def test_a_synonym_stands_for_one_class_only() -> None:
    seen: dict[str, str] = {}
    for name, words in COCO.items():
        for word in (name, *words):
            assert seen.setdefault(word, name) == name, word
    assert len(COCO) == 80
    assert (coco_name("sofa"), coco_name("Teddy_Bear")) == ("couch", "teddy bear")


def test_the_dependable_copies_are_used() -> None:
    assert (
        BENCHMARKS["mmvp"].hub == "lmms-lab-eval/MMVP"
    )  # four ground truths of MMVP/MMVP are wrong
    assert BENCHMARKS["pope"].hub == "lmms-lab-encoder/POPE"  # lmms-lab/POPE has moved


def test_only_the_original_test_rows_of_geoqa_are_asked(tmp_path: Path) -> None:
    folder = kit.lay(tmp_path, "geoqa", kit.FIXTURES["geoqa"])
    rows = load(BENCHMARKS["geoqa"], folder)
    assert [row["id"] for row in rows] == [1, 2, 3, 4]
    assert [row["_row"] for row in rows] == [0, 1, 2, 3]


def test_a_set_of_hallusionbench_lies_in_one_cluster_and_a_missing_figure_is_no_image(
    tmp_path: Path,
) -> None:
    folder = kit.lay(tmp_path, "hallusion", kit.FIXTURES["hallusion"])
    items = [
        i
        for row in load(BENCHMARKS["hallusion"], folder)
        for i in BENCHMARKS["hallusion"].items_of(row)
    ]
    assert len({item.id for item in items}) == len(items) == 7
    assert {item.cluster_id for item in items} == {"hallusion:VS/chart/0", "hallusion:VD/chart/0"}
    assert [len(item.images) for item in items] == [1, 1, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("name", kit.FIXTURES)
def test_items_have_their_own_ids_groups_lie_in_one_cluster_and_metrics_exist(
    name: str, tmp_path: Path
) -> None:
    benchmark = BENCHMARKS[name]
    assert set(benchmark.all_metrics) <= METRICS.keys()
    assert METRICS[benchmark.headline].higher_is_better is not None
    folder = kit.lay(tmp_path, name, kit.FIXTURES[name])
    items = []
    for row in load(benchmark, folder):
        made = benchmark.items_of(row)
        assert len(made) == benchmark.parts
        items += made
    assert len({item.id for item in items}) == len(items)
    assert {item.task for item in items} == {name}
    assert all(item.max_tokens <= benchmark.max_tokens for item in items)
    clusters: dict[str, set[str]] = {}
    for item in items:
        clusters.setdefault(item.group_id, set()).add(item.cluster_id)
    assert all(len(found) == 1 for group, found in clusters.items() if group)


def test_photographs_of_coco_share_a_cluster_in_every_benchmark(tmp_path: Path) -> None:
    pope = kit.FIXTURES["pope"].rows[("", "test")][0]
    vsr = dict(kit.FIXTURES["vsr"].rows[("", "test")][0], image_file="000000000100.jpg", _row=0)
    one, other = BENCHMARKS["pope"].items_of(pope)[0], BENCHMARKS["vsr"].items_of(vsr)[0]
    assert one.cluster_id == other.cluster_id == "coco:100"


def test_splits_of_the_suite_share_no_cluster_and_all_is_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACTORY_BENCHMARKS", str(tmp_path))
    kit.lay(tmp_path, "mathvista", kit.FIXTURES["mathvista"])
    task = suite_named("standard").task("mathvista")
    parts = {split: list(task.items(split)) for split in STANDARD.splits}
    assert len(parts["all"]) == 6 == sum(len(parts[name]) for name in ("mine", "gate", "final"))
    for name in ("mine", "gate", "final"):
        assert all(split_of(item.cluster_id) == name for item in parts[name])
    assert task.source and task.source().startswith("local:")


def test_the_suite_holds_every_benchmark_and_bounds_stand_for_no_axis() -> None:
    axes = {task.name: task.axis for task in STANDARD.tasks}
    assert set(axes) == set(BENCHMARKS)
    assert axes["pope"] == "hallucination" and axes["mm_safetybench_rule"] == ""


def test_other_data_have_another_name(tmp_path: Path) -> None:
    fixture = kit.FIXTURES["mmvp"]
    one = load(BENCHMARKS["mmvp"], kit.lay(tmp_path / "a", "mmvp", fixture)).revision
    same = load(BENCHMARKS["mmvp"], kit.lay(tmp_path / "b", "mmvp", fixture)).revision
    rows = {("", "train"): [*fixture.rows[("", "train")][:3]]}
    other = load(BENCHMARKS["mmvp"], kit.lay(tmp_path / "c", "mmvp", fixture, rows)).revision
    assert one == same != other


def test_the_commit_of_a_dataset_of_the_hub_is_found() -> None:
    import datasets

    table = datasets.Dataset.from_dict({"a": [1]})
    assert _commit(table) == "hub:unknown"
    commit = "0123456789abcdef0123456789abcdef01234567"
    table.info.download_checksums = {f"hf://datasets/org/name@{commit}/data/test.parquet": {}}
    assert _commit(table) == f"hub:{commit}"


def changed(name: str, **cells: Any) -> dict[Any, Any]:
    """Return a fixture's rows with cells of the first row changed."""
    rows = {place: [dict(row) for row in given] for place, given in kit.FIXTURES[name].rows.items()}
    next(iter(rows.values()))[0].update(cells)
    return rows


def test_a_missing_column_is_one_clear_line(tmp_path: Path) -> None:
    rows = {("", "train"): [{k: v for k, v in row.items() if k != "Options"}
                            for row in kit.FIXTURES["mmvp"].rows[("", "train")]]}  # fmt: skip
    with pytest.raises(
        UserError, match="^mmvp: column 'Options' is missing, found Index, Question"
    ):
        score("mmvp", tmp_path, lambda doc: "A", rows)


@pytest.mark.parametrize(
    ("name", "cells", "line"),
    [
        ("pope", {"image": None}, "test row 0: image: the image is missing"),
        ("pope", {"answer": "perhaps"}, "answer: found 'perhaps', expected yes or no"),
        ("mmvp", {"Correct Answer": "(c)"}, "no \\(c\\)"),
        ("cvbench", {"answer": "two"}, "answer: found 'two', expected a letter"),
        ("mathvista", {"answer": "99°"}, "answer '99°' is none of the choices"),
    ],
)
def test_a_row_that_cannot_be_asked_is_one_clear_line(
    name: str, cells: dict[str, Any], line: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=line):
        score(name, tmp_path, lambda doc: "A", changed(name, **cells))


def test_what_the_folder_lacks_is_read_from_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACTORY_BENCHMARKS", str(tmp_path))
    kit.lay(tmp_path, "vsr", kit.FIXTURES["vsr"])
    assert load(BENCHMARKS["vsr"]).revision.startswith("local:")
    asked = r"^pope: dataset lmms-lab-encoder/POPE cannot be had.*put .* into FOLDER/pope, then set"
    with pytest.raises(UserError, match=asked):  # the tests have no network
        load(BENCHMARKS["pope"])


def test_a_folder_without_the_files_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pope").mkdir()
    with pytest.raises(
        UserError, match=r"^pope: no test\*\.parquet below .*pope; put .* set COUNT"
    ):
        load(BENCHMARKS["pope"], tmp_path)
    (tmp_path / "mm_safetybench").mkdir()
    with pytest.raises(UserError, match=r"in a folder Illegal_Activitiy; make it: python -m"):
        load(BENCHMARKS["mm_safetybench"], tmp_path)
    with pytest.raises(UserError, match=r"mirorr: found no such folder, .*COUNTERFACTORY_BENCH"):
        load(BENCHMARKS["pope"], tmp_path / "mirorr")


def test_a_damaged_parquet_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "pope").mkdir()
    (tmp_path / "pope" / "test.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(UserError, match=r"test\.parquet: cannot be read"):
        load(BENCHMARKS["pope"], tmp_path)


def test_an_unknown_wording_is_one_clear_line(tmp_path: Path) -> None:
    folder = kit.lay(tmp_path, "pope", kit.FIXTURES["pope"])
    with pytest.raises(UserError, match="found 'mine', expected one of lmms, vlmevalkit, official"):
        load(BENCHMARKS["pope"], folder, style="mine")
