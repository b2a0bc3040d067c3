"""What runs in a Ray actor: a `Maker` that loads when asked to, so that its errors can be told.

    actor = ray.remote(Actor).remote(work, portrait(recipe, source, models))
    ray.get(actor.start.remote())          -> Ready()
    ray.get(actor.make.remote(Task(12)))   -> Made(batch=12, rows=b"PAR1...", ...)

A node with other libraries, other pictures or other weights would give other rows without a word.
So each actor compares itself with a portrait of the machine that began the build.
"""

import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from counterfactory.cache import cache_folder
from counterfactory.errors import UserError
from counterfactory.factory.run.chain import models_of
from counterfactory.factory.run.disk import disk_errors
from counterfactory.factory.run.maker import Made, Maker, Task, Work, samples_digest
from counterfactory.factory.run.worker import Ready
from counterfactory.fingerprint import digest_bytes

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.sources.base import OpenSource
    from counterfactory.records import ModelRef

Portrait = dict[str, str]


class Actor:
    """One worker of the cluster."""

    def __init__(self, work: Work, wanted: Portrait) -> None:
        self.work, self.wanted = work, wanted
        self.maker: Maker | None = None

    def start(self) -> Ready:
        """Load the source and the models. Raises `UserError` on a node that is not like the others."""
        from counterfactory.models import identify

        work = replace(self.work, workdir=_workdir(self.work.workdir))
        with disk_errors(work.workdir):
            work.workdir.mkdir(parents=True, exist_ok=True)
            models = [identify(role, model) for role, model in models_of(work.recipe)]
            self.maker = Maker(work)
            compare(portrait(work.recipe, self.maker.source, models), self.wanted)
        return Ready()

    def make(self, task: Task) -> Made:
        """Make one task."""
        assert self.maker is not None, "start comes first"
        with disk_errors(self.work.workdir):
            return self.maker.make(task)


def portrait(recipe: "Recipe", source: "OpenSource", models: "Sequence[ModelRef]") -> Portrait:
    """Return all of this machine that decides what a batch holds."""
    from counterfactory.factory.release.facts import library_versions

    weights = {f"weights of {one.role} {one.id!r}": one.revision for one in models}
    return {**library_versions(), "samples of the source": samples_digest(source), **weights}


def compare(found: Portrait, wanted: Portrait) -> None:
    """Raise `UserError` for the first thing that this machine has otherwise."""
    for name in wanted:
        if found.get(name) != wanted[name]:
            raise UserError(
                f"--engine ray: node {socket.gethostname()}: {name}: found {found.get(name, 'none')[:16]}, "
                f"expected {wanted[name][:16]} as on the machine that began the build"
            )


def _workdir(folder: Path) -> Path:
    """Return the build's folder where this node sees it, else a folder of the node's own."""
    if folder.is_dir():
        return folder
    return cache_folder() / "builds" / digest_bytes(str(folder).encode())[:16]
