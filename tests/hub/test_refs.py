"""Branches, tags and pull requests, by huggingface_hub itself."""

from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RevisionNotFoundError

from counterfactory.factory.release.hub import serve

SORT = "dataset"
REPO = "lab/edits"


@pytest.fixture(autouse=True)
def repo(api: HfApi) -> None:
    api.create_repo(REPO, repo_type=SORT)
    put(api, {"a.txt": b"1\n2\n3\n"})


def put(api: HfApi, files: dict[str, bytes | None], **options: object) -> object:
    operations = [
        CommitOperationDelete(path) if data is None else CommitOperationAdd(path, data)
        for path, data in files.items()
    ]
    return api.create_commit(REPO, operations, commit_message="Change", repo_type=SORT, **options)


def head(api: HfApi, revision: str = "main") -> str:
    return str(api.repo_info(REPO, repo_type=SORT, revision=revision).sha)


def status(caught: pytest.ExceptionInfo[HfHubHTTPError]) -> int:
    assert caught.value.response is not None
    return int(caught.value.response.status_code)


def files(api: HfApi, revision: str = "main") -> list[str]:
    return sorted(api.list_repo_files(REPO, repo_type=SORT, revision=revision))


def test_a_tag_stays_where_it_was_put(api: HfApi) -> None:
    first = head(api)
    api.create_tag(REPO, tag="2026.11.21.1", tag_message="one", repo_type=SORT)
    put(api, {"b.txt": b"2"})
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_tag(REPO, tag="2026.11.21.1", repo_type=SORT)
    assert status(caught) == 409
    assert head(api, "2026.11.21.1") == first
    refs = api.list_repo_refs(REPO, repo_type=SORT)
    assert [(tag.name, tag.ref, tag.target_commit) for tag in refs.tags] == [
        ("2026.11.21.1", "refs/tags/2026.11.21.1", first)
    ]
    api.delete_tag(REPO, tag="2026.11.21.1", repo_type=SORT)
    with pytest.raises(RevisionNotFoundError):
        head(api, "2026.11.21.1")


@pytest.mark.parametrize("name", ["v1", "round/1", "a.tmp", "\u00e9t\u00e9", "x#y%z&+"])
def test_branches_of_any_name_hold_commits_of_their_own(api: HfApi, name: str) -> None:
    first = head(api)
    api.create_branch(REPO, branch=name, repo_type=SORT)
    put(api, {"b.txt": b"2"}, revision=name)
    assert (head(api), files(api), files(api, name)) == (first, ["a.txt"], ["a.txt", "b.txt"])
    assert name in [branch.name for branch in api.list_repo_refs(REPO, repo_type=SORT).branches]
    with pytest.raises(HfHubHTTPError) as caught:
        api.create_branch(REPO, branch=name, repo_type=SORT)
    assert status(caught) == 409
    api.create_branch(REPO, branch=name, repo_type=SORT, exist_ok=True)
    api.delete_branch(REPO, branch=name, repo_type=SORT)
    with pytest.raises(RevisionNotFoundError):
        head(api, name)


def test_branches_start_where_they_are_told_to(api: HfApi) -> None:
    first = head(api)
    put(api, {"b.txt": b"2"})
    api.create_branch(REPO, branch="old", revision=first, repo_type=SORT)
    assert head(api, "old") == first
    with pytest.raises(RevisionNotFoundError):
        api.create_branch(REPO, branch="none", revision="nowhere", repo_type=SORT)
    with pytest.raises(HfHubHTTPError) as caught:
        api.delete_branch(REPO, branch="main", repo_type=SORT)
    assert status(caught) == 403


@pytest.mark.parametrize(
    "name", ["../x", "a..b", ".x", "x.lock", "a b", "x~1", "refs/heads/x", "a" * 300]
)
def test_refs_are_named_by_the_rules_of_git(api: HfApi, name: str) -> None:
    with pytest.raises(BadRequestError):
        api.create_tag(REPO, tag=name, repo_type=SORT)


def test_history_can_be_squashed(api: HfApi) -> None:
    put(api, {"b.txt": b"2"})
    api.super_squash_history(REPO, repo_type=SORT, commit_message="all of it")
    assert [each.title for each in api.list_repo_commits(REPO, repo_type=SORT)] == ["all of it"]
    assert files(api) == ["a.txt", "b.txt"]


