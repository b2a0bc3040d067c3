"""A build recipe: what to make, as data. Validated, never executed.

    recipe = resolve("region-diff", ["source.n=500", "ops.edit.steps=4"])
    recipe.source.n          500
    recipe.fingerprint       "3b1f...": a value changes it; comments and key order do not
    recipe.yaml()            reads back to an equal recipe

`description` says what a recipe is for and is the one value that the fingerprint leaves out.
"""

import functools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializeAsAny, field_validator

from counterfactory.errors import UserError
from counterfactory.factory import recipe_yaml
from counterfactory.factory.checks.base import Check
from counterfactory.factory.made_for import MadeFor
from counterfactory.factory.ops.base import Focus, Op
from counterfactory.factory.recipe_layers import find_recipe, load
from counterfactory.factory.recipe_yaml import Document
from counterfactory.factory.sources.base import Source
from counterfactory.fingerprint import digest

ViewName = Literal["pairs", "sft", "dpo", "kto", "grpo", "clip", "rejects"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Gates(_Part):
    """What must hold for the release to be written at all."""

    min_yield: float = Field(default=0.0, ge=0, le=1, description="least share of candidates kept")
    min_rows: int = Field(default=0, ge=0, description="least number of rows kept")


class ReleaseInfo(_Part):
    """What the card says of the release."""

    license: str = Field(
        default="apache-2.0", min_length=1, description="of the release, an SPDX id"
    )
    title: str = Field(default="", description="empty: the name of the recipe")
    languages: tuple[str, ...] = Field(default=("en",), description="of the texts")
    tags: tuple[str, ...] = Field(default=(), description="more tags for the card")
    harmful_text: bool = Field(default=False, description="the card warns and names the columns")
    made_for: MadeFor | None = Field(
        default=None, exclude_if=lambda told: told is None,
        description="the failures that a loop makes it for",
    )  # fmt: skip


class Head(_Part):
    """All of a recipe but its source, ops and checks, whose schemas come from the registries."""

    kind: Literal["build"]
    name: str = Field(
        pattern=r"^[a-z0-9][a-z0-9._-]{0,79}$", description="lower case, as a Hub name"
    )
    description: str = Field(default="", description="what it is for; not part of the fingerprint")
    seed: int = Field(default=0, ge=0, le=2**53)
    views: tuple[ViewName, ...] = Field(min_length=1, description="the configs of the release")
    gates: Gates = Gates()
    focus: tuple[Focus, ...] = Field(default=(), description="slices to make more of")
    release: ReleaseInfo = ReleaseInfo()

    @field_validator("views")
    @classmethod
    def _once(cls, views: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(views)) < len(views):
            raise ValueError(f"found {', '.join(views)}, expected each view once")
        return views


class Recipe(Head):
    """A resolved recipe: every default filled in, every part an instance of its class."""

    source: SerializeAsAny[Source]
    ops: tuple[SerializeAsAny[Op], ...] = ()
    checks: tuple[SerializeAsAny[Check], ...] = ()

    @classmethod
    def from_values(cls, values: Mapping[str, Any], name: str = "recipe") -> Self:
        """Return the recipe of plain values, as a manifest holds them. Raises `UserError`."""
        return cls.from_yaml(recipe_yaml.write(dict(values)), name)

    @classmethod
    def from_yaml(cls, text: str, name: str = "recipe") -> Self:
        """Return the recipe of a YAML text that extends nothing. Raises `UserError`."""
        return cls.from_document(recipe_yaml.read(text, name))

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """Return the recipe of a document; all that is wrong with it is one `UserError`."""
        from counterfactory.factory.recipe_check import checked_parts

        return cls(**checked_parts(document))

    def values(self) -> dict[str, Any]:
        """Return the recipe as plain values, in the order of the schema, defaults filled in."""
        dumped = self.model_dump(mode="json")
        return {key: dumped[key] for key in KEYS}

    def yaml(self) -> str:
        """Return YAML that reads back to an equal recipe."""
        return recipe_yaml.write(self.values())

    @functools.cached_property
    def fingerprint(self) -> str:
        """The sha256 of the resolved values, without `description`."""
        return digest({key: value for key, value in self.values().items() if key != "description"})


KEYS = (
    "kind",
    "name",
    "description",
    "seed",
    "source",
    "ops",
    "checks",
    "views",
    "gates",
    "focus",
    "release",
)


def resolve(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the recipe of a file or a shipped name, with `a.b=c` overrides. Raises `UserError`."""
    return Recipe.from_document(load(find_recipe(str(path_or_name)), overrides))


def checked(path_or_name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Return the resolved recipe once every op and check is proved to find what it reads."""
    from counterfactory.factory.run.fit import check_chain

    document = load(find_recipe(str(path_or_name)), overrides)
    recipe = Recipe.from_document(document)
    if problems := check_chain(recipe):
        raise UserError("\n".join(_placed(problem, document) for problem in problems))
    return recipe


def _placed(problem: str, document: Document) -> str:
    """Put the file and line of `ops[2] (mask)`, or of `views`, before a problem of the chain."""
    match = re.match(r"(\w+)(?:\[(\d+)\])?", problem)
    path: recipe_yaml.Path = () if match is None else (match[1],)
    if match is not None and match[2]:
        path = (*path, int(match[2]))
    return f"{document.place(path)}: {problem}"


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipe files, for editors."""
    from counterfactory.factory.recipe_schema import build_schema

    return build_schema()
