"""The numbers behind docs/evidence/loop.md, on answers small enough to count by hand."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from counterfactory.eval.compare import Paired, read_pair
from counterfactory.loop.slices import Mined, Slice

sys.path.append(str(Path(__file__).parents[1] / "eval"))
sys.path.append(str(Path(__file__).parents[1] / "bench"))
from answer_rows import answer, folder, task
from loop_measures import as_told, measures_of
from loop_seeds import over_seeds, over_trainings, trained

Rows = list[dict[str, Any]]
KINDS = ("balanced", "shifted")
REASONING = ("arithmetic_one", "arithmetic_two", "relation", "usual")
SLICE = Slice(
    name="suns", conditions=("kind:sun",), items=8, errors=4, mass=0.5, excess=2.0, low=1.0, p=0.0,
    q=0.0, focus=(),
)  # fmt: skip
MINED = Mined(
    folder="eval/mine", split="mine", weights_hash="w", items=8, errors=4, source="answers",
    slices=(SLICE,),
)  # fmt: skip
NAMES = (*REASONING, "request_word", "existence", "description")
TASKS = tuple(
    task(f"{name}/{kind}", axis="harmlessness" if name == "request_word" else "math",
         metrics=("chair_s",) if name == "description" else ())
    for name in NAMES for kind in KINDS
)  # fmt: skip


def answers(right: dict[str, float], refused: bool, said: str) -> Rows:
    """Return ten answers a task, this share right, `said` to the adversarial questions."""
    found: Rows = []
    for name in (*REASONING, "existence"):
        for kind in KINDS:
            share = right.get(name, 0.5)
            found += [
                answer(at, at < 10 * share, task=f"{name}/{kind}", cluster_id=f"{name}{kind}{at}",
                       slices=["kind:sun"] if at % 2 else [])
                for at in range(10)
            ]  # fmt: skip
    for kind in KINDS:
        found += [
            answer(at, refused, task=f"request_word/{kind}", cluster_id=f"r{kind}{at}", harmful=True,
                   verifier="refusal", gold="refuse", slices=["kind:sun"])
            for at in range(10)
        ]  # fmt: skip
        found += [
            answer(100 + at, said == gold, task=f"existence/{kind}", category="adversarial", gold=gold,
                   parsed=said, cluster_id=f"a{gold}{kind}{at}", item_id=f"{gold}{at}")
            for at in range(4) for gold in ("no", "yes")
        ]  # fmt: skip
        found += [
            answer(at, True, task=f"usual/{kind}", category="here", gold=gold, parsed="red",
                   item_id=f"u{at}", cluster_id=f"u{kind}{at}", slices=["kind:heart"])
            for at, gold in enumerate(("red", "blue", "blue"))
        ]  # fmt: skip
        found += [
            answer(at, "unjudged", task=f"description/{kind}", cluster_id=f"d{kind}{at}",
                   n_mention=2, n_hall=at % 2, n_found=1, n_gold=2)
            for at in range(4)
        ]  # fmt: skip
    return found


def runs(tmp_path: Path, *after: Rows) -> list[Paired]:
    """Return a model given beside others."""
    base = folder(tmp_path / "base", answers({}, refused=False, said="yes"), TASKS)
    return [
        read_pair(base, folder(tmp_path / f"after-{at}", rows, TASKS))
        for at, rows in enumerate(after)
    ]


def told(pair: Paired, name: str) -> tuple[float, int]:
    """Return a measure of the second run, and of how many items."""
    measure = measures_of(pair, MINED)[name]
    found = over_seeds(measure, [pair])
    return as_told(measure, found.b), found.units


def test_each_measure_is_about_its_items(tmp_path: Path) -> None:
    better = answers({"relation": 1.0, "usual": 0.8}, refused=True, said="no")
    same, pair = runs(tmp_path, answers({}, refused=False, said="yes"), better)
    asked = "adversarial yes to no"
    assert (told(same, asked), told(pair, asked)) == ((1.0, 8), (0.0, 8))  # those that want a no
    assert told(pair, "follows the usual") == (1.0, 4)  # red, where the heart is blue
    assert told(pair, "CHAIRs, balanced") == (0.5, 4)
    overall = (2 * 0.0 + 2 * 1.0 + 0.5 + 0.5) / 6
    assert told(pair, "hallucination, three measures")[0] == pytest.approx(overall)


def test_requests_can_be_left_out_of_the_slices(tmp_path: Path) -> None:
    (pair,) = runs(tmp_path, answers({}, refused=True, said="yes"))
    whole, rest = (
        told(pair, f"errors on the slices{more}") for more in ("", ", requests left out")
    )
    assert (whole[1], rest[1]) == (70, 50)
    assert whole[0] * 70 == pytest.approx(rest[0] * 50)  # every request is refused


def test_areas_of_reasoning_weigh_the_same(tmp_path: Path) -> None:
    (pair,) = runs(tmp_path, answers({"relation": 1.0}, refused=False, said="yes"))
    measure = measures_of(pair, MINED)["reasoning, balanced"]
    assert over_seeds(measure, [pair]).delta == pytest.approx(0.5 / 3)  # of 2 + 1 + 1 tasks
    rest = measures_of(pair, MINED)["all tasks but requests, balanced"]
    assert over_seeds(rest, [pair]).delta == pytest.approx(0.5 / 5)  # descriptions are not judged


def test_seeds_that_differ_widen_the_interval(tmp_path: Path) -> None:
    pairs = runs(tmp_path, *(answers({"relation": share}, False, "yes") for share in (0.6, 0.8, 1)))
    measure = measures_of(pairs[0], MINED)["reasoning, balanced"]
    items = over_seeds(measure, pairs)
    wide = over_trainings(measure, pairs, items)
    assert wide.each == pytest.approx([0.1 / 3, 0.3 / 3, 0.5 / 3])
    assert items.delta == pytest.approx(0.1)
    assert wide.low < items.low < items.delta < items.high < wide.high
    assert wide.p > items.p


@pytest.mark.parametrize(
    ("each", "items", "p"),
    [
        ([0.1, 0.2, 0.3], 0.0, 0.0742),  # Student's paired t of three: t = 2 sqrt(3), 2 degrees
        ([0.1, 0.1, 0.1], 0.05**2, 0.0455),  # two standard errors of the items
        ([0.0, 0.0, 0.0], 0.0, 1.0),
    ],
)
def test_p_over_trainings(each: Sequence[float], items: float, p: float) -> None:
    assert trained(each, items).p == pytest.approx(p, abs=2e-4)
