"""The JSON Schema of loop recipes takes what the loop takes, and refuses what it refuses."""

import json
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from counterfactory.cli import main
from counterfactory.factory.recipe_layers import load, shipped_folder, shipped_loops
from counterfactory.loop.recipe import LoopRecipe, resolve_loop
from counterfactory.loop.recipe_schema import loop_schema
from counterfactory.training import METHODS


@pytest.fixture(scope="module")
def schema() -> Draft202012Validator:
    whole = loop_schema()
    Draft202012Validator.check_schema(whole)
    return Draft202012Validator(whole)


def whole() -> dict[str, Any]:
    return {
        "kind": "loop", "name": "mine",
        "builds": [{"recipe": "region-diff", "set": {"source": {"n": 50}}}],
        "stages": [{"train": "sft", "data": ["region-diff"], "set": {"lr": 1e-4, "lora": {"rank": 8}}}],
    }  # fmt: skip


@pytest.mark.parametrize("name", shipped_loops())
def test_every_shipped_loop_is_valid_as_written_and_as_resolved(
    schema: Draft202012Validator, name: str
) -> None:
    path = shipped_folder() / f"{name}.yaml"
    written = yaml.safe_load(path.read_text(encoding="utf-8"))
    resolved = load(path).values
    for values in (written, resolved, resolve_loop(str(path)).values()):
        assert [error.message for error in schema.iter_errors(values)] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"rouns": 2},
        {"rounds": 0},
        {"kind": "build"},
        {"stages": [{"train": "sfft", "data": ["a"]}]},
        {"stages": [{"train": "sft", "data": ["a"], "set": {"stpes": 5}}]},
        {"stages": [{"train": "sft", "data": ["a"], "set": {"lr": -1}}]},
        {"stages": [{"train": "prefer", "data": ["a"], "set": {"loss": "none"}}]},
        {"stages": [{"train": "sft", "data": ["a"], "set": {"lora": {"rnk": 8}}}]},
        {"gates": {"promotion": {"margin": 2}}},
        {"builds": []},
    ],
)
def test_what_the_loop_refuses_is_refused(
    schema: Draft202012Validator, changes: dict[str, Any]
) -> None:
    assert schema.is_valid(whole())
    assert not schema.is_valid(whole() | changes)


@pytest.mark.parametrize(
    "setting", [{"lora": True}, {"lora": None}, {"lora.rank": 8}, {"lr": 1e-3}]
)
def test_settings_may_be_written_in_every_way_that_the_loop_reads(
    schema: Draft202012Validator, setting: dict[str, Any]
) -> None:
    stage = {"train": "sft", "data": ["region-diff"], "set": setting}
    assert schema.is_valid(whole() | {"stages": [stage]})


def test_every_key_and_method_is_described(schema: Draft202012Validator) -> None:
    found: Any = schema.schema
    assert set(found["properties"]) == {*LoopRecipe.model_fields, "extends", "set"}
    assert found["$defs"]["Training"]["properties"]["train"]["enum"] == list(METHODS)
    assert not schema.is_valid({"kind": "loop", "name": "mine"})
    assert schema.is_valid({"extends": "loop/pocket", "kind": "loop", "name": "mine"})


def test_the_schema_of_a_methods_settings_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipe", "schema", "prefer"]) == 0
    assert json.loads(capsys.readouterr().out)["properties"]["beta"]["default"] == 0.1
