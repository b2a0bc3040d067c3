"""Workers as Ray actors: the same batches, the same ledger, on a cluster.

    counterfactory build region-diff --out out/region-diff --engine ray --workers 16

The build starts a local Ray, or joins the one that runs here or that RAY_ADDRESS names. An actor
gives its rows back as bytes, so the nodes need no disk in common; the package, the recipe's files
and its models must be there on each of them (`actor.py` looks).
"""

import math
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.run.actor import Actor, portrait
from counterfactory.factory.run.chain import models_of
from counterfactory.factory.run.maker import Made, Task, Work
from counterfactory.factory.run.schedule import Died, Event, Seat
from counterfactory.factory.run.worker import ONE_THREAD, Ready

KNOCK_SECONDS = 10.0  # for a cluster's first answer
PATIENCE = 30.0  # seconds without any worker, before the wait is explained


class RayCrew:
    """Ray actors, each on one core, and on its share of a GPU where the recipe has models.

    `workers`: None takes as many as the cluster has GPUs for a recipe with models, else cores.
    """

    def __init__(self, work: Work, workers: int | None = None) -> None:
        self.ray: Any = _joined()
        found = self.ray.cluster_resources()
        gpus = int(found.get("GPU", 0)) if models_of(work.recipe) else 0
        self.workers = workers or max(1, gpus or int(found.get("CPU", 1)))
        self.wants = {"num_cpus": 1, "num_gpus": gpu_share(self.workers, gpus)}
        environment = {**ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        runtime = {"env_vars": environment}
        self.actor = self.ray.remote(Actor).options(**self.wants, runtime_env=runtime)
        source = work.recipe.source.open(work.workdir, work.recipe.seed)
        self.work = self.ray.put(work)
        self.portrait = portrait(work.recipe, source, work.provenance.models)
        self.waits_since: float | None = time.monotonic()

    def hire(self, number: int) -> Seat:
        """Start an actor; the cluster finds it a node, at once or when there is room."""
        actor = self.actor.remote(self.work, self.portrait)
        return Seat(number, (actor, deque([actor.start.remote()])))

    def give(self, seat: Seat, task: Task) -> None:
        """Send one more task; an actor works on its tasks in order."""
        actor, answers = seat.handle
        answers.append(actor.make.remote(task))

    def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
        """Return the next answer of each actor that has one."""
        first = {seat.handle[1][0]: seat for seat in seats}
        done, _ = self.ray.wait(list(first), num_returns=1, timeout=seconds)
        if not done:
            self._explain_the_wait()
        return [(first[answer], self._answer(first[answer])) for answer in done]

    def dismiss(self, seat: Seat) -> None:
        """Kill an actor."""
        self.ray.kill(seat.handle[0])

    def _answer(self, seat: Seat) -> Ready | Made | Died:
        errors = self.ray.exceptions
        try:
            answer: Ready | Made = self.ray.get(seat.handle[1].popleft())
        except errors.RayTaskError as error:
            if isinstance(error.cause, UserError):
                raise UserError(str(error.cause)) from None
            if type(error.cause).__name__ == "WorkerLost":
                return Died(str(error.cause))
            raise
        except errors.RayError as error:
            own = isinstance(error, errors.ActorDiedError) and "node has died" not in str(error)
            return Died(type(error).__name__, with_machine=not own)
        self.waits_since = None
        return answer

    def _explain_the_wait(self) -> None:
        """Say once, on standard error, what a cluster lacks that has started no worker."""
        if self.waits_since is None or time.monotonic() - self.waits_since < PATIENCE:
            return
        self.waits_since = None
        found = {key: self.ray.cluster_resources().get(key, 0) for key in ("CPU", "GPU")}
        sys.stderr.write(
            f"ray: no worker has started yet: each wants {self.wants['num_cpus']} CPU and "
            f"{self.wants['num_gpus']:g} GPU, the cluster has {found['CPU']:g} and {found['GPU']:g}\n"
        )


def gpu_share(workers: int, gpus: int) -> float:
    """Return the part of a GPU that each worker gets, so that all of them find a place.

    >>> gpu_share(2, 4), gpu_share(6, 2), gpu_share(8, 0)
    (1.0, 0.3333, 0.0)
    """
    if not gpus:
        return 0.0
    on_each = math.ceil(workers / gpus)
    return math.floor(10_000 / on_each) / 10_000  # Ray counts in ten-thousandths


def _joined() -> Any:
    """Return the module `ray`, connected to a cluster."""
    try:
        import ray
    except ImportError:
        raise UserError(
            "--engine ray: the package ray is not installed; install it with: pip install 'counterfactory[ray]'"
        ) from None
    if not ray.is_initialized():
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            _knock(os.environ.get("RAY_ADDRESS", ""))
            ray.init(log_to_driver=False, logging_level="warning", **_new_or_known())
        except Exception as error:  # ray raises bare ones: no cluster there, no start in time
            where = os.environ.get("RAY_ADDRESS", "")
            what = f"found no cluster at {where!r} (RAY_ADDRESS)" if where else "Ray does not start"
            raise UserError(f"--engine ray: {what}: {_first_line(error)}") from None
    return ray


def _knock(address: str) -> None:
    """Raise `OSError` when nobody listens at HOST:PORT; ray itself would wait for many minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if host and port.isdecimal():
        socket.create_connection((host, int(port)), KNOCK_SECONDS).close()


def _new_or_known() -> dict[str, Any]:
    """Return what a Ray started here must be told; one that is joined takes no such settings."""
    return {} if os.environ.get("RAY_ADDRESS") else {"include_dashboard": False}


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
