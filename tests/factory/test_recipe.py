"""Recipes: what they resolve to, what names them, and what is said of a wrong one."""

import pickle
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.errors import UserError
from counterfactory.factory.checks import CHECKS
from counterfactory.factory.ops import OPS
from counterfactory.factory.recipe import KEYS, Recipe, ViewName, checked, json_schema, resolve
from counterfactory.factory.recipe_layers import shipped_recipes
from counterfactory.factory.recipe_yaml import write
from counterfactory.factory.release.views import VIEWS
from counterfactory.factory.sources import SOURCES
from counterfactory.fingerprint import digest

SHIPPED = shipped_recipes()

SMALL = """\
kind: build
name: small
source: {kind: folder, path: photos, n: 5}
ops:
- {op: propose, kinds: {recolour: 2, remove: 1}, targets: regions}
- {op: mask_classical}
- {op: edit, steps: 4}
checks:
- {check: locality}
views: [pairs, rejects]
"""


def problems(text: str, name: str = "r.yaml") -> list[str]:
    with pytest.raises(UserError) as caught:
        Recipe.from_yaml(text, name)
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_resolves_and_its_chain_fits(name: str) -> None:
    recipe = checked(name)
    assert recipe.name == name and recipe.description and recipe.release.title


@pytest.mark.parametrize("name", SHIPPED)
def test_what_is_shown_reads_back_to_an_equal_recipe(name: str) -> None:
    recipe = resolve(name)
    for again in (
        Recipe.from_yaml(recipe.yaml()),
        Recipe.from_values(recipe.values()),
        pickle.loads(pickle.dumps(recipe)),
    ):
        assert again == recipe and again.fingerprint == recipe.fingerprint
    assert tuple(recipe.values()) == KEYS


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        keys = list(value)
        rng.shuffle(keys)
        return {key: shuffled(value[key], rng) for key in keys}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@settings(max_examples=40)
@given(st.sampled_from(SHIPPED), st.randoms(use_true_random=False))
def test_key_order_and_comments_change_nothing(name: str, rng: random.Random) -> None:
    recipe = resolve(name)
    lines = write(shuffled(recipe.values(), rng)).splitlines()
    commented = "\n".join(f"{line}  # why not" if line.endswith(":") else line for line in lines)
    again = Recipe.from_yaml(f"# a word\n\n{commented}\n# the end\n")
    assert again.fingerprint == recipe.fingerprint
    assert [repr(op) for op in again.ops] == [repr(op) for op in recipe.ops]


def test_key_order_inside_an_op_reaches_no_op() -> None:
    one = Recipe.from_yaml(SMALL)
    other = Recipe.from_yaml(SMALL.replace("{recolour: 2, remove: 1}", "{remove: 1, recolour: 2}"))
    assert repr(one.ops[0]) == repr(other.ops[0])


