"""A loop recipe: what is to become better, from what, by which stages, and what must not get worse.

    recipe = resolve_loop("loop/pocket-quick", ["rounds=2", "stages.sft.steps=40"])
    recipe.builds[0].recipe        'region-diff'
    recipe.stages[0].overrides()   ['bf16=true', 'lr=0.0003', 'keep=0.1']
    recipe.fingerprint             "9c41...": a value changes it; comments and key order do not

`builds` are what a round may make; the plan of a round says which of them it does make, with which
focus. `data` of a stage names builds of this round, or releases that lie elsewhere.
"""

import functools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from counterfactory.errors import UserError, did_you_mean
from counterfactory.factory import recipe_yaml
from counterfactory.factory.recipe_check import checked_as, model_problem
from counterfactory.factory.recipe_layers import find_recipe, load, shipped_loops
from counterfactory.fingerprint import digest
from counterfactory.loop.gate_settings import Gates
from counterfactory.training import METHODS

NAME = r"^[a-z0-9][a-z0-9._-]{0,79}$"
EARLIER = "earlier"  # among what is replayed: every release of earlier rounds


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Mix(_Part):
    """What is mixed into the rows that a round makes for its slices, as shares of all rows.

    A stage that sets `replay_share` replays that share instead.
    """

    replay: float = Field(default=0.2, ge=0, lt=1, description="replayed from earlier rounds")
    general: float = Field(default=0.2, ge=0, lt=1, description="made without a focus")


class Budget(_Part):
    """What a round may spend on data."""

    rows: int = Field(default=2000, ge=1, description="aimed at slices, all builds together")
    seconds: float = Field(default=3600.0, gt=0, description="of all builds of a round")


class Handing(_Part):
    """When a co-trained generator edits in the next round: its edits are tried on held-out samples."""

    candidates: int = Field(default=48, ge=0, description="edits tried; 0: the generator stays")


class Build(_Part):
    """One build recipe that a round may run."""

    recipe: str = Field(min_length=1, description="a shipped build recipe, or a file")
    name: str = Field(default="", description="empty: the recipe's own name, without its folder")
    set: dict[str, Any] = Field(default={}, description="changes to it: {source: {n: 500}}")
    always: bool = Field(
        default=False, description="made in every round, without a focus: general data to mix in"
    )

    @property
    def title(self) -> str:
        """Return the name by which stages ask for its release."""
        return self.name or Path(self.recipe).stem

    def overrides(self) -> list[str]:
        """Return `set` as `--set` takes it."""
        return flat(self.set)


class Training(_Part):
    """One training of a round; each starts from the model that the one before it made."""

    train: str = Field(description="a method of `counterfactory train`")
    name: str = Field(default="", description="empty: the method; two of one method need names")
    data: tuple[str, ...] = Field(min_length=1, description="names of builds, or releases")
    replay: tuple[str, ...] = Field(
        default=(), description="the same, or `earlier`: every release of earlier rounds"
    )
    set: dict[str, Any] = Field(default={}, description="settings of the method: {lr: 1.0e-4}")
    steps: int | None = Field(default=None, ge=1, description="of the optimizer")
    seconds: float | None = Field(
        default=None, gt=0, description="fewer steps where the last round's speed would not do"
    )

    @property
    def title(self) -> str:
        """Return the name of the stage."""
        return self.name or self.train

    def overrides(self) -> list[str]:
        """Return `set` as `--set` takes it."""
        return flat(self.set)


class LoopRecipe(_Part):
    """A resolved loop recipe."""

    kind: Literal["loop"]
    name: str = Field(pattern=NAME, description="lower case")
    description: str = Field(default="", description="what it is for; not part of the fingerprint")
    seed: int = Field(default=0, ge=0, le=2**53)
    model: str = Field(default="pocket", min_length=1, description="where the first round starts")
    rounds: int = Field(default=3, ge=1, le=1000)
    suite: str = Field(default="pocket", min_length=1, description="what is measured")
    limit: int | None = Field(default=None, ge=1, description="items of each task at most")
    reflect: bool = Field(
        default=False,
        description="measure what the model takes back of its own claims, too: all on the split mine, "
        "on gate a few of each task for the alarm",
    )
    builds: tuple[Build, ...] = Field(min_length=1)
    stages: tuple[Training, ...] = Field(min_length=1)
    skip: tuple[str, ...] = Field(
        default=(), description="stages that are left out, by name (an ablation)"
    )
    averaged: bool = Field(
        default=False,
        description="a round's model is averaged with the promoted ones before it, all alike (a soup)",
    )
    filtered: bool = Field(
        default=False,
        description="a judge behind the model replaces unsafe answers, also when measured (an ablation)",
    )
    margins: bool = Field(default=False, description="measure calibration on the gate split, too")
    focus: Literal["mined", "uniform"] = Field(
        default="mined", description="uniform: the control, the same rows without a focus"
    )
    judge: str = Field(
        default="", description="from outside, marks the canary set again: openai:URL#model ..."
    )
    auditors: tuple[str, ...] = Field(
        default=(),
        description="models that are asked whether labels of builds with `always` are right",
    )
    gates: Gates = Gates()
    gated: bool = Field(
        default=True, description="false: whatever comes is trained on and promoted (an ablation)"
    )
    mix: Mix = Mix()
    budget: Budget = Budget()
    generator: Handing = Handing()

    @model_validator(mode="after")
    def _names(self) -> Self:
        for key, parts in (("builds", self.builds), ("stages", self.stages)):
            names = [part.title for part in parts]
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{key}: found {twice[0]!r} twice, expected each name once")
        return self

    @property
    def trained(self) -> tuple[Training, ...]:
        """Return the stages that are not left out."""
        return tuple(stage for stage in self.stages if stage.title not in self.skip)

    @classmethod
    def from_document(cls, document: recipe_yaml.Document) -> Self:
        """Return the recipe of a document; all that is wrong with it is one `UserError`."""
        return checked_as(cls, document, problems)

    def values(self) -> dict[str, Any]:
        """Return the recipe as plain values, in the order of the schema, defaults filled in."""
        return self.model_dump(mode="json")

    def yaml(self) -> str:
        """Return YAML that reads back to an equal recipe."""
        return recipe_yaml.write(self.values())

    @functools.cached_property
    def fingerprint(self) -> str:
        """The sha256 of the resolved values, without `description`."""
        return digest({key: one for key, one in self.values().items() if key != "description"})


