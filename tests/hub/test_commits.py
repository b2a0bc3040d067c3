"""Commits by huggingface_hub itself: what goes in comes out, stale parents are refused, nothing is lost."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    RepoFile,
)
from huggingface_hub.errors import (
    BadRequestError,
    EntryNotFoundError,
    HfHubHTTPError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import paginate

SORT = "dataset"
REPO = "lab/edits"


@pytest.fixture(autouse=True)
def repo(api: HfApi) -> str:
    api.create_repo(REPO, repo_type=SORT)
    return REPO


def commit(api: HfApi, files: dict[str, bytes | None], **options: object) -> str:
    """Commit files (None deletes) and return the commit's id."""
    operations = [
        CommitOperationDelete(path) if data is None else CommitOperationAdd(path, data)
        for path, data in files.items()
    ]
    told = api.create_commit(REPO, operations, commit_message="change", repo_type=SORT, **options)
    return str(told.oid)


def content(api: HfApi, path: str, revision: str = "main") -> bytes:
    with open(api.hf_hub_download(REPO, path, repo_type=SORT, revision=revision), "rb") as stream:
        return stream.read()


def files(api: HfApi, revision: str = "main") -> list[str]:
    return sorted(set(api.list_repo_files(REPO, repo_type=SORT, revision=revision)))


def test_small_large_and_empty_files_come_back_as_they_went(api: HfApi) -> None:
    sent = {"README.md": b"# Hi", "empty.txt": b"", "data/a.parquet": os.urandom(3_000_001),
            "Gr\u00fc\u00dfe \u4f60 #%.txt": b"name", "deep/er/est.json": b"{}"}  # fmt: skip
    commit(api, sent)
    assert {path: content(api, path) for path in files(api)} == sent


def test_large_files_are_told_apart_by_ending_size_and_zero_bytes(api: HfApi) -> None:
    commit(
        api,
        {"a.png": b"x", "b.txt": b"x" * 10_486_000, "c.dat": b"a\0b", "d.txt": b"x", "e.bin": b""},
    )
    found = api.list_repo_tree(REPO, repo_type=SORT)
    assert {f.path: f.lfs is not None for f in found if isinstance(f, RepoFile)} == {
        "a.png": True, "b.txt": True, "c.dat": True, "d.txt": False, "e.bin": False,
    }  # fmt: skip


def test_ids_of_files_are_those_of_git(api: HfApi) -> None:
    commit(api, {"a.txt": b"hello\n", "b.png": b"hello\n"})
    small, large = (f for f in api.list_repo_tree(REPO, repo_type=SORT) if isinstance(f, RepoFile))
    assert small.blob_id == "ce013625030ba8dba906f756967f9e9ca394464a"  # git hash-object
    assert large.lfs is not None
    assert large.lfs.sha256 == "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
    assert (large.size, large.lfs.pointer_size) == (6, 126)


def test_a_stale_parent_is_refused_and_changes_nothing(api: HfApi) -> None:
    old = commit(api, {"a.txt": b"1"})
    new = commit(api, {"a.txt": b"2"}, parent_commit=old)
    with pytest.raises(HfHubHTTPError) as caught:
        commit(api, {"b.txt": b"3"}, parent_commit=old)
    assert caught.value.response is not None and caught.value.response.status_code == 412
    assert api.repo_info(REPO, repo_type=SORT).sha == new
    assert files(api) == ["a.txt"]
    commit(api, {"b.txt": b"3"}, parent_commit=new[:7])


def test_the_same_content_again_makes_no_commit(api: HfApi) -> None:
    sent = {"a.txt": b"1", "b.png": os.urandom(100)}
    first = commit(api, sent)
    assert commit(api, sent) == first
    assert len(api.list_repo_commits(REPO, repo_type=SORT)) == 2  # with the initial one


def test_files_and_folders_are_deleted(api: HfApi) -> None:
    commit(api, {"a.txt": b"1", "data/x.txt": b"2", "data/sub/y.txt": b"3", "database.txt": b"4"})
    commit(api, {"data/": None, "a.txt": None})
    assert files(api) == ["database.txt"]


def test_deleting_what_is_not_there_is_refused(api: HfApi) -> None:
    head = commit(api, {"a.txt": b"1"})
    with pytest.raises(EntryNotFoundError):
        commit(api, {"b.txt": b"2", "nope.txt": None})
    with pytest.raises(EntryNotFoundError):
        commit(api, {"a.txt/": None})
    assert api.repo_info(REPO, repo_type=SORT).sha == head


