"""Failures on published benchmarks reach the builds that can serve them."""

from pathlib import Path

import pytest
from failing_rows import Row, written

from counterfactory.eval.benchmarks import BENCHMARKS
from counterfactory.eval.columns import Columns, columns_of
from counterfactory.factory.recipe import resolve
from counterfactory.loop.behind import failed
from counterfactory.loop.families import BY_LABEL, FAMILIES, UNSERVED, families_of
from counterfactory.loop.history import History
from counterfactory.loop.parts import parts_of
from counterfactory.loop.serving import ability
from counterfactory.loop.slices import Mined, Slice
from counterfactory.loop.target import choose

ROWS = {
    "pope": ("task:pope", "category:adversarial", "kind:dog"),
    "amber": ("task:amber", "category:attribute-number"),
    "clevr_math": ("task:clevr_math", "template:subtraction"),
    "vlguard": ("task:vlguard", "subset:unsafes"),
    "vsr": ("task:vsr", "relation:behind", "kind:bear"),
    "geoqa": ("task:geoqa",),
}


def answers() -> list[Row]:
    return [
        {"task": name, "item_id": f"{name}{n}", "cluster_id": f"{name}{n}", "slices": list(labels),
         "verdict": "wrong" if n < 20 else "correct"}
        for name, labels in ROWS.items()
        for n in range(30)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def columns() -> Columns:
    return columns_of(answers())


def mined(*conditions: str) -> Mined:
    one = Slice(" and ".join(conditions), conditions, 30, 20, 0.2, 9.0, 5.0, 1e-6, 1e-5, ())
    return Mined("eval/mine", "mine", "0" * 64, 180, 120, "answers", (one,))


def test_every_benchmark_has_its_place() -> None:
    tables = [set(FAMILIES), set(BY_LABEL), set(UNSERVED)]
    assert set().union(*tables) == set(BENCHMARKS) and sum(map(len, tables)) == len(BENCHMARKS)


def test_an_item_that_names_its_task_is_taken_at_its_word() -> None:
    assert families_of(("task:existence_popular", "kind:leaf")) == {"task:existence"}
    assert families_of(("task:cvbench", "subtask:Depth")) == set()


@pytest.mark.parametrize(
    ("conditions", "build", "labels"),
    [
        (ROWS["pope"], "region-diff-hub", ("task:existence", "kind:dog")),
        (("category:adversarial",), "region-diff-hub", ("task:existence",)),
        (ROWS["amber"], "region-diff-hub", ("task:count",)),
        (ROWS["clevr_math"], "world-math", ("task:arithmetic",)),
        (ROWS["vlguard"], "world-safety", ()),
    ],
)
def test_failures_on_a_benchmark_are_served_by_what_they_are_about(
    conditions: tuple[str, ...], build: str, labels: tuple[str, ...], columns: Columns
) -> None:
    names = ("region-diff-hub", "world-math", "world-safety")
    able = [ability(name, resolve(name)) for name in names]
    aims, back = choose(parts_of(mined(*conditions), columns), History(), able, rows=100)
    assert [(aim.build, set(aim.labels)) for aim in aims] == [(build, set(labels))], back
    assert aims[0].of == " and ".join(conditions), "the gate measures the slice as it was mined"


@pytest.mark.parametrize("name", ["pope", "amber", "clevr_math", "vlguard", "vsr"])
def test_a_part_of_a_benchmarks_slice_leads_back_to_its_failures(
    name: str, columns: Columns, tmp_path: Path
) -> None:
    found = mined(*ROWS[name])
    (one,) = parts_of(found, columns)
    told = {"of": one.of, "conditions": one.slice.conditions}
    behind = failed(told, found, written(tmp_path, answers()), {"kind:dog"})
    assert [item["task"] for item in behind] == [name] * 3


@pytest.mark.parametrize("name", ["geoqa", "vsr"])
def test_what_no_build_makes_is_put_back(name: str, columns: Columns) -> None:
    able = [ability(one, resolve(one)) for one in ("region-diff-hub", "world-math")]
    aims, back = choose(parts_of(mined(*ROWS[name]), columns), History(), able, rows=100)
    assert not aims and "no build of the recipe" in back[0].why
