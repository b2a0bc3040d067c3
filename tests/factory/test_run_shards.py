"""Parquet files of a view: bounded groups, final names, pictures that `datasets` decodes."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from counterfactory.factory.release.views import VIEWS
from counterfactory.factory.run import shards
from counterfactory.factory.run.shards import Shards
from counterfactory.images import png


def row(number: int, side: int = 32) -> dict[str, Any]:
    pixels = np.random.default_rng(number).integers(0, 255, (side, side, 3), np.uint8)
    image = {"bytes": png(pixels), "path": None}
    return {
        "image": image,
        "caption": "a",
        "neg_caption": "b",
        "neg_image": image,
        "id": f"{number}",
    }


def write(folder: Path, rows: int) -> list[Path]:
    writer = Shards(folder, VIEWS["clip"].schema())
    for number in range(rows):
        writer.add(row(number))
    assert writer.close() == rows
    return sorted(folder.glob("*")) if folder.exists() else []


def test_no_row_is_no_file(tmp_path: Path) -> None:
    assert write(tmp_path / "clip", 0) == []


def test_groups_and_files_are_bounded_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = shards.weight(row(0))
    monkeypatch.setattr(shards, "GROUP_BYTES", 4 * size + 100)
    monkeypatch.setattr(shards, "FILE_BYTES", 9 * size)
    files = write(tmp_path / "clip", 22)
    assert [path.name for path in files] == [f"train-{i:05d}-of-00003.parquet" for i in range(3)]
    groups = [pq.ParquetFile(path).metadata for path in files]
    assert [[g.row_group(i).num_rows for i in range(g.num_row_groups)] for g in groups] == [
        [4, 4], [4, 4], [4, 2],
    ]  # fmt: skip
    ids = [i for path in files for i in pq.read_table(path).column("id").to_pylist()]
    assert ids == [str(number) for number in range(22)]


def test_a_row_larger_than_a_group_is_a_group_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "GROUP_BYTES", 10)
    (path,) = write(tmp_path / "clip", 3)
    assert pq.ParquetFile(path).metadata.num_row_groups == 3


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    (one,), (two,) = write(tmp_path / "one", 9), write(tmp_path / "two", 9)
    assert one.read_bytes() == two.read_bytes()


def test_datasets_sees_pictures(tmp_path: Path) -> None:
    from datasets import Image, load_dataset

    (path,) = write(tmp_path / "clip", 3)
    loaded = load_dataset(
        "parquet", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert isinstance(loaded.features["image"], Image)
    expected = np.random.default_rng(2).integers(0, 255, (32, 32, 3), np.uint8)
    assert np.array_equal(np.asarray(loaded[2]["image"]), expected)
