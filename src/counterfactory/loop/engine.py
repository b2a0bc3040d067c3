"""A stage: files in, files out; run once, and again only when what it reads has changed.

    double = Stage("double", run=write_double, takes=lambda w: {"n": w / "n.txt"}, gives=lambda w: [w / "2n.txt"])
    engine = Engine(journal, say=print)
    engine.do(1, double, folder)     -> True: it ran
    engine.do(1, double, folder)     -> False: same inputs, outputs as it left them

A stage that was killed goes on in what it left behind, as builds, evaluations and trainings can. When
its inputs are others than those it was begun with, what it left is removed first. The seconds of a
stage are those of all its attempts; a killed one lasted until it last wrote something.
"""

import json
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from counterfactory.factory.run.disk import sync, write_whole
from counterfactory.fingerprint import digest, digest_file
from counterfactory.loop.journal import Journal, Line, now
from counterfactory.loop.layout import read

W = TypeVar("W")
BESIDE = (".build", ".training", ".tmp")  # what a build or a training keeps beside its folder
BEGUN = ".begun"  # folder of notes: which stage was begun with which inputs


@dataclass(frozen=True, slots=True)
class Stage(Generic[W]):
    """One step of a round. `takes` holds plain values, and paths that stand for their contents."""

    name: str
    run: Callable[[W], None]
    takes: Callable[[W], Mapping[str, object]]
    gives: Callable[[W], Iterable[Path]]


Tell = Callable[[str, bool, float], None]
"""Told of a stage: its name, whether it begins (else it is done), its seconds (0 as it begins)."""


class Engine:
    """Does stages, keeps the journal."""

    def __init__(self, journal: Journal, tell: Tell = lambda name, begins, seconds: None) -> None:
        self.journal, self.tell = journal, tell
        self.ran = 0
        self.given: set[Path] = set()  # what its stages leave

    def do(self, number: int, stage: Stage[W], work: W, folder: Path) -> bool:
        """Do a stage of a round in `folder`, unless it is done; say whether it ran."""
        inputs = digest(plain(stage.takes(work)))
        outputs = list(stage.gives(work))
        self.given.update(outputs)
        note = note_of(folder, stage.name)
        line = self.journal.last(number, stage.name)
        if line is not None and line.inputs == inputs and line.outputs == prints(outputs):
            note.unlink(missing_ok=True)  # killed between the journal and this
            return False
        spent = _begin(note, stage.name, inputs, outputs)
        self.tell(stage.name, True, 0.0)
        started = time.monotonic()
        stage.run(work)
        seconds = spent + time.monotonic() - started
        if missing := [path for path in outputs if not path.exists()]:
            raise RuntimeError(f"stage {stage.name} left no {missing[0]}")
        for path in outputs:
            sync(path)
            sync(path.parent)
        self.journal.append(
            Line(
                round=number, stage=stage.name, inputs=inputs, outputs=prints(outputs),
                seconds=round(seconds, 2), at=now(),
            )
        )  # fmt: skip
        note.unlink()
        self.ran += 1
        self.tell(stage.name, False, seconds)
        return True


def note_of(folder: Path, stage: str) -> Path:
    """Return the note of a stage that was begun: its inputs, the seconds of its attempts so far."""
    return folder / BEGUN / f"{stage.replace('/', '-')}.json"


def _begin(note: Path, stage: str, inputs: str, outputs: Iterable[Path]) -> float:
    """Note what a stage begins with; remove what one with other inputs has left.

    Return the seconds that killed attempts with the same inputs have taken.
    """
    before, seconds = read(note), 0.0
    places = [one for path in outputs for one in _with_beside(path)]
    if before.get("inputs") == inputs:
        lasted = max(0.0, _written(places) - note.stat().st_mtime)
        seconds = round(before.get("seconds", 0.0) + lasted, 2)
    else:
        for path in outputs:
            remove(path)
            path.parent.mkdir(parents=True, exist_ok=True)
    note.parent.mkdir(parents=True, exist_ok=True)
    facts = {"stage": stage, "inputs": inputs, "seconds": seconds, "at": now()}
    write_whole(note, json.dumps(facts).encode())
    return seconds


def remove(path: Path) -> None:
    """Remove what a stage left, with what it kept beside that."""
    for one in _with_beside(path):
        if one.is_dir() and not one.is_symlink():
            shutil.rmtree(one)
        else:
            one.unlink(missing_ok=True)


def _with_beside(path: Path) -> list[Path]:
    return [path, *(path.with_name(path.name + end) for end in BESIDE)]


def _written(places: Iterable[Path]) -> float:
    """Return when a file of these was last written, in seconds since 1970; 0 where there is none."""
    files = (one for path in places for one in (path, *path.rglob("*")) if one.is_file())
    return max((one.stat().st_mtime for one in files), default=0.0)


def plain(value: object) -> Any:
    """Return a value with every path replaced by the fingerprint of what lies there."""
    if isinstance(value, Path):
        return {"contents": print_of(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def prints(paths: Iterable[Path]) -> str:
    """Return one fingerprint of several files and folders, by their names."""
    return digest({path.name: print_of(path) for path in paths})


_SEEN: dict[tuple[str, int, int], str] = {}


def print_of(path: Path) -> str:
    """Return the fingerprint of a file's bytes or a folder's files; "" where nothing is."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        return digest({one.relative_to(path).as_posix(): print_of(one) for one in files})
    if not path.is_file():
        return ""
    facts = path.stat()
    key = (str(path), facts.st_size, facts.st_mtime_ns)
    if key not in _SEEN:
        _SEEN[key] = digest_file(path)
    return _SEEN[key]
