"""Reading files: ranges, heads, pages, downloads that go on where they stopped."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem
from raw_http import ask

from counterfactory.factory.release.hub import serve

REPO = "lab/edits"
DATA = os.urandom(100_000)
WHERE = f"/datasets/{REPO}/resolve/main/data/a.bin"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One repository of many files for all tests of this file."""
    with pytest.MonkeyPatch.context() as patch, serve(tmp_path_factory.mktemp("hub")) as address:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        fill(HfApi(endpoint=address, token="local"))
        yield address


def fill(api: HfApi) -> None:
    api.create_repo(REPO, repo_type="dataset")
    many = [CommitOperationAdd(f"many/{n:04d}.txt", b"") for n in range(1203)]
    api.create_commit(
        REPO, [CommitOperationAdd("data/a.bin", DATA), CommitOperationAdd("b.txt", b"small"), *many],
        commit_message="x", repo_type="dataset",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "status", "start", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=99990-", 206, 99_990, 100_000),
        ("bytes=99990-200000", 206, 99_990, 100_000),
        ("bytes=-10", 206, 99_990, 100_000),
        ("bytes=-200000", 206, 0, 100_000),
        ("bytes=0-1,5-6", 200, 0, 100_000),
        ("lines=0-1", 200, 0, 100_000),
        ("bytes=5-3", 200, 0, 100_000),
        ("bytes=100000-", 416, 0, 0),
        ("bytes=-0", 416, 0, 0),
    ],
)
def test_ranges(url: str, asked: str, status: int, start: int, end: int) -> None:
    told = ask(url, "GET", WHERE, Range=asked)
    assert told.status == status
    if status == 416:
        assert told.headers["content-range"] == "bytes */100000"
        return
    assert told.body == DATA[start:end]
    if status == 206:
        assert told.headers["content-range"] == f"bytes {start}-{end - 1}/100000"


def test_a_head_has_the_headers_of_a_get_and_no_body(url: str, api: HfApi) -> None:
    head, get = ask(url, "HEAD", WHERE), ask(url, "GET", WHERE)
    assert (head.status, head.body, get.body) == (200, b"", DATA)
    for name in (
        "content-length",
        "etag",
        "x-repo-commit",
        "x-linked-etag",
        "x-linked-size",
        "accept-ranges",
    ):
        assert head.headers[name] == get.headers[name]
    assert get.headers["x-repo-commit"] == api.repo_info(REPO, repo_type="dataset").sha
    small = ask(url, "HEAD", f"/datasets/{REPO}/resolve/main/b.txt")
    assert "x-linked-etag" not in small.headers and small.headers["content-length"] == "5"


def test_a_range_of_a_file_that_changed_is_the_whole_file(url: str) -> None:
    tag = ask(url, "HEAD", WHERE).headers["etag"]
    assert ask(url, "GET", WHERE, Range="bytes=5-9", If_Range=tag).body == DATA[5:10]
    assert ask(url, "GET", WHERE, Range="bytes=5-9", If_Range='"other"').body == DATA


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (f"/datasets/{REPO}/resolve/main/none", "EntryNotFound"),
        (f"/datasets/{REPO}/resolve/none/b.txt", "RevisionNotFound"),
        ("/datasets/lab/none/resolve/main/b.txt", "RepoNotFound"),
        (f"/api/datasets/{REPO}/tree/main/none", "EntryNotFound"),
        (f"/api/datasets/{REPO}/tree/main/b.txt/none", "EntryNotFound"),
        (f"/api/datasets/{REPO}/tree/none", "RevisionNotFound"),
        ("/api/models/lab/edits", "RepoNotFound"),
    ],
)
def test_what_is_missing_is_named_by_its_code(url: str, path: str, code: str) -> None:
    told = ask(url, "GET", path)
    assert (told.status, told.headers["x-error-code"]) == (404, code)


def test_an_unknown_address_is_told_with_its_method(url: str) -> None:
    told = ask(url, "POST", "/api/nothing/here")
    assert told.status == 404 and "POST /api/nothing/here" in told.json["error"]


def test_long_folders_come_in_pages(api: HfApi, url: str) -> None:
    found = list(api.list_repo_tree(REPO, "many", repo_type="dataset"))
    assert len(found) == 1203
    assert len(list(api.list_repo_tree(REPO, repo_type="dataset", recursive=True))) == 1207
    top = [entry.path for entry in api.list_repo_tree(REPO, repo_type="dataset")]
    assert top == ["data", "many", "b.txt"]
    assert (
        'rel="next"'
        in ask(url, "GET", f"/api/datasets/{REPO}/tree/main?recursive=true").headers["link"]
    )


def test_single_paths_are_told_by_form_and_by_json(api: HfApi, url: str) -> None:
    found = api.get_paths_info(REPO, ["data", "b.txt", "none", "data/a.bin"], repo_type="dataset")
    assert [entry.path for entry in found] == ["data", "b.txt", "data/a.bin"]
    told = ask(url, "POST", f"/api/datasets/{REPO}/paths-info/main", b'{"paths": ["b.txt"]}')
    assert [entry["path"] for entry in told.json] == ["b.txt"]


def test_the_file_system_reads_writes_and_seeks(url: str) -> None:
    files = HfFileSystem(endpoint=url, token="local", skip_instance_cache=True)
    with files.open(f"datasets/{REPO}/data/a.bin") as stream:
        stream.seek(50_000)
        assert stream.read(100) == DATA[50_000:50_100]
    with files.open(f"datasets/{REPO}/c.txt", "w") as stream:
        stream.write("written")
    assert files.cat(f"datasets/{REPO}/c.txt") == b"written"
    assert len(files.glob(f"datasets/{REPO}/many/*.txt")) == 1203
    files.rm(f"datasets/{REPO}/c.txt")
    assert not files.exists(f"datasets/{REPO}/c.txt")


def test_a_broken_download_goes_on_where_it_stopped(api: HfApi, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    tag = api.get_paths_info(REPO, "data/a.bin", repo_type="dataset")[0].lfs.sha256
    blobs = cache / "datasets--lab--edits" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{tag}.incomplete").write_bytes(DATA[:40_000])
    found = api.hf_hub_download(REPO, "data/a.bin", repo_type="dataset", cache_dir=cache)
    assert Path(found).read_bytes() == DATA
