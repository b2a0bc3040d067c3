"""Tokens: who sees what, who writes where, and that no token is ever shown."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError
from raw_http import ask

from counterfactory.errors import UserError
from counterfactory.factory.release.hub import Access, serve

TOKENS = """
- {user: ada, token: hf_ada, orgs: [lab]}
- {user: bob, token: hf_bob}
- {user: eve, token: hf_eve, orgs: [lab], role: read}
"""
REPO = "lab/edits"


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server with three users, a private repository of one."""
    (tmp_path / "tokens.yaml").write_text(TOKENS)
    access = Access.from_file(tmp_path / "tokens.yaml")
    with serve(tmp_path / "hub", access=access) as address:
        api = HfApi(endpoint=address, token="hf_ada")
        api.create_repo(REPO, repo_type="dataset", private=True)
        commit(api)
        yield address


def commit(api: HfApi) -> None:
    api.create_commit(
        REPO, [CommitOperationAdd("a.txt", b"1"), CommitOperationAdd("b.bin", b"2")],
        commit_message="x", repo_type="dataset",
    )  # fmt: skip


def user(url: str, token: str | bool) -> HfApi:
    return HfApi(endpoint=url, token=token)


def status(error: HfHubHTTPError) -> int:
    assert error.response is not None
    return int(error.response.status_code)


def test_private_repositories_are_seen_by_their_owners_only(url: str) -> None:
    for token in ("hf_ada", "hf_eve"):
        assert user(url, token).repo_info(REPO, repo_type="dataset").private
        assert [each.id for each in user(url, token).list_datasets()] == [REPO]
    for stranger in ("hf_bob", False):
        with pytest.raises(RepositoryNotFoundError):
            user(url, stranger).repo_info(REPO, repo_type="dataset")
        with pytest.raises(RepositoryNotFoundError):
            user(url, stranger).list_repo_files(REPO, repo_type="dataset")
        assert list(user(url, stranger).list_datasets()) == []
    assert ask(url, "GET", f"/datasets/{REPO}/resolve/main/a.txt").status == 401
    asked = b'{"operation": "download", "objects": []}'
    assert ask(url, "POST", f"/datasets/{REPO}.git/info/lfs/objects/batch", asked).status == 401


def test_only_users_with_the_right_to_write_do(url: str) -> None:
    user(url, "hf_ada").update_repo_settings(REPO, repo_type="dataset", private=False)
    for token, wanted in (("hf_bob", 403), ("hf_eve", 403), (False, 401)):
        api = user(url, token)
        assert api.list_repo_files(REPO, repo_type="dataset") == ["a.txt", "b.bin"]
        for attempt in (
            lambda api=api: commit(api),
            lambda api=api: api.create_tag(REPO, tag="v1", repo_type="dataset"),
            lambda api=api: api.delete_repo(REPO, repo_type="dataset"),
            lambda api=api: api.create_repo("lab/other"),
            lambda api=api: api.update_repo_settings(REPO, repo_type="dataset", private=True),
            lambda api=api: api.move_repo(REPO, "bob/taken", repo_type="dataset"),
        ):
            with pytest.raises(HfHubHTTPError) as caught:
                attempt()
            assert status(caught.value) == wanted
    user(url, "hf_bob").create_repo("bob/own")
    with pytest.raises(HfHubHTTPError):
        user(url, "hf_bob").move_repo("bob/own", "lab/own")


def test_a_wrong_token_is_refused_and_never_told(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(HfHubHTTPError) as caught:
        user(url, "hf_wrong").whoami()
    assert status(caught.value) == 401
    with pytest.raises(HfHubHTTPError):
        user(url, "hf_wrong").list_models(limit=1).__next__()
    ours = [record.getMessage() for record in caplog.records if "counterfactory" in record.name]
    assert ours and not any("hf_" in line for line in ours)


def test_a_put_needs_the_address_that_the_batch_gave(url: str) -> None:
    oid = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"  # of "foo"
    where = f"/datasets/{REPO}.git/info/lfs/objects/{oid}"
    for query in (
        "",
        "?size=3",
        f"?size=3&key={'0' * 64}",
        "?size=3&key=\u00e9".encode().decode("latin-1"),
    ):
        assert ask(url, "PUT", where + query, b"foo").status == 401
        assert ask(url, "PUT", where.replace("edits", "none") + query, b"foo").status == 401
    asked = b'{"objects": [{"oid": "%s", "size": 3}]}' % oid.encode()
    batch = f"/datasets/{REPO}.git/info/lfs/objects/batch"
    told = ask(url, "POST", batch, asked, Authorization="Bearer hf_ada").json
    href = told["objects"][0]["actions"]["upload"]["href"].removeprefix(url)
    assert ask(url, "PUT", href.replace("size=3", "size=4"), b"foo").status == 401
    assert ask(url, "PUT", href, b"foo").status == 200
    assert ask(url, "POST", batch, asked, Authorization="Bearer hf_eve").status == 403


def test_who_is_told_who_they_are(url: str) -> None:
    told = user(url, "hf_eve").whoami()
    assert (told["name"], told["orgs"][0]["name"]) == ("eve", "lab")
    assert told["auth"]["accessToken"]["role"] == "read"


def test_the_files_of_a_gated_repository_are_for_those_let_in(url: str, tmp_path: Path) -> None:
    user(url, "hf_ada").update_repo_settings(
        REPO, repo_type="dataset", private=False, gated="manual"
    )
    assert user(url, "hf_bob").dataset_info(REPO).gated == "manual"

    def download(token: str | bool) -> str:
        # A cache of its own: refused a file, huggingface_hub gives the one that it has by that name.
        return user(url, token).hf_hub_download(
            REPO, "a.txt", repo_type="dataset", cache_dir=tmp_path / "cache"
        )

    for stranger in ("hf_bob", False):
        with pytest.raises(GatedRepoError):
            download(stranger)
    assert Path(download("hf_eve")).read_bytes() == b"1"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "expected a list"),
        ("{a", "no YAML"),
        ("- {user: ada}", "entry 1"),
        ("- {user: ada, token: hf_secret1, admin: true}", "entry 1"),
        ("- {user: ada, token: hf_secret1, role: king}", "role"),
        ("- {user: a/b, token: hf_secret1}", "Invalid name"),
        ("- {user: ada, token: hf_secret1, orgs: lab}", "orgs"),
        ("- {user: ada, token: hf_secret1}\n- {user: bob, token: hf_secret1}", "entry 2"),
        ("- {user: ada, token: 12}", "token"),
    ],
)
def test_a_wrong_token_file_is_told_in_one_line(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "tokens.yaml").write_text(text)
    with pytest.raises(UserError, match=complaint) as caught:
        Access.from_file(tmp_path / "tokens.yaml")
    assert "hf_secret1" not in str(caught.value) and "\n" not in str(caught.value)
