"""Processes of `counterfactory loop run` that may be killed: forks that have the libraries loaded already.

load()
loop = Loop("loop/pocket-quick", Path("runs/loop"), ["budget.rows=60"])
life = loop.start()
while not loop.done(1, "mine"):
    life.wait(0.01)
life.kill()                     # SIGKILL to the process alone: its workers have to notice
loop.left()                     # -> []
"""

import importlib
import json
import os
import signal
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

JOURNAL = "journal.jsonl"


@dataclass
class Life:
    """A process of the command."""

    pid: int
    code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code once it has one."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code

    def wait(self, seconds: float = float("inf")) -> int | None:
        """Wait for its end, at most some seconds; return its exit code."""
        end = time.monotonic() + seconds
        while self.poll() is None and time.monotonic() < end:
            time.sleep(0.004)
        return self.code

    def kill(self) -> None:
        """Kill it, and nothing else."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()


@dataclass
class Loop:
    """One loop's folder, and the command that runs it."""

    recipe: str
    out: Path
    sets: list[str]
    lives: list[int] = field(default_factory=list)

    def start(self) -> "Life":
        """Start the command in a process and a session of its own."""
        pid = os.fork()
        if pid:
            self.lives.append(pid)
            return Life(pid)
        os.setsid()
        log = os.open(self.out.with_suffix(".log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1), os.dup2(log, 2)
        os.environ["COUNTERFACTORY_CACHE"] = str(self.out.with_suffix(".cache"))
        code = 1
        try:
            code = main_of_command(self.argv())
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)

    def argv(self) -> list[str]:
        """Return the command's arguments."""
        options = [part for one in self.sets for part in ("--set", one)]
        where = ["--out", str(self.out), "--workers", "1", "--device", "cpu", "--json"]
        return ["loop", "run", self.recipe, *where, *options]

    def lines(self) -> list[dict[str, Any]]:
        """Return the whole lines of the journal."""
        path = self.out / JOURNAL
        texts = path.read_text().split("\n")[:-1] if path.is_file() else []
        return [json.loads(text) for text in texts]

    def done(self, number: int, stage: str) -> bool:
        """Say whether the journal has a stage."""
        return any((one["round"], one["stage"]) == (number, stage) for one in self.lines())

    def begun(self, number: int, stage: str) -> bool:
        """Say whether a stage has begun."""
        note = f"{stage.replace('/', '-')}.json"
        return (self.out / f"round-{number:02d}" / ".begun" / note).is_file()

    def left(self) -> list[int]:
        """Return the sessions of earlier lives that still have a process."""
        return [pid for pid in self.lives if _alive(pid)]


def _alive(session: int) -> bool:
    try:
        os.killpg(session, 0)
    except ProcessLookupError:
        return False
    return True


def load() -> None:
    """Import what the stages import; no thread is started and no model loaded."""
    for name in ("loop.stages", "loop.report", "training.sft", "training.prefer", "models.vlm",
                 "eval.run", "factory.run.build", "loop.data_gates", "training.outfit"):  # fmt: skip
        importlib.import_module(f"counterfactory.{name}")
    for name in ("pyarrow.parquet", "transformers", "torch"):
        importlib.import_module(name)


def main_of_command(argv: list[str]) -> int:
    """Run the command line in this process."""
    from counterfactory.cli import main as command

    return command(argv)
