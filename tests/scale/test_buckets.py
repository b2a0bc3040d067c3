"""Folders in object storage, against a real S3 server on loopback."""

from pathlib import Path

import pytest

from counterfactory.buckets import Bucket, is_url, read_at
from counterfactory.errors import UserError
from counterfactory.mirror import folder_of, mirrored

pytestmark = pytest.mark.usefixtures("s3", "cache")


def test_what_is_written_is_listed_and_read(tmp_path: Path) -> None:
    bucket = Bucket("s3://acme/one/")
    assert bucket.files() == {}
    bucket.write("a.txt", b"first")
    (tmp_path / "file").write_bytes(b"x" * 6_000_000)
    bucket.put(tmp_path / "file", "data/b.bin")
    assert {path: stat.size for path, stat in bucket.files().items()} == {
        "a.txt": 5,
        "data/b.bin": 6_000_000,
    }
    assert bucket.read("a.txt") == read_at("s3://acme/one", "a.txt") == b"first"
    assert bucket.read("b.txt") is None
    bucket.remove("a.txt")
    bucket.remove("a.txt")
    assert list(bucket.files()) == ["data/b.bin"]


def test_a_neighbour_with_the_same_beginning_is_no_part_of_a_folder() -> None:
    Bucket("s3://acme/two").write("a.txt", b"")
    Bucket("s3://acme/two.build").write("b.txt", b"")
    assert list(Bucket("s3://acme/two").files()) == ["a.txt"]


def test_a_mirror_is_fetched_once_and_again_when_the_folder_changes() -> None:
    bucket = Bucket("s3://acme/three")
    bucket.write("a.txt", b"first")
    bucket.write("data/b.txt", b"deep")
    folder = mirrored(bucket.url)
    assert folder.name == "three"
    assert (folder / "data" / "b.txt").read_bytes() == b"deep"
    (folder / "a.txt").write_bytes(b"FIRST")
    assert (mirrored(bucket.url) / "a.txt").read_bytes() == b"FIRST", "it is not fetched again"
    bucket.write("a.txt", b"other")
    assert (mirrored(bucket.url) / "a.txt").read_bytes() == b"other"


def test_a_mirror_that_was_cut_off_goes_on(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = Bucket("s3://acme/four")
    for number in range(4):
        bucket.write(f"{number}.txt", b"some text")
    got: list[str] = []
    real = Bucket.get

    def cut(self: Bucket, path: str, file: Path) -> None:
        if path == "2.txt" and got.count("2.txt") == 0:
            got.append(path)
            raise KeyboardInterrupt
        got.append(path)
        real(self, path, file)

    monkeypatch.setattr(Bucket, "get", cut)
    with pytest.raises(KeyboardInterrupt):
        mirrored(bucket.url)
    assert len(list(mirrored(bucket.url).iterdir())) == 4
    assert got == ["0.txt", "1.txt", "2.txt", "2.txt", "3.txt"]


def test_an_object_that_would_leave_the_folder_is_refused() -> None:
    import boto3

    boto3.client("s3").put_object(Bucket="acme", Key="five/../../etc/passwd", Body=b"x")
    with pytest.raises(UserError, match="leads out of the folder"):
        mirrored("s3://acme/five")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://nowhere/x", "^s3://nowhere/x: found no such bucket or object$"),
        ("s3://acme/none", "^s3://acme/none: found no files, expected a folder with some$"),
        ("s3://acme", r"^s3://...: found no folder of a bucket, expected s3://BUCKET/PATH$"),
        ("s3://key:secret@acme/x", r"^s3://...: found no folder of a bucket"),
        ("s3://acme/a/../b", "found no folder of a bucket"),
        ("http://acme/x", "^http://acme/x: found http://, expected one of s3, "),
        ("s3://acme/a*", r"found '\*', expected letters"),
    ],
)
def test_what_is_wrong_with_a_url_is_one_line(url: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        mirrored(url)
    assert len(str(error.value).splitlines()) == 1
    assert "secret" not in str(error.value)


def test_a_server_that_cannot_be_reached_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from s3fs import S3FileSystem

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    S3FileSystem.clear_instance_cache()
    try:
        with pytest.raises(UserError, match=r"^s3://acme/x: .*127.0.0.1:9") as error:
            Bucket("s3://acme/x").files()
    finally:
        S3FileSystem.clear_instance_cache()
    assert len(str(error.value).splitlines()) == 1


def test_folders_stay_what_they_are() -> None:
    assert folder_of("out/region-diff") == Path("out/region-diff")
    assert folder_of(Path("/x")) == Path("/x")
    assert not any(map(is_url, ["acme/region-diff@v1", "openai:http://host/v1#m", "./s3", "s3:/x"]))
