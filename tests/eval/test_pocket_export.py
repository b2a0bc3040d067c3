"""A suite as files: Hub layout, Image features, the way back, the cache."""

import dataclasses
from itertools import islice
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.eval.items import Item, Suite, Task
from counterfactory.eval.suites import export as ex
from counterfactory.eval.suites.pocket import pocket_quick

POPE = ["id", "question_id", "question", "answer", "image_source", "image", "category"]
NAMES = (
    "existence/balanced",
    "difference/shifted",
    "option_order/balanced",
    "request_word/shifted",
)


def small() -> Suite:
    whole = pocket_quick()
    return dataclasses.replace(whole, name="small", tasks=tuple(whole.task(n) for n in NAMES))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("suite")
    written = ex.export(small(), out)
    assert written["existence_balanced"] == {"mine": 48, "gate": 48, "final": 48}
    return out


def test_every_config_and_split_loads_with_pictures(folder: Path) -> None:
    from datasets import get_dataset_config_names, load_dataset

    assert get_dataset_config_names(str(folder)) == [ex.config_of(name) for name in NAMES]
    loaded = load_dataset(str(folder), "existence_balanced", split="gate")
    assert loaded.column_names[:7] == POPE
    assert loaded[0]["image"].size == (128, 128) and loaded[0]["answer"] in ("yes", "no")
    assert set(loaded["category"]) == {"random", "popular", "adversarial"}
    pair = load_dataset(str(folder), "difference_shifted", split="mine")
    assert pair[0]["image_2"].size == (128, 128)


def test_a_row_is_its_item_again(folder: Path) -> None:
    import pyarrow.parquet as pq

    for name in NAMES:
        path = folder / f"data/{ex.config_of(name)}/final-00000-of-00001.parquet"
        rows = pq.read_table(path).to_pylist()
        assert [ex.item_of(row) for row in rows] == list(small().task(name).items("final"))


def test_a_decoded_picture_leaves_the_rest_of_the_item(folder: Path) -> None:
    from datasets import load_dataset

    loaded = load_dataset(str(folder), "option_order_balanced", split="gate")
    item, wanted = ex.item_of(loaded[0]), next(small().task("option_order/balanced").items("gate"))
    assert item == dataclasses.replace(wanted, images=())


def test_a_row_without_a_column_names_it(folder: Path) -> None:
    row = ex.row_of(next(small().task(NAMES[0]).items("gate")), 0, 1)
    del row["verifier"]
    with pytest.raises(UserError, match="column 'verifier' is missing"):
        ex.item_of(row)


def test_more_pictures_than_columns_are_refused() -> None:
    pair = next(small().task("difference/shifted").items("gate"))
    with pytest.raises(ValueError, match="2 images, expected 1"):
        ex.row_of(pair, 0, 1)


def test_a_task_is_drawn_once_and_then_read_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path))
    drawn = []

    def items(split: str):  # type: ignore[no-untyped-def]
        for item in islice(pocket_quick().task("count/balanced").items(split), 3):
            drawn.append(item.id)
            yield item

    toy = Suite(name="toy", tasks=(Task(name="count/balanced", items=items, headline="accuracy"),))
    first = ex.task_file(toy, "count/balanced", "gate")
    assert ex.task_file(toy, "count/balanced", "gate") == first and len(drawn) == 3
    assert first.is_relative_to(tmp_path) and first.is_file()
    assert ex.task_file(toy, "count/balanced", "mine") != first
    with pytest.raises(UserError, match="did you mean 'count/balanced'"):
        ex.task_file(toy, "counts/balanced", "gate")


def test_a_draw_that_fails_leaves_no_file(tmp_path: Path) -> None:
    def broken():  # type: ignore[no-untyped-def]
        yield from islice(pocket_quick().task("count/balanced").items("gate"), 2)
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError, match="power"):
        ex.write_task(broken(), tmp_path / "a" / "gate.parquet")
    assert not (tmp_path / "a" / "gate.parquet").exists()


def test_no_items_make_no_file(tmp_path: Path) -> None:
    assert ex.write_task(iter(list[Item]()), tmp_path / "none.parquet") == 0
    assert list(tmp_path.iterdir()) == []
