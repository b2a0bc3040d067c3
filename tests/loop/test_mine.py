"""Planted failures are found and named, noise is not, and a slice can be measured elsewhere."""

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from failing_rows import doubting, scenes, written

from counterfactory.errors import UserError
from counterfactory.eval.columns import read_columns
from counterfactory.loop.likeness import agreement
from counterfactory.loop.mine import mine, mine_unlabelled
from counterfactory.loop.slices import read_slices, write_slices


def leaves(row: dict[str, Any]) -> float:
    """Colours of leaves are wrong; elsewhere one in twenty is."""
    bad = {"kind:leaf", "task:attribute"} <= set(row["slices"])
    return 0.8 if bad else 0.05


def test_a_planted_conjunction_is_found_with_its_numbers_and_nothing_else(tmp_path: Path) -> None:
    rows = scenes(800, wrong=leaves)
    mined = mine(written(tmp_path, rows))
    assert [set(one.conditions) for one in mined.slices] == [{"kind:leaf", "task:attribute"}]
    members = [row for row in rows if {"kind:leaf", "task:attribute"} <= set(row["slices"])]
    wrong = sum(row["verdict"] == "wrong" for row in members)
    found = mined.slices[0]
    assert (found.items, found.errors) == (len(members), wrong)
    assert found.name == "attribute of leaves"
    assert 0 < found.low < found.excess < wrong
    assert found.p < found.q < 1e-6
    assert found.mass == pytest.approx(wrong / mined.errors, abs=1e-4)
    assert dict(found.focus)["kind:leaf"] == 1.0


def test_noise_has_no_slices(tmp_path: Path) -> None:
    found = [
        mine(written(tmp_path / str(seed), scenes(300, wrong=lambda _: 0.3, seed=seed)))
        for seed in range(12)
    ]
    assert sum(bool(one.slices) for one in found) <= 1
    assert all(one.tested > 10 for one in found), "what was tried is told, found or not"


def test_a_few_bad_pictures_are_not_a_slice(tmp_path: Path) -> None:
    rows = scenes(400, wrong=lambda _: 0.02, each=40)
    for row in rows:
        if row["cluster_id"] == "c3":  # one picture: everything asked about it fails
            row["slices"] = [*row["slices"], "place:dark"]
            row |= {"verdict": "wrong", "parsed": "other"}
    assert mine(written(tmp_path / "one", rows)).slices == ()
    for row in rows:
        row["cluster_id"] = row["item_id"]
    assert any("place:dark" in s.conditions for s in mine(written(tmp_path / "many", rows)).slices)


def test_labels_of_whole_pictures_are_no_slices_where_errors_go_by_picture(tmp_path: Path) -> None:
    found = []
    for seed in range(8):
        rng, pictures = random.Random(seed), dict[str, tuple[bool, str]]()
        rows = scenes(500, wrong=lambda _: 0.0, seed=seed, each=5)
        for row in rows:
            name = row["cluster_id"]
            bad, place = pictures.setdefault(
                name, (rng.random() < 0.3, f"place:{rng.randrange(4)}")
            )
            row["slices"] = [*row["slices"], place]
            row["verdict"] = "wrong" if bad == (rng.random() < 0.9) else "correct"
        found.append(len(mine(written(tmp_path / str(seed), rows)).slices))
    assert sum(map(bool, found)) <= 1


def test_each_slice_explains_errors_that_the_others_do_not(tmp_path: Path) -> None:
    rows = scenes(900, wrong=lambda r: max(leaves(r), 0.7 * ("kind:moon" in r["slices"])))
    for row in rows:  # says the same as kind:moon for nearly all rows
        if "kind:moon" in row["slices"] and random.Random(row["item_id"]).random() < 0.97:
            row["slices"] = [*row["slices"], "sky:night"]
    mined = mine(written(tmp_path, rows))
    assert len(mined.slices) == 2
    rows_of = mined.members(read_columns(tmp_path))
    assert (rows_of[0] & rows_of[1]).sum() < 0.1 * rows_of.sum()
    assert mined.explained > 0.8


def test_a_wording_is_found(tmp_path: Path) -> None:
    rows = scenes(600, wrong=lambda row: 0.8 if row["prompt"].startswith("Tell me") else 0.05)
    (found,) = mine(written(tmp_path, rows)).slices
    assert all(one.startswith("text:") for one in found.conditions)
    assert "asked with" in found.name


def test_a_new_kind_of_scenes_is_found_by_the_tasks_variant(tmp_path: Path) -> None:
    rows = scenes(400, wrong=lambda row: 0.7 if row["task"].endswith("/new") else 0.05)
    (found,) = mine(written(tmp_path, rows)).slices
    assert (found.conditions, found.name) == (("variant:new",), "questions, new scenes")


def test_large_numbers_are_found_without_being_told_where_they_begin(tmp_path: Path) -> None:
    rng = random.Random(2)
    rows = scenes(500, wrong=lambda _: 0.0)
    for row in rows:
        number = rng.randint(0, 7)
        right = number < 5 or rng.random() < 0.1
        row |= {"task": "count", "verifier": "number", "gold": str(number), "slices": ["task:count"],
                "verdict": "correct" if right else "wrong", "parsed": str(number if right else 4)}  # fmt: skip
    (found,) = mine(written(tmp_path, rows)).slices
    assert found.conditions == ("answer:5+",)
    assert found.name == "questions, answer 5 or more"


