"""The JSON Schema of loop recipes, the settings of every training method included.

    counterfactory recipe schema loop > loop.schema.json
    # yaml-language-server: $schema=loop.schema.json        (first line of a loop recipe)

A recipe that `extends` another may leave out what that one says, so nothing is required there.
"""

from importlib import import_module
from typing import Any

from pydantic import BaseModel

from counterfactory.loop.recipe import LoopRecipe
from counterfactory.training import METHODS

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def loop_schema() -> dict[str, Any]:
    """Return the schema. A stage's `set` is checked by the method that its `train` names."""
    schema = LoopRecipe.model_json_schema()
    parts = schema.pop("$defs")
    training = parts["Training"]
    training["properties"]["train"]["enum"] = list(METHODS)
    training["allOf"] = [
        {
            "if": {"properties": {"train": {"const": method}}, "required": ["train"]},
            "then": {"properties": {"set": {"$ref": f"#/$defs/set_{method}"}}},
        }
        for method in METHODS
    ]
    for method, module in METHODS.items():
        settings: type[BaseModel] = import_module(module).Settings
        own = settings.model_json_schema(ref_template=f"#/$defs/{method}_{{model}}")
        parts |= {f"{method}_{name}": one for name, one in own.pop("$defs", {}).items()}
        parts[f"set_{method}"] = _changes(own)
    required = schema.pop("required")
    schema["properties"]["extends"] = {
        "type": "string", "description": "a shipped loop recipe, or a file near this one"
    }  # fmt: skip
    schema["properties"]["set"] = {
        "type": "object", "description": "changes to what is extended: {stages.sft.steps: 40}"
    }  # fmt: skip
    return {
        "$schema": DIALECT,
        **schema,
        "title": "Loop",
        "description": "A recipe of `counterfactory loop run`.",
        "if": {"required": ["extends"]},
        "else": {"required": required},
        "$defs": parts,
    }


def _changes(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of some settings of a method: none is required, `lora.rank: 8` is one too."""
    properties = settings["properties"]
    if "lora" in properties:
        properties["lora"]["anyOf"].append({"type": "boolean"})
    names = "|".join(properties)
    return {
        "type": "object",
        "title": settings.get("title", "Settings"),
        "properties": properties,
        "patternProperties": {rf"^({names})\.[a-z_.]+$": {}},
        "additionalProperties": False,
    }
