"""Data gates on real small releases: each poison is rejected with its reason, the clean twin passes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from poisons import CHECKS, POISONS, by_shape, made, pair, request, rows, unnamed

from counterfactory.errors import UserError
from counterfactory.eval.asking import Ask, Reply
from counterfactory.factory.checks.contamination import build_index
from counterfactory.factory.ops.lexicon import plural
from counterfactory.factory.recipe import checked
from counterfactory.factory.recipe_yaml import read
from counterfactory.factory.run.build import build
from counterfactory.loop.auditors import by_captions, by_model
from counterfactory.loop.data_gates import DataDecision, check_release
from counterfactory.loop.gate_settings import DataGates
from counterfactory.loop.judged import data_verdict
from counterfactory.loop.layout import round_of, write_json
from counterfactory.loop.recipe import LoopRecipe
from counterfactory.loop.rounds import Work
from counterfactory.loop.told import read_told


def failed(found: DataDecision) -> set[str]:
    return {one.gate for one in found.gates if not one.passed}


def test_the_clean_release_passes(tmp_path: Path) -> None:
    found = check_release(made(tmp_path / "general", rows()), auditors=[by_shape])
    assert found.passed and not failed(found)
    assert found.reason.startswith("general passes")
    audited = next(one for one in found.gates if one.gate == "audit")
    assert audited.value == 0 and audited.n >= 100


@pytest.mark.parametrize("gate", POISONS)
def test_a_poisoned_release_is_rejected_by_the_gate_that_looks_for_it(
    gate: str, tmp_path: Path
) -> None:
    found = check_release(POISONS[gate](tmp_path), auditors=[by_shape])
    assert not found.passed
    assert gate in failed(found)
    assert f"{gate}: " in found.reason


def test_flipped_labels_are_found_by_the_captions_alone(tmp_path: Path) -> None:
    found = check_release(POISONS["audit"](tmp_path))
    audited = next(one for one in found.gates if one.gate == "audit")
    assert not audited.passed
    assert audited.value == pytest.approx(0.3, abs=0.1)
    assert audited.low is not None and audited.low > 0.1


def test_labels_flipped_in_one_view_conflict_with_the_others(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = made(tmp_path, rows()) / "data" / "grpo" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    flip = {"yes": "no", "no": "yes"}
    told = [row | {"answer": flip.get(row["answer"], row["answer"])} for row in table.to_pylist()]
    pq.write_table(pa.Table.from_pylist(told, schema=table.schema), path)
    found = check_release(tmp_path)
    assert "conflicts" in failed(found)
    assert "Is there a" in found.reason


def test_a_picture_of_a_suite_is_found_though_the_release_says_it_was_checked(
    tmp_path: Path,
) -> None:
    index = tmp_path / "index.jsonl"
    build_index(index, [("pocket", "item-1", pair(3).sample.image)])
    checks = ({"check": "contamination", "index": str(index), "max_distance": 4},)
    bad = check_release(made(tmp_path / "bad", rows(), checks=checks))
    assert failed(bad) == {"contamination"}
    build_index(index, [("pocket", "item-2", pair(5000).sample.image)])
    good = check_release(made(tmp_path / "good", rows(), checks=checks))
    assert good.passed


@pytest.mark.parametrize(
    ("suite", "clean"), [("pocket", True), ("pocket-quick", True), ("standard", False)]
)
def test_a_release_must_be_checked_against_the_suite_that_is_measured(
    suite: str, clean: bool, tmp_path: Path
) -> None:
    found = check_release(made(tmp_path, rows()), suite=suite)
    assert found.passed is clean
    assert ("contamination: not checked against standard" in found.reason) is not clean


def test_a_gate_with_too_few_rows_of_a_kind_says_so(tmp_path: Path) -> None:
    found = check_release(made(tmp_path, rows(5, 0)))
    silent = {one.gate: one.n for one in found.gates if one.value is None}
    assert 0 < silent["one answer, yes_no"] < DataGates().least
    assert 0 < silent["text-only leakage, yes_no"] < DataGates().least
    assert f"{len(silent)} had too little to look at" in found.reason


def test_requests_are_judged_by_the_marks_of_the_grpo_view(tmp_path: Path) -> None:
    told = [one for one in read_told(made(tmp_path, rows(0, 10))).told if one.view == "dpo"]
    assert {one.harmful for one in told} == {True, False}
    assert all(one.safety for one in told)


def test_benign_requests_that_are_refused_are_rejected_too(tmp_path: Path) -> None:
    from poisons import HELP, REFUSAL

    changed = rows()
    for row in changed:
        for one in row["preferences"] or ():
            if one["chosen"] == HELP:
                one["chosen"], one["rejected"] = REFUSAL, HELP
    assert "refused twins" in failed(check_release(made(tmp_path, changed)))


def sure_of_first(ask: Ask) -> Reply:
    return Reply(text="", logps=(0.0, *(-9.0 for _ in ask.choices[1:])))


def test_a_model_denies_only_what_it_is_sure_of(tmp_path: Path) -> None:
    release = read_told(made(tmp_path, rows(4, 0)))
    asked: list[Ask] = []

    def always(p_yes: float, asks: list[Ask]) -> list[Reply]:
        asked.extend(asks)
        logps = (float(np.log(p_yes)), float(np.log(1 - p_yes)))
        return [Reply(text="yes", logps=logps) for _ in asks]

    from counterfactory.loop.data_audit import _drawn, _statements

    said = _statements(release, _drawn(release, DataGates()))
    closed = [one for one in said if one.verifier == "yes_no"]
    sure = by_model(lambda asks: always(0.99, list(asks)))(closed)
    assert sure == [one.answer == "yes" for one in closed]
    assert set(by_model(lambda asks: always(0.6, list(asks)))(closed)) == {None}
    assert asked[0].images == closed[0].images
    odd = [replace(closed[0], answer="12", verifier="number"), replace(closed[0], answer="perhaps")]
    told = by_model(lambda asks: [sure_of_first(one) for one in asks])
    assert told(odd) == [None, None], "it was not asked about these answers"
    assert told([replace(odd[0], answer="3")]) == [False]


def test_captions_say_nothing_of_what_they_do_not_name(tmp_path: Path) -> None:
    folder = made(tmp_path, rows(12, 0))
    release = read_told(folder)
    from counterfactory.loop.data_audit import _drawn, _statements

    said = _statements(release, _drawn(release, DataGates()))
    verdicts = by_captions(folder)(said)
    named = [one.answer == "yes" for one in said if one.verifier == "yes_no"]
    found = [v for v, one in zip(verdicts, said, strict=True) if one.verifier == "yes_no"]
    assert found == [True if yes else None for yes in named]


def test_limits_are_settings(tmp_path: Path) -> None:
    folder = POISONS["pictures"](tmp_path)
    assert "pictures" not in failed(check_release(folder, DataGates(max_blank=0.5)))


def test_a_folder_that_is_no_release_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"manifest\.json"):
        check_release(tmp_path)


def test_the_fixture_is_what_it_says() -> None:
    assert CHECKS[1]["check"] == "contamination"
    assert pair(1).answer_a != pair(1).answer_b
    assert request(2).sample.examples[0].question == request(3).sample.examples[0].question


def work_of(folder: Path, always: bool, auditor: str, **facts: str) -> Work:
    """Return the first round of a loop whose one build was not focused, as in a control arm."""
    text = f"builds: [{{recipe: world-qa, always: {str(always).lower()}}}]\nauditors: [{auditor}]\n"
    text += "kind: loop\nname: small\nstages: [{train: sft, data: [world-qa]}]\n"
    text += "".join(f"{key}: {value}\n" for key, value in facts.items())
    recipe = LoopRecipe.from_document(read(text, "r.yaml"))
    work = Work(recipe, folder, round_of(folder, 1), device="cpu")
    write_json(work.round.plan, {"builds": [{"name": "world-qa", "focused": False}]})
    return work


def test_captions_and_a_model_have_one_vote_each(tmp_path: Path) -> None:
    sure_of_0 = "{data: {sure: 0.6}}"  # the dummy likes the first of all numbers best
    work = work_of(tmp_path, True, "'dummy:always-no'", gates=sure_of_0)
    none = [
        row
        | {"question": f"How many {plural(row['caption_a'].split()[-1].strip('.'))} are there?"}
        | {"answer_a": "0", "answer_b": "0"}
        for row in rows(60, 0)
    ]
    made(work.round.release("world-qa"), none)
    assert "audit" in failed(check_release(work.round.release("world-qa")))
    (found,) = data_verdict(work)["releases"]
    audited = next(one for one in found["gates"] if one["gate"] == "audit")
    assert audited["n"] >= 100 and audited["value"] == 0, "a tie contradicts no label"


ASKED = "captions say nothing, and models are asked only about builds that every round makes"


@pytest.mark.parametrize(
    ("always", "auditor", "count", "said"),
    [
        (False, "'dummy:always-no'", 30, f"nobody audited them ({ASKED})."),
        (True, "", 30, "nobody audited them (captions say nothing, and no model is set"),
        (True, "'dummy:always-no'", 30, ""),
        (False, "'dummy:always-no'", 0, ""),  # requests have no labels
    ],
)
def test_the_verdict_names_the_builds_whose_labels_nobody_looked_at(
    always: bool, auditor: str, count: int, said: str, tmp_path: Path
) -> None:
    work = work_of(tmp_path, always, auditor)
    made(work.round.release("world-qa"), unnamed(rows(count)))
    found = data_verdict(work)
    assert found["unaudited"] == (["world-qa"] if said else [])
    assert ("Labels of world-qa: " in found["reason"]) is bool(said) and said in found["reason"]


@pytest.mark.parametrize(("suite", "clean"), [("pocket-quick", True), ("standard", False)])
def test_the_gate_asks_for_the_suite_of_the_recipe(suite: str, clean: bool, tmp_path: Path) -> None:
    work = work_of(tmp_path, False, "pocket", suite=suite)
    made(work.round.release("world-qa"), rows())
    assert data_verdict(work)["passed"] is clean


@pytest.mark.parametrize(
    ("share", "always", "passes"), [(0.0, True, True), (0.3, True, False), (0.3, False, True)]
)
def test_careless_answers_of_a_real_recipe_are_found_by_a_model_that_doubts(
    share: float, always: bool, passes: bool, tmp_path: Path
) -> None:
    work = work_of(tmp_path, always, "pocket")
    made = checked("world-qa", ["source.n=150", f"source.mislabelled={share}"])
    build(made, work.round.release("world-qa"), workers=1)
    found = data_verdict(work)
    assert found["passed"] is passes, found["reason"]
    failed = [one["gate"] for one in found["releases"][0]["gates"] if not one["passed"]]
    assert failed == ([] if passes else ["audit"])
    assert found["unaudited"] == ([] if always else ["world-qa"])
