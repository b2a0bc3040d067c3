"""Layers: a file, what it extends, and --set on top."""

from pathlib import Path

import pytest

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory.recipe_layers import find_recipe, load, shipped_recipes


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


BASE = """\
kind: build
source: {kind: world, n: 2000, batch: 32}
ops:
- {op: mask, pad: 3}
- {op: edit, steps: 8}
"""


def test_mappings_merge_and_lists_are_replaced(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    mine = write(tmp_path, "mine.yaml", "extends: base.yaml\nsource: {n: 5}\nops: [{op: diff}]\n")
    assert load(mine).values == {
        "kind": "build", "source": {"kind": "world", "n": 5, "batch": 32}, "ops": [{"op": "diff"}],
    }  # fmt: skip


def test_a_source_of_another_kind_replaces_the_whole_source(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    mine = write(tmp_path, "mine.yaml", "extends: base.yaml\nsource: {kind: folder, path: x}\n")
    assert load(mine).values["source"] == {"kind": "folder", "path": "x"}


def test_each_value_keeps_the_place_it_came_from(tmp_path: Path) -> None:
    base = write(tmp_path, "base.yaml", BASE)
    mine = write(tmp_path, "mine.yaml", "extends: base.yaml\nsource:\n  n: 5\n")
    document = load(mine, ["ops.edit.steps=4"])
    assert document.place(("source", "n")) == f"{mine}:3"
    assert document.place(("source", "batch")) == f"{base}:2"
    assert document.place(("ops", 0, "pad")) == f"{base}:4"
    assert document.place(("ops", 1, "steps")) == "--set ops.edit.steps=4"


def test_extends_is_relative_to_the_file_and_goes_on(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    write(tmp_path, "deep/mid.yaml", "extends: ../base.yaml\nseed: 1\n")
    top = write(tmp_path, "top.yaml", "extends: deep/mid.yaml\nname: top\n")
    values = load(top).values
    assert (
        values["seed"] == 1
        and values["name"] == "top"
        and values["kind"] == "build"
        and "extends" not in values
    )


def test_a_circle_is_the_users_error(tmp_path: Path) -> None:
    write(tmp_path, "a.yaml", "extends: b.yaml\n")
    write(tmp_path, "b.yaml", "extends: a.yaml\n")
    with pytest.raises(UserError, match=r"circle \(a.yaml -> b.yaml -> a.yaml\)"):
        load(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [("extends: nowhere.yaml\n", "no such file"),
     ("extends: region-dif\n", "did you mean 'region-diff'"),
     ("extends: 3\n", "expected a recipe name"), ("", "an empty file"), ("- a\n", "found list")],
)  # fmt: skip
def test_what_cannot_be_loaded_says_why(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load(write(tmp_path, "r.yaml", text))


def test_set_reaches_items_by_index_and_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "r.yaml", BASE)
    overrides = ["ops.1.steps=4", "ops.mask.pad=9", "source.n=7", "release.title='a: b'"]
    values = load(path, overrides).values
    assert values["ops"] == [{"op": "mask", "pad": 9}, {"op": "edit", "steps": 4}]
    assert values["source"]["n"] == 7 and values["release"] == {"title": "a: b"}


@pytest.mark.parametrize(
    ("override", "message"),
    [("ops.edt.steps=4", "did you mean 'edit'"), ("ops.7.steps=4", "expected one below 2"),
     ("source.n.x=1", "found a single value"), ("source.n", "expected a.b=c"),
     (".n=1", "expected a.b=c"),
     ("a=[1", "expected YAML"), ("extends=x", "found extends")],
)  # fmt: skip
def test_a_set_that_fits_nowhere_names_itself(tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        load(write(tmp_path, "r.yaml", BASE), [override])
    assert str(caught.value).startswith(f"--set {override}")


def test_a_name_that_two_items_share_needs_an_index(tmp_path: Path) -> None:
    path = write(tmp_path, "r.yaml", "ops: [{op: edit}, {op: diff}, {op: edit}]\n")
    with pytest.raises(UserError, match="one of the indexes 0, 2"):
        load(path, ["ops.edit.steps=4"])


def test_a_file_reaches_into_the_lists_of_what_it_extends(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    text = "extends: base.yaml\nset: {ops.edit.steps: 4, source.n: 7, ops.mask.parts: [a, b]}\n"
    write(tmp_path, "mine.yaml", text)
    top = write(tmp_path, "top.yaml", "extends: mine.yaml\nset: {ops.1.steps: 5}\n")
    document = load(top, ["source.n=8"])
    assert document.values["ops"][1]["steps"] == 5
    assert document.values["ops"][0]["parts"] == ["a", "b"]
    assert document.values["source"]["n"] == 8 and "set" not in document.values
    assert document.place(("ops", 1, "steps")) == f"{top}:2: set.ops.1.steps"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ("{ops.edti.steps: 4}", "did you mean 'edit'"),
        ("{ops.9.steps: 4}", "found index 9"),
        ("[1]", "set: found \\[1\\], expected a mapping"),
        ("{extends: x}", "expected a key of the recipe itself"),
    ],
)
def test_a_change_that_fits_nowhere_says_where_it_stands(
    tmp_path: Path, changes: str, message: str
) -> None:
    write(tmp_path, "base.yaml", BASE)
    mine = write(tmp_path, "mine.yaml", f"extends: base.yaml\nset: {changes}\n")
    with pytest.raises(UserError, match=f"mine.yaml:2: .*{message}"):
        load(mine)


def test_a_misspelt_recipe_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'region-diff'"):
        find_recipe("regiondiff")


def test_shipped_recipes_are_found_by_name() -> None:
    assert {"region-diff", "photo-edits", "world-qa", "world-safety", "region-diff-hub"} <= set(
        shipped_recipes()
    )


def test_a_far_word_gets_no_guess() -> None:
    assert did_you_mean("zzz", ["steps"]) == ""
