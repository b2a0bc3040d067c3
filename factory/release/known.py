"""The facts of a finished release, read back from its folder: what its card is written from again.

    replace(facts_from(folder), version="2026.11.21.1", address="org/edits")

A manifest written before it told what the card says has that from the recipe beside it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.facts import Facts, Stage
from counterfactory.records import ModelRef


def facts_from(folder: Path) -> Facts:
    """Return what a release says of itself, besides its data. Raises `UserError`."""
    held = manifest.read(folder)
    recipe_yaml, recipe = _recipe(folder)
    try:
        return Facts(
            name=held["name"],
            fingerprint=held["fingerprint"],
            recipe=recipe,
            recipe_yaml=recipe_yaml,
            candidates=held["candidates"],
            kept=held["kept"],
            funnel=tuple(_stage(one) for one in held["funnel"]),
            created=held["created"],
            version=held["version"],
            license=held["license"],
            sources=tuple(held["sources"]),
            models=tuple(ModelRef(**one) for one in held["models"]),
            checks=tuple(held["checks"]),
            measures=held["measures"],
            oracle=held["oracle"],
            uses_oracle=held["uses_oracle"],
            versions=held["versions"],
            **_card(held, recipe),
        )
    except (KeyError, TypeError) as error:
        raise UserError(
            f"{folder / manifest.NAME}: cannot be read as a manifest: {type(error).__name__} {error}"
        ) from error


def _recipe(folder: Path) -> tuple[str, dict[str, Any]]:
    import yaml

    path = folder / "recipe.yaml"
    try:
        text = path.read_text(encoding="utf-8")
        recipe = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path}: cannot be read ({type(error).__name__})") from error
    if not isinstance(recipe, dict):
        raise UserError(f"{path}: found no recipe")
    return text, recipe


def _card(held: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, Any]:
    told = held.get("card")
    if not isinstance(told, Mapping):
        told = {"description": recipe.get("description", ""), **dict(recipe.get("release") or {})}
    return {
        "title": str(told.get("title", "")),
        "description": str(told.get("description", "")),
        "tags": tuple(told.get("tags", ())),
        "harmful_text": bool(told.get("harmful_text", False)),
        "languages": tuple(told.get("languages", ("en",))),
    }


def _stage(told: Mapping[str, Any]) -> Stage:
    return Stage(name=told["stage"], entered=told["in"], left=told["out"], reasons=told["reasons"])