def prejudiced(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leaves are said to be green, suns red, in eight of ten cases."""
    usual, rng = {"kind:leaf": "green", "kind:sun": "red"}, random.Random(3)
    for row in rows:
        kind = row["slices"][1]
        if kind in usual and row["task"].startswith("attribute") and rng.random() < 0.8:
            said = usual[kind]
            row |= {"parsed": said, "verdict": "correct" if said == row["gold"] else "wrong"}
    return rows


def test_a_habit_is_learnt_from_the_answers_and_found(tmp_path: Path) -> None:
    mined = mine(written(tmp_path, prejudiced(scenes(1600, wrong=lambda _: 0.03))))
    assert any("habit:against" in one.conditions for one in mined.slices)
    said = {habit.among[-1]: habit.answer for habit in mined.habits}
    assert said == {"kind:leaf": "green", "kind:sun": "red"}


def test_slices_are_measured_on_other_items(tmp_path: Path) -> None:
    mined = mine(written(tmp_path / "mine", prejudiced(scenes(1600, wrong=lambda _: 0.03))))
    write_slices(mined, tmp_path)
    again = read_slices(tmp_path)
    assert again == mined
    fresh = prejudiced(scenes(900, wrong=lambda _: 0.03, seed=9, split="gate"))
    columns = read_columns(written(tmp_path / "gate", fresh))
    place = next(n for n, s in enumerate(again.slices) if "habit:against" in s.conditions)
    rows = again.members(columns)[place]
    assert 20 < rows.sum() < 0.5 * len(fresh)
    wrong = columns["verdict"] == "wrong"
    assert wrong[rows].mean() > 0.6 > 0.2 > wrong[~rows].mean()


def test_the_same_answers_give_the_same_slices(tmp_path: Path) -> None:
    rows = scenes(500, wrong=leaves)
    assert mine(written(tmp_path, rows)) == mine(written(tmp_path, rows))


def test_answers_that_nobody_judged_are_left_out(tmp_path: Path) -> None:
    rows = scenes(400, wrong=leaves)
    known = mine(written(tmp_path, rows))
    lost = [row | {"item_id": f"x{n}", "verdict": "unjudged"} for n, row in enumerate(rows)]
    both = mine(written(tmp_path, [*rows, *lost]))
    assert (both.items, both.errors, both.slices) == (known.items, known.errors, known.slices)


def test_a_model_without_errors_has_no_slices(tmp_path: Path) -> None:
    mined = mine(written(tmp_path, scenes(100, wrong=lambda _: 0.0)))
    assert (mined.slices, mined.errors, mined.explained) == ((), 0, 0.0)
    assert mined.members(read_columns(tmp_path)).shape == (0, 100)


def test_other_splits_are_refused(tmp_path: Path) -> None:
    written(tmp_path, scenes(60, wrong=leaves, split="gate"))
    with pytest.raises(UserError, match=r"answers\.parquet: split: found 'gate', expected 'mine'"):
        mine(tmp_path)
    assert mine(tmp_path, split="gate").split == "gate"


def test_a_foreign_slices_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no slices\.json"):
        read_slices(tmp_path)
    (tmp_path / "slices.json").write_text('{"slices": 3}')
    with pytest.raises(UserError, match=r"slices\.json: expected what mining writes"):
        read_slices(tmp_path)


def test_doubts_alone_find_the_slice_and_agree_with_the_labels(tmp_path: Path) -> None:
    rows = scenes(800, wrong=leaves)
    doubting(written(tmp_path, rows), rows, lambda row: 0.5 if row["verdict"] == "wrong" else 0.1)
    labelled, unlabelled = mine(tmp_path), mine_unlabelled(tmp_path)
    assert unlabelled.source == "reflections"
    assert [set(one.conditions) for one in unlabelled.slices] == [{"kind:leaf", "task:attribute"}]
    both = agreement(labelled, unlabelled, read_columns(tmp_path))
    assert both["jaccard"] == both["shared"] == 1.0
    assert both["chance"] < 0.2


def test_contradictions_are_told_by_slice(tmp_path: Path) -> None:
    rows = scenes(800, wrong=leaves)
    assert mine(written(tmp_path, rows)).slices[0].contradictions is None
    doubting(tmp_path, rows, lambda row: 0.9 if row["verdict"] == "wrong" else 0.1)
    (found,) = mine(tmp_path).slices
    assert found.contradictions == pytest.approx(found.rate, abs=1e-4)


def test_mining_without_labels_reads_no_right_answer(tmp_path: Path) -> None:
    rows = scenes(800, wrong=leaves)
    doubting(written(tmp_path, rows), rows, lambda row: leaves(row) / 2)
    first = mine_unlabelled(tmp_path)
    for row in rows:
        row |= {"gold": "yes", "verdict": "correct"}
    written(tmp_path, rows)
    assert mine_unlabelled(tmp_path).slices == first.slices != ()


def test_reflections_are_asked_for_by_name(tmp_path: Path) -> None:
    written(tmp_path, scenes(60, wrong=leaves))
    with pytest.raises(UserError, match="--reflect"):
        mine_unlabelled(tmp_path)


def test_lists_that_share_nothing_do_not_agree(tmp_path: Path) -> None:
    rows = scenes(800, wrong=leaves)
    doubting(written(tmp_path, rows), rows, lambda row: 0.6 * ("kind:moon" in row["slices"]))
    both = agreement(mine(tmp_path), mine_unlabelled(tmp_path), read_columns(tmp_path))
    assert both["shared"] == both["jaccard"] == 0.0
    assert np.isclose(both["pairs"][0]["jaccard"], 0.0)