def leaves(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(value, dict):
        return [found for key in value for found in leaves(value[key], (*path, key))]
    if isinstance(value, list) and value:
        return [found for at, item in enumerate(value) for found in leaves(item, (*path, at))]
    return [path]


def changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if isinstance(value, str) else "x"


@settings(max_examples=60)
@given(st.sampled_from(SHIPPED), st.data())
def test_any_value_changes_the_fingerprint_or_is_refused(name: str, data: st.DataObject) -> None:
    recipe = resolve(name)
    values = recipe.values()
    path = data.draw(st.sampled_from([p for p in leaves(values) if p != ("description",)]))
    holder = values
    for part in path[:-1]:
        holder = holder[part]
    holder[path[-1]] = changed(holder[path[-1]])
    try:
        again = Recipe.from_values(values)
    except UserError:
        return
    assert again.fingerprint != recipe.fingerprint


def test_the_description_is_not_part_of_the_fingerprint() -> None:
    described = Recipe.from_yaml(f"description: for a test\n{SMALL}")
    assert described.description and described.fingerprint == Recipe.from_yaml(SMALL).fingerprint


def test_the_fingerprint_is_the_digest_of_the_values_with_defaults_filled_in() -> None:
    recipe = Recipe.from_yaml(SMALL)
    values = {key: value for key, value in recipe.values().items() if key != "description"}
    assert values["source"]["batch"] == 32 and values["seed"] == 0
    assert recipe.fingerprint == digest(values)
    assert Recipe.from_yaml(f"{SMALL}seed: 0\n").fingerprint == recipe.fingerprint


def test_all_problems_of_a_file_come_at_once_in_the_order_of_its_lines() -> None:
    text = """\
kind: build
name: Small
source:
  kind: foldr
ops:
- {op: propose, kinds: {replac: 1}}
- {op: mask, modell: pocket, pad: wide}
- {op: edt}
- edit
checks:
- {check: localty}
views: [pairs, pears]
gates: {min_yield: 2}
focus: [{slice: "kin:sun", weight: 0}]
relase: {license: mit}
"""
    found = problems(text)
    assert [line.split(": ")[:2] for line in found] == [
        ["r.yaml:2", "name"], ["r.yaml:4", "source.kind"], ["r.yaml:6", "ops.0.kinds.replac"],
        ["r.yaml:7", "ops.1.modell"], ["r.yaml:7", "ops.1.pad"], ["r.yaml:8", "ops.2.op"],
        ["r.yaml:9", "ops.3"], ["r.yaml:11", "checks.0.check"], ["r.yaml:12", "views.1"],
        ["r.yaml:13", "gates.min_yield"], ["r.yaml:14", "focus.0.slice"],
        ["r.yaml:14", "focus.0.weight"], ["r.yaml:15", "relase"],
    ]  # fmt: skip
    assert all("found" in line and "expected" in line for line in found)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [("kind: folder", "kind: foldr"), ("op: edit", "op: edt"), ("check: locality", "check: localty"),
     ("steps: 4", "stepz: 4"), ("[pairs", "[pears"), ("views:", "vews:"), ("recolour: 2", "recolor: 2")],
)  # fmt: skip
def test_a_misspelt_word_gets_a_guess(wrong: str, right: str) -> None:
    meant = wrong.replace("[", "").split(": ")
    text = "\n".join(problems(SMALL.replace(wrong, right)))
    assert any(f"did you mean '{word.rstrip(':')}'" in text for word in [*meant, meant[0]])


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [("steps: 4", "steps: '4'", "ops.2.steps: found '4', expected a whole number"),
     ("steps: 4", "steps: true", "ops.2.steps: found true, expected a whole number"),
     ("steps: 4", "steps: 0", "ops.2.steps: found 0, expected greater than or equal to 1"),
     ("steps: 4", "model: pockt", "a local folder or a Hub id (org/name) (did you mean 'pocket'?)"),
     ("steps: 4", "model: openai:http://x/v1#m", "expected pocket, a local folder or a Hub id (org"),
     ("op: propose", "op: propose, server: pocket", "server: found 'pocket', expected openai:URL#model"),
     ("n: 5", "m: 5", "source.n: found nothing, expected a whole number"),
     ("ops:", "ops: 5\nnotes:", "ops: found 5, expected a list"),
     ("[pairs, rejects]", "[pairs, pairs]", "views: found pairs, pairs, expected each view once"),
     ("[pairs, rejects]", "[]", "views: found []"),
     ("kind: build", "kind: loop", "kind: found 'loop', expected 'build'"),
     ("kind: build\n", "", "kind: found nothing, expected 'build'"),
     ("{recolour: 2, remove: 1}", "{recolour: -2}", "ops.0.kinds: found")],
)  # fmt: skip
def test_what_is_wrong_says_what_would_be_right(old: str, new: str, expected: str) -> None:
    found = problems(SMALL.replace(old, new, 1))
    assert any(expected in line for line in found), found


@pytest.mark.parametrize("text", ["", "- a\n", "5\n", "kind: build\n"])
def test_what_is_no_recipe_is_the_users_error(text: str) -> None:
    assert problems(text)


def test_a_chain_that_does_not_fit_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "r.yaml"
    path.write_text(SMALL.replace("- {op: mask_classical}\n", ""), encoding="utf-8")
    with pytest.raises(UserError, match=r"r\.yaml:6: ops\[1\] \(edit\): reads 'mask'"):
        checked(path)


def test_set_changes_a_shipped_recipe_and_its_fingerprint() -> None:
    plain, fewer = (
        resolve("region-diff"),
        resolve("region-diff", ["source.n=5", "ops.edit.steps=2"]),
    )
    assert fewer.source.n == 5 and fewer.fingerprint != plain.fingerprint
    assert [op for op in fewer.values()["ops"] if op["op"] == "edit"][0]["steps"] == 2


def test_the_views_of_the_schema_are_those_that_can_be_written() -> None:
    assert set(VIEWS) == set(ViewName.__args__)  # type: ignore[attr-defined]


def test_every_name_in_a_registry_is_the_name_of_its_class() -> None:
    for registry, word in ((OPS, "op"), (CHECKS, "check"), (SOURCES, "kind")):
        for name, model in registry.items():
            assert model.model_fields[word].default == name


def test_the_schema_knows_every_part_and_needs_less_of_a_recipe_that_extends() -> None:
    schema = json_schema()
    text = str(schema)
    for name in (*OPS, *CHECKS, *SOURCES):
        assert f"'const': '{name}'" in text
    assert schema["additionalProperties"] is False and schema["if"] == {"required": ["extends"]}
    assert set(schema["else"]["required"]) >= {"kind", "name", "source", "views"}
    assert set(schema["properties"]) == {*KEYS, "extends", "set"}
