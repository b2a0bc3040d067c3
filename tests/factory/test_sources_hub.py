from pathlib import Path

import datasets
import numpy as np
import pytest

from counterfactory import images
from counterfactory.errors import RowError, UserError
from counterfactory.factory.sources.hub import Hub
from counterfactory.fingerprint import digest_bytes
from counterfactory.records import Reason


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """A folder that `load_dataset` reads, its third image damaged."""
    cells = [images.png(np.full((80, 96, 3), 30 * i, np.uint8)) for i in range(6)]
    cells[2] = b"damaged"
    table = datasets.Dataset.from_dict(
        {
            "img": [{"bytes": cell, "path": f"{i}.png"} for i, cell in enumerate(cells)],
            "text": [[f"picture {i}", "again"] for i in range(6)],
            "other": list(range(6)),
        },
        features=datasets.Features(
            {
                "img": datasets.Image(),
                "text": datasets.List(datasets.Value("string")),
                "other": datasets.Value("int64"),
            }
        ),
    )
    folder = tmp_path / "set"
    folder.mkdir()
    table.to_parquet(folder / "train-00000-of-00001.parquet")
    return folder


@pytest.mark.parametrize("streaming", [True, False])
def test_rows_are_spooled_with_their_original_bytes(
    dataset: Path, tmp_path: Path, streaming: bool
) -> None:
    source = Hub(path=str(dataset), n=5, streaming=streaming).open(tmp_path / "work", 0)
    sample = source.load(1)
    assert sample.caption == "picture 1"
    assert sample.image.shape == (80, 96, 3)
    assert sample.id == digest_bytes(images.png(np.full((80, 96, 3), 30, np.uint8)))
    assert sample.source_id == "hub:set:00000001.png"
    assert (len(source), source.describe()["images"]) == (5, 5)
    with pytest.raises(RowError) as caught:
        source.load(2)
    assert caught.value.reason == Reason.IMAGE_UNREADABLE


def test_a_spool_that_was_cut_short_goes_on_and_gives_the_same(
    dataset: Path, tmp_path: Path
) -> None:
    whole = Hub(path=str(dataset), n=6)
    expected = [whole.open(tmp_path / "one", 0).key(i) for i in range(6)]
    whole.open(tmp_path / "two", 0)
    spool = next((tmp_path / "two" / "source").iterdir())
    for path in (
        spool / "done",
        spool / "metadata.jsonl",
        spool / "lines" / "00000004",
        spool / "lines" / "00000005",
    ):
        path.unlink()
    (spool / "00000005.png").write_bytes(b"half")
    kept = (spool / "00000001.png").stat().st_mtime_ns
    assert [whole.open(tmp_path / "two", 0).key(i) for i in range(6)] == expected
    assert (spool / "00000001.png").stat().st_mtime_ns == kept


def test_a_finished_spool_needs_the_dataset_no_more(dataset: Path, tmp_path: Path) -> None:
    source = Hub(path=str(dataset), n=3)
    key = source.open(tmp_path / "work", 0).key(0)
    for path in dataset.iterdir():
        path.unlink()
    assert source.open(tmp_path / "work", 0).key(0) == key


@pytest.mark.parametrize(
    ("knobs", "told"),
    [
        ({"image_column": "imgg"}, "source.image_column: .*did you mean 'img'"),
        ({"caption_column": "texts"}, "source.caption_column: .*did you mean 'text'"),
        ({"image_column": "other"}, "source.path: reading"),
        ({"split": "test"}, "cannot load .*split test"),
    ],
)
def test_wrong_columns_and_splits_are_the_users_to_mend(
    dataset: Path, tmp_path: Path, knobs: dict[str, str], told: str
) -> None:
    with pytest.raises(UserError, match=told) as caught:
        Hub(path=str(dataset), n=3, **knobs).open(tmp_path / "work", 0)
    assert "\n" not in str(caught.value)


def test_without_a_network_the_reason_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot load 'nobody/nothing'") as caught:
        Hub(path="nobody/nothing", n=3).open(tmp_path, 0)
    assert "\n" not in str(caught.value)
