"""What a loop recipe names, looked at before anything runs: build recipes, settings, the suite.

loop.yaml:14: stages.0.set: --set stpes: found an unknown setting, expected one of steps, ... (did you mean 'steps'?)
loop.yaml:9: builds.0: recipe 'regiondiff': ... (did you mean 'region-diff'?)
"""

from collections.abc import Iterator
from importlib import import_module

from counterfactory.errors import UserError
from counterfactory.eval.suites import suite_named
from counterfactory.factory.recipe import checked
from counterfactory.factory.recipe_yaml import Path
from counterfactory.loop.recipe import LoopRecipe, Training
from counterfactory.training import METHODS
from counterfactory.training.settings import Common, settings_from

SPLITS = ("mine", "gate")


def part_problems(recipe: LoopRecipe) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong in what the recipe names."""
    try:
        suite = suite_named(recipe.suite)
        if missing := [split for split in SPLITS if split not in suite.splits]:
            text = f"found {recipe.suite!r}, which has no split {missing[0]!r}"
            yield ("suite",), f"{text}, expected a suite with mine and gate"
    except UserError as error:
        yield ("suite",), str(error)
    for at, build in enumerate(recipe.builds):
        try:
            checked(build.recipe, build.overrides())
        except UserError as error:
            for line in str(error).splitlines():
                yield ("builds", at), line
    for at, stage in enumerate(recipe.stages):
        try:
            settings = settings_of(stage)
        except UserError as error:
            for line in str(error).splitlines():
                yield ("stages", at, "set"), line
            continue
        if stage.replay and "replay" not in type(settings).model_fields:
            text = f"found {stage.replay[0]!r}, expected none: {stage.train} replays nothing"
            yield ("stages", at, "replay"), text


def settings_of(stage: Training, **given: object) -> Common:
    """Return the settings of a stage. Raises `UserError`."""
    kind: type[Common] = import_module(METHODS[stage.train]).Settings
    return settings_from(kind, stage.overrides(), **{"steps": stage.steps, **given})
