"""Workers as Ray actors: the same batches, the same ledger, on a cluster.

    counterfactory build region-diff --out out/region-diff --engine ray --workers 16

The driver starts a local Ray, or joins the one that RAY_ADDRESS names. An actor gives its rows back
as bytes, so the nodes need no disk in common; the package, the recipe's files and its models must
be there on each of them.
"""

import os
import sys
from collections import deque
from collections.abc import Sequence
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.run.chain import models_of
from counterfactory.factory.run.disk import disk_errors
from counterfactory.factory.run.maker import Made, Maker, Task, Work
from counterfactory.factory.run.schedule import Died, Event, Seat
from counterfactory.factory.run.worker import ONE_THREAD, Ready


class Actor:
    """What runs in an actor: a `Maker` that loads when asked to, so that its errors can be told."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.maker: Maker | None = None

    def start(self) -> Ready:
        """Load the source and the models."""
        with disk_errors(self.work.workdir):
            self.work.workdir.mkdir(parents=True, exist_ok=True)  # this may be another machine
            self.maker = Maker(self.work)
        return Ready()

    def make(self, task: Task) -> Made:
        """Make one task."""
        assert self.maker is not None, "start comes first"
        with disk_errors(self.work.workdir):
            return self.maker.make(task)


class RayCrew:
    """Ray actors, each on one core, and on one GPU where the recipe has models and the cluster GPUs."""

    def __init__(self, work: Work) -> None:
        try:
            import ray
        except ImportError:
            raise UserError(
                "--engine ray: the package ray is not installed; install it with: pip install 'counterfactory[ray]'"
            ) from None
        self.ray: Any = ray
        environment = {**ONE_THREAD, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        if not ray.is_initialized():
            ray.init(include_dashboard=False, log_to_driver=False)
        has_gpu = models_of(work.recipe) and ray.cluster_resources().get("GPU", 0) >= 1
        options = {
            "num_cpus": 1,
            "num_gpus": 1 if has_gpu else 0,
            "runtime_env": {"env_vars": environment},
        }
        self.actor = ray.remote(Actor).options(**options)
        self.work = ray.put(work)

    def hire(self, number: int) -> Seat:
        """Start an actor."""
        actor = self.actor.remote(self.work)
        return Seat(number, (actor, deque([actor.start.remote()])))

    def give(self, seat: Seat, task: Task) -> None:
        """Send one more task; an actor works on its tasks in order."""
        actor, answers = seat.handle
        answers.append(actor.make.remote(task))

    def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
        """Return the next answer of each actor that has one."""
        first = {seat.handle[1][0]: seat for seat in seats}
        done, _ = self.ray.wait(list(first), num_returns=1, timeout=seconds)
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
        except errors.RayError as error:  # the actor or its node is gone
            return Died(type(error).__name__)
        return answer
