"""Repositories as a whole, accounts, cards: what huggingface_hub asks beside files."""

import pytest
import requests
from huggingface_hub import DatasetCard, HfApi, ModelCard
from huggingface_hub.errors import BadRequestError, HfHubHTTPError, RepositoryNotFoundError

SORTS = ("model", "dataset", "space")


def make(api: HfApi, name: str, sort: str, **options: object) -> str:
    sdk = {"space_sdk": "static"} if sort == "space" else {}
    return str(api.create_repo(name, repo_type=sort, **sdk, **options))


@pytest.mark.parametrize("sort", SORTS)
def test_each_sort_of_repository_is_made_described_and_removed(
    api: HfApi, url: str, sort: str
) -> None:
    prefix = "" if sort == "model" else f"{sort}s/"
    assert make(api, "lab/thing", sort, private=True) == f"{url}/{prefix}lab/thing"
    told = api.repo_info("lab/thing", repo_type=sort)
    assert (told.id, told.author, told.private, len(str(told.sha))) == (
        "lab/thing",
        "lab",
        True,
        40,
    )
    api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="lab/thing", repo_type=sort)
    assert api.file_exists("lab/thing", "a.txt", repo_type=sort)
    assert not api.file_exists("lab/thing", "b.txt", repo_type=sort)
    assert not any(
        api.repo_exists("lab/thing", repo_type=other) for other in SORTS if other != sort
    )
    api.delete_repo("lab/thing", repo_type=sort)
    with pytest.raises(RepositoryNotFoundError):
        api.repo_info("lab/thing", repo_type=sort)
    api.delete_repo("lab/thing", repo_type=sort, missing_ok=True)
    make(api, "lab/thing", sort)
    assert not api.file_exists("lab/thing", "a.txt", repo_type=sort)


def test_a_second_repository_of_one_name_is_refused_unless_that_is_fine(api: HfApi) -> None:
    first = make(api, "lab/thing", "dataset")
    with pytest.raises(HfHubHTTPError) as caught:
        make(api, "lab/thing", "dataset")
    assert caught.value.response is not None and caught.value.response.status_code == 409
    assert make(api, "lab/thing", "dataset", exist_ok=True) == first


def test_a_name_without_an_owner_belongs_to_the_user(api: HfApi, url: str) -> None:
    assert make(api, "thing", "model") == f"{url}/{api.whoami()['name']}/thing"


@pytest.mark.parametrize("name", ["datasets/x", "api/x", "lab/x.git"])
def test_names_that_would_confuse_addresses_are_refused(url: str, name: str) -> None:
    space, _, rest = name.partition("/")
    told = requests.post(
        f"{url}/api/repos/create", json={"organization": space, "name": rest}, timeout=9
    )
    assert told.status_code == 400


def test_repositories_are_renamed_listed_and_set(api: HfApi) -> None:
    make(api, "lab/one", "dataset")
    make(api, "team/two", "dataset")
    make(api, "lab/three", "model")
    api.move_repo("lab/one", "team/moved", repo_type="dataset")
    assert sorted(each.id for each in api.list_datasets()) == ["team/moved", "team/two"]
    assert [each.id for each in api.list_datasets(author="team", search="MOV")] == ["team/moved"]
    assert [each.id for each in api.list_models()] == ["lab/three"]
    with pytest.raises(HfHubHTTPError):
        api.move_repo("team/two", "team/moved", repo_type="dataset")
    api.update_repo_settings("team/two", repo_type="dataset", private=True, gated="manual")
    told = api.dataset_info("team/two")
    assert (told.private, told.gated) == (True, "manual")


def test_sizes_and_cards_are_told_with_a_repository(api: HfApi) -> None:
    make(api, "lab/thing", "dataset")
    card = DatasetCard("---\nlicense: mit\ntags: [counterfactual]\n---\n# Thing\n")
    api.upload_file(
        path_or_fileobj=str(card).encode(), path_in_repo="README.md", repo_id="lab/thing",
        repo_type="dataset",
    )  # fmt: skip
    told = api.dataset_info("lab/thing", files_metadata=True)
    assert told.card_data is not None and told.card_data.license == "mit"
    assert told.tags == ["counterfactual"]
    assert told.siblings is not None and told.siblings[0].size == len(str(card).encode())


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("license: [mit", "cannot be read"),
        ("- a\n- b", "no mapping"),
        ("configs:\n- data_files: a", "config_name"),
        ("configs:\n- config_name: a\n- config_name: a", "twice"),
        ("tags: 3", "tags"),
        ("pretty_name: [a]", "pretty_name"),
    ],
)
def test_a_card_that_the_hub_would_refuse_is_refused(
    api: HfApi, header: str, complaint: str
) -> None:
    make(api, "lab/thing", "dataset")
    with pytest.raises(ValueError, match=complaint):
        api.upload_file(
            path_or_fileobj=f"---\n{header}\n---\n# Thing\n".encode(), path_in_repo="README.md",
            repo_id="lab/thing", repo_type="dataset",
        )  # fmt: skip
    assert api.list_repo_files("lab/thing", repo_type="dataset") == []


def test_good_cards_are_valid(url: str) -> None:
    header = (
        "configs:\n- config_name: pairs\n  data_files: data/*\nlicense: apache-2.0\nlanguage: [en]"
    )
    for card in (DatasetCard, ModelCard):
        text = str(card(f"---\n{header}\n---\n# Thing\n"))
        told = requests.post(
            f"{url}/api/validate-yaml", json={"content": text, "repoType": "dataset"}
        )
        assert (told.status_code, told.json()) == (200, {"errors": [], "warnings": []})


def test_a_client_with_xet_is_told_what_to_set(api: HfApi, url: str) -> None:
    make(api, "lab/thing", "dataset")
    told = requests.get(f"{url}/api/datasets/lab/thing/xet-write-token/main", timeout=9)
    assert told.status_code == 404 and "HF_HUB_DISABLE_XET=1" in told.json()["error"]


def test_errors_name_what_was_wrong(api: HfApi) -> None:
    with pytest.raises(BadRequestError, match="expected NAMESPACE/NAME|Invalid name"):
        make(api, "spaces/x", "model")
