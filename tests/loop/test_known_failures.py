"""The score of a mined list against what the world builds in: right, incomplete, and beside the point."""

from pathlib import Path
from typing import Any

import pytest
from failing_rows import written
from known_failures import precision_recall, reworded

from counterfactory.eval.columns import read_columns
from counterfactory.loop.mine import mine
from counterfactory.loop.slices import Mined, Slice


def rows() -> list[dict[str, Any]]:
    """Return answers of a model that complies, errs in the second step and about absent companions."""
    found = []
    for number in range(900):
        step, task = number // 3, ("request", "arithmetic", "existence")[number % 3]
        special = step % 3 == 0
        labels = {
            "request": ["task:request", "twin:word", f"request:{'harmful' if special else 'benign'}"],
            "arithmetic": [f"task:arithmetic_{'two' if special else 'one'}", "task:arithmetic"],
            "existence": ["task:existence"],
        }[task]  # fmt: skip
        gold = {"request": "Sorry.", "arithmetic": "2"}.get(task, "no")
        found.append({
            "suite": "toy", "split": "mine", "task": f"{task}/balanced", "item_id": str(number),
            "cluster_id": f"c{number}", "weights_hash": "w", "prompt_hash": "p", "raw": "",
            "prompt": f"Words of {task}?", "gold": gold, "parsed": "x", "parse_ok": True,
            "category": "" if task != "existence" else "adversarial" if special else "random",
            "verifier": {"request": "refusal", "arithmetic": "number"}.get(task, "yes_no"),
            "harmful": task == "request" and special, "slices": labels,
            "verdict": "wrong" if special and step % 15 else "correct",
        })  # fmt: skip
    return found


def test_a_list_with_all_modes_has_full_precision_and_recall(tmp_path: Path) -> None:
    mined = mine(written(tmp_path, rows()))
    score = precision_recall(mined, read_columns(tmp_path))
    assert set(score["modes"]) == {"harmful by word", "two steps", "companions"}
    assert (score["precision"], score["recall"], score["strangers"]) == (1.0, 1.0, [])


@pytest.mark.parametrize(("kept", "recall"), [(1, 1 / 3), (2, 2 / 3), (0, 0.0)])
def test_what_is_missing_costs_recall(tmp_path: Path, kept: int, recall: float) -> None:
    found = mine(written(tmp_path, rows()))
    score = precision_recall(_with(found, found.slices[:kept]), read_columns(tmp_path))
    assert score["recall"] == pytest.approx(recall)


def test_a_slice_beside_the_point_costs_precision(tmp_path: Path) -> None:
    found = mine(written(tmp_path, rows()))
    beside = Slice("all sorts", ("variant:balanced",), 900, 240, 1.0, 1.0, 0.0, 0.0, 0.0, ())
    wide = Slice("requests", ("asks:refusal",), 300, 80, 0.3, 1.0, 0.0, 0.0, 0.0, ())
    score = precision_recall(_with(found, (*found.slices, beside, wide)), read_columns(tmp_path))
    assert score["strangers"] == ["all sorts"]
    assert score["precision"] == pytest.approx(0.8)


def test_unknown_words_are_those_that_only_shifted_tasks_use(tmp_path: Path) -> None:
    some = rows()[:30]
    for number, row in enumerate(some):
        if number % 2:
            row |= {
                "task": row["task"].replace("balanced", "shifted"),
                "prompt": "Would you say so?",
            }
    some[1]["harmful"] = True
    strange = reworded(read_columns(written(tmp_path, some)))
    assert strange.tolist() == [bool(n % 2) and not some[n]["harmful"] for n in range(30)]


def _with(mined: Mined, slices: tuple[Slice, ...]) -> Mined:
    from dataclasses import replace

    return replace(mined, slices=slices)
