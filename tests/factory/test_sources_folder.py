import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory import images
from counterfactory.errors import RowError, UserError
from counterfactory.factory.sources import SOURCES
from counterfactory.factory.sources.folder import Folder
from counterfactory.fingerprint import digest_file
from counterfactory.records import Reason


def picture(path: Path, level: int = 100, side: int = 80) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(images.png(np.full((side, side, 3), level, np.uint8)))
    return path


def photos(root: Path) -> Path:
    for number, name in enumerate(("b.png", "a.png", "street/c.png")):
        picture(root / name, 40 * number + 20)
    return root


def opened(root: Path, n: int = 3, **knobs: object):
    return Folder(path=str(root), n=n, **knobs).open(root, 0)


def test_images_are_found_in_all_folders_in_a_stable_order(tmp_path: Path) -> None:
    source = opened(photos(tmp_path))
    assert [source.load(i).source_id for i in range(len(source))] == [
        "folder:a.png", "folder:b.png", "folder:street/c.png",
    ]  # fmt: skip


def test_a_sample_is_named_by_the_bytes_of_its_file(tmp_path: Path) -> None:
    source = opened(photos(tmp_path))
    identity = digest_file(tmp_path / "a.png")
    assert source.load(0).id == identity
    assert source.key(0) == f"a.png:0:{identity}"


def test_more_samples_than_images_visit_them_again_under_other_keys(tmp_path: Path) -> None:
    source = opened(photos(tmp_path), n=7)
    keys = [source.key(i) for i in range(7)]
    assert len(set(keys)) == 7
    assert source.load(0).id == source.load(3).id == source.load(6).id
    with pytest.raises(IndexError):
        source.load(7)


def test_one_sample_does_not_share_pixels_with_the_next(tmp_path: Path) -> None:
    source = opened(photos(tmp_path), n=4)
    source.load(0).image[:] = 0
    assert source.load(3).image.max() > 0


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_captions_come_from_metadata_beside_the_images(tmp_path: Path, kind: str) -> None:
    rows = [{"file_name": "c.png", "text": " A bus,\n red. "}]
    path = photos(tmp_path) / "street" / f"metadata.{kind}"
    if kind == "jsonl":
        path.write_text("\n".join(json.dumps(row) for row in rows))
    elif kind == "csv":
        path.write_text('file_name,text\nc.png," A bus,\n red. "\n')
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    source = opened(tmp_path)
    assert [source.load(i).caption for i in range(3)] == ["", "", "A bus, red."]
    assert source.describe()["captions"] == 1


def test_a_caption_column_and_a_licence_of_ones_own_are_used(tmp_path: Path) -> None:
    line = {"file_name": "a.png", "text": "no", "says": ["", "yes", "more"], "license": "cc0-1.0"}
    (photos(tmp_path) / "metadata.jsonl").write_text(json.dumps(line))
    source = opened(tmp_path, caption_column="says", license="mine")
    assert (source.load(0).caption, source.load(0).license) == ("yes", "cc0-1.0")
    assert source.load(1).license == "mine"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"file_name": "a.png", "text": "x"}', "did you mean 'text'"),
        ('{"filename": "a.png", "textt": "x"}', "did you mean 'filename'"),
        ('{"file_name": "../secret.png", "textt": ""}', "leads outside"),
        ('{"file_name": "/etc/passwd.png", "textt": ""}', "leads outside"),
        ("{broken", "metadata.jsonl:1: not JSON"),
        ("[1]", "expected an object"),
    ],
)
def test_wrong_metadata_is_the_users_to_mend(tmp_path: Path, line: str, told: str) -> None:
    (photos(tmp_path) / "metadata.jsonl").write_text(line)
    with pytest.raises(UserError, match=told):
        opened(tmp_path, caption_column="textt")


def test_a_wrong_folder_gets_a_hint(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match="did you mean 'photos'"):
        opened(tmp_path / "photo")
    with pytest.raises(UserError, match="holds no images"):
        opened(tmp_path / "photos")
    with pytest.raises(UserError, match="is a file"):
        opened(picture(tmp_path / "one.png"))


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(tmp_path: Path) -> None:
    root = photos(tmp_path / "inside")
    (root / "again.png").symlink_to(root / "a.png")
    assert opened(root, n=4).load(1).source_id == "folder:again.png"
    (root / "secret.png").symlink_to(picture(tmp_path / "secret.png"))
    with pytest.raises(UserError, match="leads outside"):
        opened(root)


def test_hidden_files_are_not_data(tmp_path: Path) -> None:
    picture(photos(tmp_path) / ".thumbs" / "x.png")
    picture(tmp_path / "._a.png")
    assert opened(tmp_path).describe()["images"] == 3


def test_a_bad_file_costs_its_own_row_only(tmp_path: Path) -> None:
    (photos(tmp_path) / "b.png").write_bytes(b"not a picture")
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "gone.png", "text": "x"}')
    picture(tmp_path / "tiny.png", side=20)
    source = opened(tmp_path, n=5)
    found = []
    for index in range(5):
        try:
            found.append(source.load(index).source_id)
        except RowError as error:
            found.append(error.reason)
    assert found == [
        "folder:a.png", Reason.IMAGE_UNREADABLE, Reason.IMAGE_UNREADABLE,
        "folder:street/c.png", Reason.IMAGE_TOO_SMALL,
    ]  # fmt: skip
    assert source.key(2).startswith("gone.png:0:")


def test_large_images_are_shrunk_and_larger_ones_refused(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", side=300)
    assert opened(tmp_path, n=1, max_side=128).load(0).image.shape == (128, 128, 3)
    with pytest.raises(RowError, match="image_too_large"):
        opened(tmp_path, n=1, max_pixels=80_000).load(0)


def test_the_shipped_photographs_say_whose_they_are(tmp_path: Path) -> None:
    source = SOURCES["folder"](n=12).open(tmp_path, 0)
    facts = source.describe()
    assert facts["images"] == facts["captions"] >= 5
    for index in range(facts["images"]):
        sample = source.load(index)
        assert sample.license in ("cc0-1.0", "public-domain")
        assert max(sample.image.shape) <= 512 and sample.caption
    assert all(file["credit"] for file in facts["files"])