def test_files_are_copied(api: HfApi) -> None:
    commit(api, {"a.txt": b"small", "b.parquet": b"large"})
    api.create_commit(
        REPO,
        [CommitOperationCopy("a.txt", "c/a.txt"), CommitOperationCopy("b.parquet", "c/b.parquet")],
        commit_message="copy", repo_type=SORT,
    )  # fmt: skip
    assert (content(api, "c/a.txt"), content(api, "c/b.parquet")) == (b"small", b"large")


def test_a_file_cannot_be_a_folder_too(api: HfApi) -> None:
    head = commit(api, {"a": b"1"})
    with pytest.raises(BadRequestError, match="is a file"):
        commit(api, {"a/b.txt": b"2"})
    assert api.repo_info(REPO, repo_type=SORT).sha == head
    commit(api, {"a": None, "a/b.txt": b"2"})
    assert files(api) == ["a/b.txt"]


def test_old_revisions_keep_their_files(api: HfApi) -> None:
    first = commit(api, {"a.txt": b"1"})
    commit(api, {"a.txt": b"2", "b.txt": b"2"})
    assert (content(api, "a.txt", first), content(api, "a.txt")) == (b"1", b"2")
    assert files(api, first[:8]) == ["a.txt"]
    with pytest.raises(RevisionNotFoundError):
        files(api, "0" * 40)


def test_commits_are_listed_newest_first_in_pages(api: HfApi, url: str) -> None:
    made = [commit(api, {"a.txt": str(n).encode()}) for n in range(5)]
    listed = [each.commit_id for each in api.list_repo_commits(REPO, repo_type=SORT)]
    assert listed[:5] == made[::-1] and len(listed) == 6
    pages = paginate(f"{url}/api/datasets/{REPO}/commits/main", {"limit": 2}, {})
    assert [each["id"] for each in pages] == listed


def test_each_path_knows_the_commit_that_changed_it_last(api: HfApi) -> None:
    first = commit(api, {"data/a.txt": b"1", "b.txt": b"1"})
    second = commit(api, {"b.txt": b"2"})
    tree = api.list_repo_tree(REPO, repo_type=SORT, recursive=True, expand=True)
    assert {each.path: each.last_commit.oid for each in tree if each.last_commit} == {
        "data": first, "data/a.txt": first, "b.txt": second,
    }  # fmt: skip


def test_committers_at_once_lose_nothing(api: HfApi) -> None:
    writers, each = 6, 5
    together = threading.Barrier(writers)

    def write(writer: int) -> None:
        together.wait()
        for n in range(each):
            commit(api, {f"{writer}/{n}.txt": b"x", f"{writer}/{n}.bin": bytes([writer, n])})

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert len(files(api)) == 2 * writers * each
    assert len(api.list_repo_commits(REPO, repo_type=SORT)) == 1 + writers * each


def test_of_committers_with_one_parent_exactly_one_wins(api: HfApi) -> None:
    parent, writers = commit(api, {"a.txt": b"0"}), 6
    together = threading.Barrier(writers)

    def write(writer: int) -> str | None:
        together.wait()
        try:
            return commit(api, {f"{writer}.txt": b"x"}, parent_commit=parent)
        except HfHubHTTPError as error:
            assert error.response is not None and error.response.status_code == 412
            return None

    with ThreadPoolExecutor(writers) as pool:
        won = [oid for oid in pool.map(write, range(writers)) if oid]
    assert len(won) == 1 and api.repo_info(REPO, repo_type=SORT).sha == won[0]
    assert len(files(api)) == 2


def test_commits_go_on_top_of_branches_only(api: HfApi) -> None:
    head = commit(api, {"a.txt": b"1"})
    api.create_tag(REPO, tag="v1", repo_type=SORT)
    for revision in ("v1", head):
        with pytest.raises(BadRequestError, match="no branch"):
            commit(api, {"b.txt": b"2"}, revision=revision)
    with pytest.raises(RevisionNotFoundError):
        commit(api, {"b.txt": b"2"}, revision="nowhere")


def test_a_folder_goes_up_and_old_files_go_with_it(api: HfApi, tmp_path: Path) -> None:
    folder = tmp_path / "up"
    (folder / "data").mkdir(parents=True)
    for n in range(120):
        (folder / "data" / f"{n}.bin").write_bytes(os.urandom(50))
    commit(api, {"data/old.bin": b"old", "keep.txt": b"keep"})
    api.upload_folder(repo_id=REPO, folder_path=folder, repo_type=SORT, delete_patterns="data/old*")
    found = files(api)
    assert len(found) == 121 and "data/old.bin" not in found and "keep.txt" in found
    assert len(api.list_repo_commits(REPO, repo_type=SORT)) == 3