def flat(values: Mapping[str, Any], above: str = "") -> list[str]:
    """Return nested values as `a.b=c`."""
    found = []
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found += flat(value, f"{above}{key}.")
        else:
            found.append(f"{above}{key}={json.dumps(value)}")
    return found


def problems(recipe: LoopRecipe) -> Iterator[tuple[recipe_yaml.Path, str]]:
    """Yield what the schema cannot see: names of methods, of builds, of the suite's splits."""
    if text := model_problem(recipe.model):
        yield ("model",), text
    for at, auditor in enumerate(recipe.auditors):
        if text := model_problem(auditor):
            yield ("auditors", at), text
    unknown = [(at, text) for at, one in enumerate(recipe.builds) if (text := _unknown(one.recipe))]
    for at, text in unknown:
        yield ("builds", at, "recipe"), text
    yield from _misnamed(recipe)
    names = [build.title for build in recipe.builds]
    titles = [stage.title for stage in recipe.stages]
    for at, name in enumerate(recipe.skip):
        if name not in titles:
            text = f"found {name!r}, expected one of the stages {', '.join(titles)}"
            yield ("skip", at), f"{text}{did_you_mean(name, titles)}"
    if not recipe.trained:
        yield ("skip",), f"found all of {', '.join(titles)}, expected a stage that is left"
    for at, stage in enumerate(recipe.stages):
        if stage.train not in METHODS:
            listed = ", ".join(METHODS)
            hint = did_you_mean(stage.train, METHODS)
            yield (
                ("stages", at, "train"),
                f"found {stage.train!r}, expected one of {listed}{hint}",
            )
        for key in ("data", "replay"):
            for place, one in enumerate(getattr(stage, key)):
                known = [*names, *([EARLIER] if key == "replay" else [])]
                sure = one in known or "/" in one or Path(one).is_dir()
                if not sure and not unknown:  # a build goes by the name of its recipe
                    text = f"found {one!r}, expected a build of this recipe ({', '.join(known)}) or a release"
                    yield ("stages", at, key, place), f"{text}{did_you_mean(one, known)}"


def _misnamed(recipe: LoopRecipe) -> Iterator[tuple[recipe_yaml.Path, str]]:
    """Yield the builds and stages whose name, their own or that of a file, could be no folder's."""
    titles: dict[str, list[str]] = {
        "builds": [one.title for one in recipe.builds],
        "stages": [one.title for one in recipe.stages],
    }
    for key, names in titles.items():
        for at, name in enumerate(names):
            if not re.fullmatch(NAME, name):
                yield (key, at, "name"), f"found {name!r}, expected a name that matches {NAME}"
    if EARLIER in titles["builds"]:
        text = (
            f"found {EARLIER!r}, which means the releases of earlier rounds, expected another name"
        )
        yield ("builds", titles["builds"].index(EARLIER), "name"), text


def _unknown(name: str) -> str:
    """Return what is wrong with the name of a recipe, or nothing."""
    try:
        find_recipe(name)
    except UserError as error:
        return str(error)
    return ""


def load_loop(path_or_name: str | Path, overrides: Sequence[str] = ()) -> recipe_yaml.Document:
    """Return the document of a loop recipe. Raises `UserError` for one of another kind."""
    document = load(find_recipe(str(path_or_name), known=shipped_loops()), overrides)
    kind = document.values.get("kind") if isinstance(document.values, dict) else None
    if kind != "loop":
        hint = " (`counterfactory build` runs build recipes)" if kind == "build" else ""
        raise UserError(f"{document.place(('kind',))}: kind: found {kind!r}, expected 'loop'{hint}")
    return document


def resolve_loop(path_or_name: str | Path, overrides: Sequence[str] = ()) -> LoopRecipe:
    """Return the recipe of a file or a shipped name, with `a.b=c` overrides. Raises `UserError`."""
    return LoopRecipe.from_document(load_loop(path_or_name, overrides))


def checked_loop(path_or_name: str | Path, overrides: Sequence[str] = ()) -> LoopRecipe:
    """Return the recipe once its builds, its settings of methods and its suite are proved to be."""
    from counterfactory.loop.recipe_parts import part_problems

    document = load_loop(path_or_name, overrides)
    recipe = LoopRecipe.from_document(document)
    found = [
        f"{document.place(path)}: {recipe_yaml.dotted(path)}: {text}"
        for path, text in part_problems(recipe)
    ]
    if found:
        raise UserError("\n".join(found))
    return recipe
