"""The JSON Schema of recipe files: key names, values and descriptions while one types.

    # yaml-language-server: $schema=recipe.schema.json      (first line of a recipe)
    counterfactory recipe schema > recipe.schema.json

A recipe that `extends` another may leave out what that one says, so nothing is required there.
"""

import functools
import operator
import types
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, Field, create_model

from counterfactory.factory.checks import CHECKS
from counterfactory.factory.ops import OPS
from counterfactory.factory.recipe import Head
from counterfactory.factory.sources import ORACLE_OPS, SOURCES

ALL_OPS = OPS | ORACLE_OPS


def build_schema() -> dict[str, Any]:
    """Return the schema, built from the registries."""
    steps: dict[str, Any] = {
        "ops": (_list_of(ALL_OPS, "op"), Field(default=[], description="the steps, in order")),
        "checks": (
            _list_of(CHECKS, "check"),
            Field(default=[], description="what a row must pass"),
        ),
    }
    whole: type[BaseModel] = create_model(
        "Recipe",
        __base__=Head,
        __doc__="A recipe of `counterfactory build`.",
        extends=(str, Field(default="", description="a shipped recipe, or a file near this one")),
        set=(
            dict[str, Any],
            Field(default={}, description="changes to what is extended: {ops.edit.steps: 4}"),
        ),
        source=(_one_of(SOURCES, "kind"), Field(description="where samples come from")),
        **steps,
    )
    schema = whole.model_json_schema()
    for registry, word in ((SOURCES, "kind"), (ALL_OPS, "op"), (CHECKS, "check")):
        for model in registry.values():
            part = schema["$defs"][model.__name__]
            part["required"] = sorted({*part.get("required", []), word})
    properties, required = schema.pop("properties"), schema.pop("required")
    partial = {"extends": properties["extends"], "source": {"type": "object"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **{
            key: value
            for key, value in schema.items()
            if key not in ("$defs", "additionalProperties")
        },
        "properties": {key: value for key, value in properties.items() if key not in partial}
        | partial,
        "additionalProperties": False,
        "if": {"required": ["extends"]},
        "else": {"required": required, "properties": {"source": properties["source"]}},
        "$defs": schema["$defs"],
    }


def _one_of(registry: Mapping[str, type[BaseModel]], word: str) -> Any:
    models: list[Any] = list(registry.values())
    union = functools.reduce(operator.or_, models)
    return Annotated[union, Field(discriminator=word)] if len(models) > 1 else union


def _list_of(registry: Mapping[str, type[BaseModel]], word: str) -> Any:
    return types.GenericAlias(list, (_one_of(registry, word),))