def test_a_pull_request_is_seen_verified_and_merged_as_one_commit(api: HfApi) -> None:
    before = head(api)
    pull = put(api, {"b.txt": b"2", "c.png": b"png", "a.txt": None}, create_pr=True,
               commit_description="why")  # fmt: skip
    assert (pull.pr_num, pull.pr_revision) == (1, "refs/pr/1")
    assert (head(api), files(api)) == (before, ["a.txt"])
    put(api, {"d.txt": b"3"}, revision="refs/pr/1", parent_commit=pull.oid)
    assert files(api, "refs/pr/1") == ["b.txt", "c.png", "d.txt"]
    told = api.get_discussion_details(REPO, 1, repo_type=SORT)
    assert (told.status, told.is_pull_request, told.target_branch) == (
        "open",
        True,
        "refs/heads/main",
    )
    assert told.diff is not None and "+2" in told.diff
    api.merge_pull_request(REPO, 1, repo_type=SORT, comment="well done")
    told = api.get_discussion_details(REPO, 1, repo_type=SORT)
    assert (told.status, told.merge_commit_oid) == ("merged", head(api))
    assert files(api) == ["b.txt", "c.png", "d.txt"]
    log = api.list_repo_commits(REPO, repo_type=SORT)
    assert [each.title for each in log] == ["Change (#1)", "Change", "initial commit"]
    with pytest.raises(HfHubHTTPError) as caught:
        api.merge_pull_request(REPO, 1, repo_type=SORT)
    assert status(caught) == 409
    with pytest.raises(HfHubHTTPError):
        put(api, {"e.txt": b""}, revision="refs/pr/1")


def test_pull_requests_merge_with_what_happened_meanwhile(api: HfApi) -> None:
    put(api, {"b.txt": b"2"}, create_pr=True)
    put(api, {"c.txt": b"3"})
    api.merge_pull_request(REPO, 1, repo_type=SORT)
    assert files(api) == ["a.txt", "b.txt", "c.txt"]


def test_a_conflict_is_told_and_merges_nothing(api: HfApi) -> None:
    put(api, {"a.txt": b"theirs", "b.txt": b"2"}, create_pr=True)
    put(api, {"a.txt": b"ours"})
    before = head(api)
    told = api.get_discussion_details(REPO, 1, repo_type=SORT)
    assert told.conflicting_files == ["a.txt"]
    with pytest.raises(HfHubHTTPError) as caught:
        api.merge_pull_request(REPO, 1, repo_type=SORT)
    assert status(caught) == 409
    assert head(api) == before
    assert api.get_discussion_details(REPO, 1, repo_type=SORT).status == "open"


def test_pull_requests_can_start_empty_be_closed_and_listed(api: HfApi) -> None:
    api.create_pull_request(REPO, title="Later", repo_type=SORT)
    put(api, {"b.txt": b"2"}, revision="refs/pr/1")
    api.create_discussion(REPO, title="Talk", description="hm", repo_type=SORT)
    api.comment_discussion(REPO, 2, "yes", repo_type=SORT)
    api.rename_discussion(REPO, 2, "Talks", repo_type=SORT)
    api.change_discussion_status(REPO, 1, "closed", repo_type=SORT)
    found = list(api.get_repo_discussions(REPO, repo_type=SORT))
    assert [(each.num, each.title, each.status) for each in found] == [
        (2, "Talks", "open"), (1, "Later", "closed"),
    ]  # fmt: skip
    pulls = api.list_repo_refs(REPO, repo_type=SORT, include_pull_requests=True).pull_requests
    assert pulls is not None and [pull.ref for pull in pulls] == ["refs/pr/1"]
    for n in range(25):
        api.create_discussion(REPO, title=f"more {n}", repo_type=SORT)
    assert len(list(api.get_repo_discussions(REPO, repo_type=SORT))) == 27


def test_all_of_it_outlives_the_server(api: HfApi, tmp_path: Path) -> None:
    root = tmp_path / "second"
    with serve(root) as url:
        first = HfApi(endpoint=url, token="local")
        first.create_repo(REPO, repo_type=SORT, private=True)
        put(first, {"a.txt": b"1", "b.parquet": b"2"})
        first.create_tag(REPO, tag="v1", repo_type=SORT)
        put(first, {"c.txt": b"3"}, create_pr=True)
        refs = first.list_repo_refs(REPO, repo_type=SORT, include_pull_requests=True)
    with serve(root) as url:
        again = HfApi(endpoint=url, token="local")
        assert again.list_repo_refs(REPO, repo_type=SORT, include_pull_requests=True) == refs
        assert files(again, "v1") == ["a.txt", "b.parquet"]
        assert again.repo_info(REPO, repo_type=SORT).private is True
        again.merge_pull_request(REPO, 1, repo_type=SORT)
        assert files(again) == ["a.txt", "b.parquet", "c.txt"]
