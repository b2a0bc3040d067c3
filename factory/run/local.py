"""Workers as processes of this machine, each on one thread, and on one GPU where there are any.

Not `multiprocessing.Process`: a worker is started as a program of its own, so the caller's script
is not imported again and needs no `if __name__ == "__main__"`. The line to it is a socket pair: it
ends when either side dies.
"""

import multiprocessing
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING

from counterfactory.errors import UserError
from counterfactory.factory.run.chain import models_of
from counterfactory.factory.run.maker import Task, Work
from counterfactory.factory.run.schedule import Died, Event, Seat
from counterfactory.factory.run.worker import ONE_THREAD, Message, Trouble

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe

STDERR = 2  # where workers print: standard output belongs to the command's answer
EXIT_SECONDS = 5.0


@dataclass(slots=True)
class Process:
    """A worker process and this side of the line to it."""

    process: subprocess.Popen[bytes]
    line: Connection


class LocalCrew:
    """Worker processes on this machine."""

    def __init__(self, work: Work, workers: int | None = None) -> None:
        self.work, self.workers = work, workers or default_workers(work.recipe)
        self.gpus = gpus() if models_of(work.recipe) else []

    def hire(self, number: int) -> Seat:
        """Start a process and send it the work; it loads while others already make batches."""
        near, far = multiprocessing.Pipe(duplex=True)
        call = f"from counterfactory.factory.run.worker import main; main({far.fileno()}, {os.getpid()})"
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", call],
            env=self._environment(number),
            pass_fds=[far.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=STDERR,
        )
        far.close()
        seat = Seat(number, Process(process, near))
        _send(near, self.work)
        return seat

    def give(self, seat: Seat, task: Task) -> None:
        """Send one more task."""
        _send(seat.handle.line, task)

    def wait(self, seats: Sequence[Seat], seconds: float) -> list[Event]:
        """Return one message of each worker that has one; the end of a line is a death."""
        by_line = {seat.handle.line: seat for seat in seats}
        events: list[Event] = []
        for line in wait(list(by_line), seconds):
            seat = by_line[line]
            try:
                message: Message = seat.handle.line.recv()
            except (EOFError, ConnectionError):
                events.append((seat, Died(_how_it_ended(seat.handle.process))))
                continue
            if isinstance(message, Trouble):
                raise UserError(message.text) if message.users else RuntimeError(message.text)
            events.append((seat, message))
        return events

    def dismiss(self, seat: Seat) -> None:
        """Kill a process: it holds nothing that is not to be had again."""
        seat.handle.line.close()
        seat.handle.process.kill()
        seat.handle.process.wait()

    def _environment(self, number: int) -> dict[str, str]:
        paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
        gpu = {"CUDA_VISIBLE_DEVICES": self.gpus[number % len(self.gpus)]} if self.gpus else {}
        return {**os.environ, **ONE_THREAD, **paths, **gpu}


def _send(line: Connection, message: Task | Work) -> None:
    try:
        line.send(message)
    except ConnectionError:
        pass  # it has died: `wait` finds out how


def _how_it_ended(process: "subprocess.Popen[bytes]") -> str:
    try:
        code = process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return "it closed its line"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def gpus() -> list[str]:
    """Return the NVIDIA GPUs that this process may use, without loading a library."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name for name in allowed.split(",") if name.strip() not in ("", "-1")]
    devices = (re.fullmatch(r"nvidia(\d+)", path.name) for path in Path("/dev").glob("nvidia*"))
    return sorted(match[1] for match in devices if match)


def default_workers(recipe: "Recipe") -> int:
    """Return one worker per GPU for a recipe with models on a machine that has some, else one per core."""
    if models_of(recipe) and (found := gpus()):
        return len(found)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
