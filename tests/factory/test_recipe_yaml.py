"""YAML as data: what goes in comes out, where it stood is known, and nothing else can happen."""

import time

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.errors import UserError
from counterfactory.factory.recipe_yaml import read, read_value, write

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False), WORDS,
    st.sampled_from(["no", "on", "1e3", "1_000", "0x1F", "2024-01-01", "1:30", "~", ".inf", "<<"]),
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_what_is_written_reads_back_equal(values: object) -> None:
    document = read(write({"value": values}), "r.yaml")
    assert document.problems == []
    assert document.values == {"value": values}
    assert repr(document.values["value"]) == repr(values) or values == document.values["value"]


@settings(max_examples=100, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6, unique=True))
def test_every_value_knows_its_line(keys: list[str]) -> None:
    document = read(write({key: index for index, key in enumerate(keys)}), "r.yaml")
    if all(key.isascii() and key.isalnum() for key in keys):
        assert [document.place((key,)) for key in keys] == [
            f"r.yaml:{n + 1}" for n in range(len(keys))
        ]
    assert document.place(("nowhere", 3)) == "r.yaml:1"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_as_the_users_error(text: str) -> None:
    try:
        document = read(text, "r.yaml")
    except UserError as error:
        assert str(error).startswith("r.yaml")
    else:
        assert all(problem.startswith("r.yaml:") for problem in document.problems)


def test_lines_are_those_of_the_file() -> None:
    document = read(
        "# a comment\nkind: build\n\nsource:\n  kind: world\n  n: 5\nops:\n- {op: a,\n   b: 1}\n",
        "r.yaml",
    )
    assert document.place(("kind",)) == "r.yaml:2"
    assert document.place(("source", "n")) == "r.yaml:6"
    assert document.place(("ops", 0, "b")) == "r.yaml:9"


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("1e-3", 0.001), ("1:30", "1:30"), ("010", 10), ("0x10", "0x10"),
     ("true", True), ("", None), ("2024-01-01", "2024-01-01"), ("[a, 1]", ["a", 1]), ("'5'", "5"),
     (".nan", ".nan"), ("1.", 1.0)],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = read_value(text, "--set a")
    assert found == value and type(found) is type(value)


def test_a_second_key_of_the_same_name_is_a_problem_with_both_lines() -> None:
    document = read("a: 1\nb: 2\na: 3\n", "r.yaml")
    assert document.problems == [
        "r.yaml:3: a: found the key a second time (first in line 1), expected it once"
    ]


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system [echo]", "!!python/name:os.system x", "!!set {a}", "!own 1"],
)
def test_tags_construct_nothing(tag: str) -> None:
    document = read(f"a: {tag}\n", "r.yaml")
    assert document.values == {"a": None}
    assert len(document.problems) == 1 and "r.yaml:1: a: found" in document.problems[0]


def test_an_alias_bomb_ends_early() -> None:
    levels = "\n".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 12))
    started = time.monotonic()
    with pytest.raises(UserError, match="more than 20000 values"):
        read(f"l0: &l0 [x, x]\n{levels}\n", "bomb.yaml")
    assert time.monotonic() - started < 5


def test_an_alias_that_holds_itself_ends() -> None:
    with pytest.raises(UserError, match="levels"):
        read("a: &a [*a]\n", "r.yaml")


def test_brackets_without_end_are_the_users_error() -> None:
    with pytest.raises(UserError, match=r"^r\.yaml"):
        read("[" * 20_000, "r.yaml")


def test_an_honest_alias_is_a_copy() -> None:
    assert read("a: &x {n: 1}\nb: *x\n", "r.yaml").values == {"a": {"n": 1}, "b": {"n": 1}}


def test_broken_yaml_is_one_line_with_its_place() -> None:
    with pytest.raises(UserError, match=r"^r\.yaml:2: found .*, expected YAML$") as caught:
        read("a: 1\n b: : 2\n", "r.yaml")
    assert "\n" not in str(caught.value)


def test_several_documents_in_one_file_are_refused() -> None:
    with pytest.raises(UserError):
        read("a: 1\n---\nb: 2\n", "r.yaml")


def test_what_others_read_is_the_same() -> None:
    values = {
        "kind": "build",
        "n": 3,
        "share": 0.5,
        "words": ["a b", "c: d", "#e", "- f"],
        "on": True,
    }
    assert yaml.safe_load(write({**values, "off": "x"})) is not None
    assert read(write(values), "r.yaml").values == values
