"""Versions, names and trouble: what is taken, what is refused, what is waited for."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.errors import UserError
from counterfactory.factory.release.publish import trouble
from counterfactory.factory.release.publish.version import checked_repo, checked_tag, next_free

DAY = date(2026, 11, 3)


@given(
    st.lists(st.one_of(st.integers(1, 40).map(lambda n: f"2026.11.03.{n}"), st.text(max_size=16)))
)
def test_the_next_version_is_free_and_above_all_of_its_day(taken: list[str]) -> None:
    found = next_free(DAY, taken)
    assert found not in taken and re.fullmatch(r"2026\.11\.03\.[1-9]\d*", found)
    mine = [int(t.rpartition(".")[2]) for t in taken if re.fullmatch(r"2026\.11\.03\.[0-9]+", t)]
    assert int(found.rpartition(".")[2]) == max(mine, default=0) + 1


@given(st.text(max_size=80))
def test_a_tag_that_is_taken_is_one_that_git_takes_and_no_commit(name: str) -> None:
    try:
        checked_tag(name)
    except UserError as error:
        assert str(error).startswith("--tag: found") and "\n" not in str(error)
        return
    assert re.fullmatch(r"[A-Za-z0-9._-]+", name) and not name.startswith((".", "-"))
    assert ".." not in name and not name.endswith((".", ".lock"))
    assert not re.fullmatch(r"[0-9a-f]{7,40}", name)


@given(st.text(max_size=120))
def test_a_repository_that_is_taken_is_one_name_below_another(name: str) -> None:
    try:
        checked_repo(name)
    except UserError as error:
        assert str(error).startswith("--to: found")
        return
    owner, _, own = name.partition("/")
    assert owner and own and "/" not in own and ".." not in name and name.isascii()


def waited(error: Exception, tries: int) -> list[int]:
    """How often a call is made that always meets this trouble."""
    calls: list[int] = []

    def call() -> None:
        calls.append(1)
        raise error

    allowed = trouble.Patience(tries=tries, first=0.001, longest=0.001)
    with pytest.raises((UserError, type(error))):
        trouble.patiently("look", call, repo="lab/x", patience=allowed)
    return calls


def test_only_trouble_that_may_pass_is_tried_again() -> None:
    assert len(waited(ConnectionResetError("cut"), 4)) == 4
    assert len(waited(TimeoutError("slow"), 4)) == 4
    assert len(waited(OSError(28, "No space left on device"), 4)) == 1
    assert len(waited(ValueError("a bug"), 4)) == 1
    assert len(waited(UserError("said already"), 4)) == 1


def test_an_error_behind_another_is_found() -> None:
    outer = RuntimeError("Error while uploading 'a' to the Hub.")
    outer.__cause__ = ConnectionResetError("cut")
    assert trouble.passes(outer)
    assert "cannot be reached (cut)" in str(trouble.told(outer, "upload", "lab/x"))


def test_no_token_is_ever_told() -> None:
    text = trouble.clean("Bearer hf_abcdefghijkl wrong,\n hf_ABCDEFGHIJKLMNOP too")
    assert "hf_" not in text and "\n" not in text
