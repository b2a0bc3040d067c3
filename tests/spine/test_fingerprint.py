"""Names made from content: the same content has the same name, other content has another."""

import doctest
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfactory import fingerprint
from counterfactory.fingerprint import (
    canonical_json,
    digest,
    digest_bytes,
    digest_file,
    digest_weights,
    seed_for,
)

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


def test_the_examples_in_the_module_hold() -> None:
    result = doctest.testmod(fingerprint)
    assert result.attempted >= 2
    assert result.failed == 0


@given(st.dictionaries(st.text(max_size=4), PLAIN, min_size=2))
def test_the_order_of_keys_changes_nothing(value: dict[str, object]) -> None:
    assert digest(value) == digest(dict(reversed(value.items())))


@given(PLAIN, PLAIN)
def test_two_values_share_a_name_only_when_they_are_the_same(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (canonical_json(one) == canonical_json(other))


def test_a_whole_float_is_its_integer_and_a_tuple_is_a_list() -> None:
    assert digest({"a": 1.0, "b": (1, 2)}) == digest({"a": 1, "b": [1, 2]})
    assert digest(1.5) != digest(1)
    assert digest(True) != digest(1)
    assert digest("1") != digest(1)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, {1: "a"}, {"a": {2, 3}}, b"bytes", Path("x"), object()]
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        digest(value)


def test_a_name_is_the_same_in_another_process() -> None:
    code = "from counterfactory.fingerprint import *; print(digest({'b': [1, 'é'], 'a': None}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": "7"},
    )
    assert done.stdout.strip() == digest({"a": None, "b": [1, "é"]})


def test_a_file_is_named_by_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    assert digest_file(tmp_path / "a") == digest_bytes(b"x" * 100_000)


def test_a_model_is_its_weight_bytes_and_not_the_notes_beside_them(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"weights")
    before = digest_weights(tmp_path)
    (tmp_path / "README.md").write_text("a card")
    (tmp_path / "config.json").write_text("{}")
    assert digest_weights(tmp_path) == before
    (tmp_path / "unet" / "model.safetensors").write_bytes(b"weightz")
    assert digest_weights(tmp_path) != before


def test_a_folder_without_weights_has_no_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no weight files"):
        digest_weights(tmp_path)


@given(st.integers(0, 2**53), st.text(max_size=8), st.text(max_size=8))
def test_a_seed_depends_on_every_part_and_on_nothing_else(seed: int, one: str, other: str) -> None:
    value = seed_for(seed, one, other)
    assert 0 <= value < 2**63
    assert value == seed_for(seed, one, other)
    assert value != seed_for(seed + 1, one, other)
    assert value != seed_for(seed, one, other + "x")
    assert value != seed_for(seed, one + other)
