"""The steps around every method: settings, rows, model, record; then the method; then the result.

    train("sft", "pocket", ["runs/world-qa"], Path("runs/sft"), ["steps=200"])
        -> {"method": "sft", "out": "runs/sft", "steps": 200, "seconds": 61.2, "final": {...}, ...}

The same call goes on where it stopped, and does nothing when the run is finished.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.crew import Crew, crew_of
from counterfactory.factory.run.disk import disk_errors, locked
from counterfactory.models.ids import identify, locate
from counterfactory.models.vlm import settings_hash
from counterfactory.training import METHODS, resume
from counterfactory.training.data import describe, load_view, views_of
from counterfactory.training.finish import finish, finished
from counterfactory.training.keep import blend
from counterfactory.training.record import Recorder
from counterfactory.training.settings import Common, settings_from

log = logging.getLogger(__name__)


def train(
    method: str, model: str, data: Sequence[str], out: Path, overrides: Sequence[str] = (), *,
    device: str = "auto", restart: bool = False, **given: Any,
) -> dict[str, Any]:  # fmt: skip
    """Train `model` on releases and write it to `out`. Returns what `--json` prints."""
    _quiet()
    module = import_module(METHODS[method])
    settings = settings_from(module.Settings, overrides, **given)
    crew = crew_of()
    identity = identity_of(method, model, data, settings, crew)
    done = finished(out, identity, restart=restart)
    work = resume.work_folder(out)
    if done is not None:
        if crew.first:  # a kill after the last rename leaves it
            rmtree(work, ignore_errors=True)
        return done
    with ExitStack() as held, disk_errors(work):
        _begin(held, crew, work, identity, restart)
        rows = rows_for(data, settings.views())
        outfit = _loader(module)(model, settings, device)
        recorder = Recorder(work, settings.steps, what=method, first=crew.first)
        numbers = getattr(module, method)(outfit, rows, settings, work, recorder)
        if crew.first:
            if settings.keep:
                blend(outfit, settings.keep)
            done = finish(outfit, recorder, out, identity, numbers)
        return crew.together(done)[0]


def identity_of(
    method: str, model: str, data: Sequence[str], settings: Common, crew: Crew
) -> dict[str, Any]:
    """Return what decides the result of a run: two runs with equal identities are the same run."""
    if model.startswith("openai:"):
        raise UserError(
            f"model {model!r}: found a server, expected weights: pocket, a folder, a Hub id"
        )
    views = [view.removesuffix("?") for view in settings.views()]
    replay = getattr(settings, "replay", ())
    place = locate(settings.role, model)
    return {
        "method": method,
        "model": {
            "id": model, "weights_hash": identify(settings.role, model).revision,
            "settings_hash": settings_hash(place) if place.is_dir() else "",
        },
        "data": [describe(one, views) for one in data],
        "replay": [describe(one, ["sft"]) for one in replay],
        "settings": settings.inputs(),
        "processes": crew.world,
    }  # fmt: skip


def rows_for(data: Sequence[str], views: Sequence[str]) -> Any:
    """Return the rows of the one view, or {view: rows} of several.

    A view is read from the releases that hold it. Raises `UserError` where none does.
    """
    if not data:
        raise UserError("--data: found no release, expected a folder or org/name@tag")
    held = {release: views_of(release) for release in data}
    names = [view.removesuffix("?") for view in views]
    for release in data:
        if not any(held[release].get(name) for name in names):
            log.warning(
                "%s: holds no view %s, nothing is read from it", release, " or ".join(names)
            )
    found = {}
    for view, name in zip(views, names, strict=True):
        holders = [release for release in data if held[release].get(name)]
        if holders or not view.endswith("?"):
            found[name] = load_view(holders or data, name)
    return found[views[0]] if len(views) == 1 else found


def _begin(
    held: ExitStack, crew: Crew, work: Path, identity: dict[str, Any], restart: bool
) -> None:
    """Take the folder of the run; a trouble of the first process is said in every one."""
    trouble = ""
    if crew.first:
        try:
            resume.claim(work, identity, restart=restart)
            held.enter_context(locked(work / "lock", "training"))
        except UserError as error:
            trouble = str(error)
    if trouble := crew.together(trouble)[0]:
        raise UserError(trouble)


def _quiet() -> None:
    """Keep transformers from drawing a bar for each file."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _loader(module: Any) -> Any:
    from counterfactory.training.outfit import outfit_for

    return getattr(module, "load", outfit_for)
