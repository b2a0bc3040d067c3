"""What a loop recipe names, looked at before anything runs: build recipes, settings, the suite.

loop.yaml:14: stages.0.set: --set stpes: found an unknown setting, expected one of steps, ... (did you mean 'steps'?)
loop.yaml:9: builds.0: recipe 'regiondiff': ... (did you mean 'region-diff'?)
loop.yaml:18: stages.1.data: found 'world-math' with the views sft, grpo, expected the view 'dpo', which prefer reads
"""

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.eval.suites import suite_named
from counterfactory.factory.checks.base import Check
from counterfactory.factory.checks.contamination import Contamination
from counterfactory.factory.recipe import Recipe, checked
from counterfactory.factory.recipe_yaml import Path as Place
from counterfactory.loop.recipe import LoopRecipe, Training
from counterfactory.models.ids import WEIGHT_FILES
from counterfactory.training import METHODS
from counterfactory.training.settings import Common, settings_from

SPLITS = ("mine", "gate")
HERE = ("/", ".", "~")  # how the path of a folder begins
REPLAYED = "sft"  # the view that replay draws from


def part_problems(recipe: LoopRecipe) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong in what the recipe names."""
    if text := _absent(recipe.model):
        yield ("model",), text
    try:
        suite = suite_named(recipe.suite)
        if missing := [split for split in SPLITS if split not in suite.splits]:
            text = f"found {recipe.suite!r}, which has no split {missing[0]!r}"
            yield ("suite",), f"{text}, expected a suite with mine and gate"
    except UserError as error:
        yield ("suite",), str(error)
    if recipe.mix.replay + recipe.mix.general >= 1:
        found = f"{recipe.mix.replay:g} + {recipe.mix.general:g}"
        yield ("mix",), f"replay + general: found {found}, expected less than 1"
    if all(build.always for build in recipe.builds):
        text = "found only builds with `always: true`, expected one that can be aimed at failures"
        yield ("builds",), text
    views: dict[str, tuple[str, ...]] = {}
    for at, build in enumerate(recipe.builds):
        try:
            made = checked(build.recipe, build.overrides())
        except UserError as error:
            for line in str(error).splitlines():
                yield ("builds", at), line
            continue
        views[build.title] = made.views
        for text in _lacking(made, recipe.suite):
            yield ("builds", at), f"{build.title}: {text}"
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
        for key, text in _view_problems(stage, settings, views):
            yield ("stages", at, key), text


def _lacking(build: Recipe, suite: str) -> Iterator[str]:
    """Yield what a build's models and indexes lack here, each once."""
    models = [model for op in build.ops for _, model in op.models()]
    models += [model for check in build.checks for _, model in check.models()]
    found = [*map(_absent, models), *(_unindexed(check, suite) for check in build.checks)]
    yield from dict.fromkeys(text for text in found if text)


def _absent(model: str) -> str:
    """Return what is wrong with a model that must lie here and does not, or nothing."""
    if not model.startswith(HERE) and not model.endswith(WEIGHT_FILES):
        return ""
    what = "file" if model.endswith(WEIGHT_FILES) else "folder"
    there = Path(model).expanduser().exists()
    return "" if there else f"found {model!r}, expected a {what} that is there"


def _unindexed(check: Check, suite: str) -> str:
    """Return what is wrong with an index that must lie here and does not, or nothing."""
    index = check.index if isinstance(check, Contamination) else "shipped"
    if index == "shipped" or Path(index).expanduser().is_file():
        return ""
    return (
        f"found no index {index!r}, expected one of the suite's pictures: "
        f"python -m counterfactory.eval.suites.index {suite} {index}"
    )


def _view_problems(
    stage: Training, settings: Common, views: Mapping[str, tuple[str, ...]]
) -> Iterator[tuple[str, str]]:
    """Yield the views that a stage reads and its builds do not make.

    One view is read from every release, several from those that have them. Releases that no build
    makes are looked at when they are used.
    """
    for view in (view for view in settings.views() if not view.endswith("?")):
        lacking = [name for name in stage.data if view not in views.get(name, (view,))]
        if lacking and (len(settings.views()) == 1 or len(lacking) == len(stage.data)):
            yield "data", _lacks(lacking[0], views, view, f"which {stage.train} reads")
    for name in stage.replay:
        if REPLAYED not in views.get(name, (REPLAYED,)):
            yield "replay", _lacks(name, views, REPLAYED, "which is replayed")


def _lacks(name: str, views: Mapping[str, tuple[str, ...]], view: str, why: str) -> str:
    held = ", ".join(views[name])
    return f"found {name!r} with the views {held}, expected the view {view!r}, {why}"


def settings_of(stage: Training, **given: object) -> Common:
    """Return the settings of a stage. Raises `UserError`."""
    kind: type[Common] = import_module(METHODS[stage.train]).Settings
    return settings_from(kind, stage.overrides(), **{"steps": stage.steps, **given})
