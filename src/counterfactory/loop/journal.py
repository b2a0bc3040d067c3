"""What a loop has finished: one JSON line a stage, appended, on disk before the next stage begins.

    {"round": 1, "stage": "mine", "inputs": "5f0c...", "outputs": "a91e...", "seconds": 2.1, "at": "..."}

    with held(folder):                       # a second process is told who is at work
        journal = Journal(folder)
        journal.last(1, "mine")              # the newest line of a stage, or None
        journal.append(Line(round=1, stage="mine", ...))

A kill while a line is written leaves a torn one at the end. It is not counted, and is cut away before
the next line; a broken line anywhere else is somebody's edit and is refused.
"""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.factory.run.disk import sync

NAME = "journal.jsonl"
LOCK = "lock"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One finished stage."""

    round: int
    stage: str
    inputs: str  # fingerprint
    outputs: str  # fingerprint
    seconds: float
    at: str  # when it was finished, UTC


def now() -> str:
    """Return the time as a journal writes it: 2026-01-31T12:00:00Z."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Journal:
    """The lines of one loop folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.lines, self._whole = _read(self.path)

    def last(self, number: int, stage: str) -> Line | None:
        """Return the newest line of a stage of a round."""
        for line in reversed(self.lines):
            if (line.round, line.stage) == (number, stage):
                return line
        return None

    def append(self, line: Line) -> None:
        """Write one line; when this returns, a power cut does not undo it."""
        text = json.dumps(asdict(line), ensure_ascii=False) + "\n"
        fresh = not self.path.exists()
        with self.path.open("ab") as stream:
            if stream.tell() > self._whole:  # a torn line
                stream.truncate(self._whole)
            stream.write(text.encode())
            stream.flush()
            os.fsync(stream.fileno())
        if fresh:
            sync(self.path.parent)
        self._whole += len(text.encode())
        self.lines.append(line)


def _read(path: Path) -> tuple[list[Line], int]:
    """Return the lines and how many bytes of the file they are."""
    data = path.read_bytes() if path.is_file() else b""
    whole = data.rfind(b"\n") + 1
    lines = []
    for number, text in enumerate(data[:whole].splitlines(), 1):
        try:
            lines.append(Line(**json.loads(text)))
        except (ValueError, TypeError):
            raise UserError(
                f"{path}:{number}: found {text[:60].decode(errors='replace')!r}, expected a line as "
                "the loop writes it; put the line right, or choose another --out"
            ) from None
    return lines, whole


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a loop's folder; the kernel frees it when this process ends, however it ends."""
    with (folder / LOCK).open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{folder}: found another loop at work here ({holder(folder) or 'unknown'}); wait for "
                "it, or choose another --out"
            ) from None
        stream.truncate(0)
        who = {"pid": os.getpid(), "host": socket.gethostname(), "since": now()}
        stream.write(json.dumps(who) + "\n")
        stream.flush()
        try:
            yield
        finally:
            stream.truncate(0)


def holder(folder: Path) -> str:
    """Return who wrote the lock last: "process 71 on box, since 2026-01-31T12:00:00Z", or nothing."""
    try:
        who = json.loads((folder / LOCK).read_text(encoding="utf-8"))
        return f"process {who['pid']} on {who['host']}, since {who['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def at_work(folder: Path) -> str:
    """Return who holds the folder at this moment, or nothing."""
    try:
        with (folder / LOCK).open("r") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return holder(folder) or "another process"
    except OSError:
        return ""
    return ""
