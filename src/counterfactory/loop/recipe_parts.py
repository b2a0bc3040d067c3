"""What a loop recipe names, looked at before anything runs: build recipes, settings, the suite.

loop.yaml:14: stages.0.set: --set stpes: found an unknown setting, expected one of steps, ... (did you mean 'steps'?)
loop.yaml:9: builds.0: region-diff: found './sam.pth', expected a file that is there
loop.yaml:18: stages.1.data: found 'world-math' with the views sft, grpo, expected the view 'dpo', which prefer reads
loop.yaml:18: stages.1.data: found './runs/qa', which holds no manifest.json, expected a release
"""

from collections.abc import Collection, Iterator, Mapping
from importlib import import_module
from pathlib import Path

from counterfactory.buckets import is_url
from counterfactory.errors import UserError
from counterfactory.eval.suites import suite_named
from counterfactory.factory.checks.base import Check
from counterfactory.factory.checks.contamination import Contamination
from counterfactory.factory.recipe import Recipe, checked
from counterfactory.factory.recipe_yaml import Path as Place
from counterfactory.factory.release.manifest import NAME as MANIFEST
from counterfactory.factory.sources.base import Source
from counterfactory.factory.sources.folder import Folder, existing
from counterfactory.judges import parts_of
from counterfactory.loop.recipe import EARLIER, LoopRecipe, Training
from counterfactory.models.ids import WEIGHT_FILES
from counterfactory.training import METHODS
from counterfactory.training.data import is_folder
from counterfactory.training.settings import Common, settings_from

SPLITS = ("mine", "gate")
HERE = ("/", ".", "~")  # how the path of a folder begins
NO_WEIGHTS = ("openai:", "dummy:", "blank:", "filtered:")  # what answers and cannot be trained
HEAD = "head"  # the judge that a training makes itself
REPLAYED = "sft"  # the view that replay draws from
PREFERRED = "dpo"  # the view that a filter learns from


def part_problems(recipe: LoopRecipe) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong in what the recipe names."""
    yield from _whole_problems(recipe)
    views: dict[str, tuple[str, ...]] = {}
    lacking: dict[str, list[int]] = {}  # each text once, however many builds it is about
    for at, build in enumerate(recipe.builds):
        try:
            made = checked(build.recipe, build.overrides())
        except UserError as error:
            for line in str(error).splitlines():
                yield ("builds", at), line
            continue
        views[build.title] = made.views
        for text in _lacking(made, recipe.suite):
            lacking.setdefault(text, []).append(at)
    preferring = any(PREFERRED in held for held in views.values())
    if recipe.filtered and not preferring and len(views) == len(recipe.builds):
        text = f"found True, expected a build with the view {PREFERRED!r}, which the filter learns from"
        yield ("filtered",), text
    for text, places in lacking.items():
        names = ", ".join(recipe.builds[at].title for at in places)
        yield ("builds", places[0]), f"{names}: {text}"
    known = {EARLIER, *(build.title for build in recipe.builds)}
    for at, stage in enumerate(recipe.stages):
        found = (*_stage_problems(stage, views, recipe.averaged), *_release_problems(stage, known))
        for path, text in found:
            yield ("stages", at, *path), text


def _whole_problems(recipe: LoopRecipe) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong beside the builds and the stages: models, the judge, the suite, the mix."""
    if recipe.model.startswith(NO_WEIGHTS):
        yield ("model",), f"found {recipe.model!r}, expected weights: pocket, a folder, a Hub id"
    elif text := _absent(recipe.model):
        yield ("model",), text
    if recipe.judge and (text := _judge_problem(recipe.judge)):
        yield ("judge",), text
    for at, auditor in enumerate(recipe.auditors):
        if text := _absent(auditor):
            yield ("auditors", at), text
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


def _stage_problems(
    stage: Training, views: Mapping[str, tuple[str, ...]], averaged: bool
) -> Iterator[tuple[Place, str]]:
    """Yield what is wrong with a training: its settings, the views it reads.

    Paths begin at the stage.
    """
    try:
        settings = settings_of(stage)
    except UserError as error:
        for line in str(error).splitlines():
            yield ("set",), line
        return
    if averaged and settings.lora is not None and not settings.lora.merge:
        text = "lora.merge: found False, expected True: `averaged` takes whole models"
        yield ("set",), text
    if text := _absent(getattr(settings, "generator", "")):
        yield ("set", "generator"), text
    for key in ("judge", "cost"):
        judge = getattr(settings, key, HEAD)
        if judge != HEAD and (text := _judge_problem(judge)):
            yield ("set", key), text
    if stage.replay and "replay" not in type(settings).model_fields:
        text = f"found {stage.replay[0]!r}, expected none: {stage.train} replays nothing"
        yield ("replay",), text
    for key, text in _view_problems(stage, settings, views):
        yield (key,), text


def _release_problems(stage: Training, known: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Yield the releases of a training that must lie here and do not; one on the Hub shows at use."""
    for key, names in (("data", stage.data), ("replay", stage.replay)):
        for name in names:
            here = name not in known and is_folder(name) and not is_url(name)
            if here and not (Path(name).expanduser() / MANIFEST).is_file():
                yield (key,), f"found {name!r}, which holds no {MANIFEST}, expected a release"


def _lacking(build: Recipe, suite: str) -> Iterator[str]:
    """Yield what a build's source, models and indexes lack here, each once."""
    models = [model for op in build.ops for _, model in op.models()]
    models += [model for check in build.checks for _, model in check.models()]
    found = [_sourceless(build.source), *map(_absent, models)]
    found += [_unindexed(check, suite) for check in build.checks]
    yield from dict.fromkeys(text for text in found if text)


def _sourceless(source: Source) -> str:
    """Return what is wrong with a folder of pictures that must lie here and does not, or nothing."""
    if not isinstance(source, Folder) or source.path == "skimage" or is_url(source.path):
        return ""
    try:
        existing(source.path)
    except UserError as error:
        return str(error)
    return ""


def _judge_problem(judge: str) -> str:
    """Return what is wrong with the form of a judge, or with its folder; nothing is asked."""
    try:
        _, model, _ = parts_of(judge)
    except UserError as error:
        return str(error)
    return _absent(model)


def _absent(model: str) -> str:
    """Return what is wrong with a model that must lie here and does not, or nothing."""
    served = "://" in model
    if served or not (model.startswith(HERE) or model.endswith(WEIGHT_FILES)):
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

    Where one view is read, every build has to make it; of several, each has to be made by one of them.
    Releases that no build makes are looked at when they are used.
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
