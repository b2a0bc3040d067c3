"""The journal: what was written stays, a torn line costs itself, one process works in a folder."""

import json
import multiprocessing
import os
import socket
from pathlib import Path

import pytest

from counterfactory.errors import UserError
from counterfactory.loop.journal import NAME, Journal, Line, at_work, held


def line(number: int, stage: str = "mine", inputs: str = "a") -> Line:
    return Line(round=number, stage=stage, inputs=inputs, outputs="b", seconds=1.5, at="2026-01-01")


def test_lines_are_appended_and_the_newest_of_a_stage_counts(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for one in (line(1), line(1, "plan"), line(1, inputs="c"), line(2)):
        journal.append(one)
    again = Journal(tmp_path)
    assert again.lines == journal.lines and len(again.lines) == 4
    assert again.last(1, "mine") == line(1, inputs="c")
    assert again.last(3, "mine") is None


@pytest.mark.parametrize("cut", [1, 2, 30])
def test_a_torn_last_line_is_not_counted_and_cut_away(tmp_path: Path, cut: int) -> None:
    journal = Journal(tmp_path)
    journal.append(line(1))
    journal.append(line(2))
    path = tmp_path / NAME
    path.write_bytes(path.read_bytes()[:-cut])
    torn = Journal(tmp_path)
    assert torn.lines == [line(1)]
    torn.append(line(3))
    assert Journal(tmp_path).lines == [line(1), line(3)]
    assert all(json.loads(text) for text in path.read_text().splitlines())


def test_a_broken_line_in_the_middle_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path).append(line(1))
    path = tmp_path / NAME
    path.write_text("{half\n" + path.read_text())
    with pytest.raises(UserError, match=rf"{NAME}:1: found '\{{half', expected a line"):
        Journal(tmp_path)


def test_every_line_is_on_disk_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(handle: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{handle}"))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    journal = Journal(tmp_path)
    journal.append(line(1))
    assert synced == [str(tmp_path / NAME), str(tmp_path)]
    journal.append(line(2))
    assert synced[2:] == [str(tmp_path / NAME)]


def _hold(
    folder: Path, ready: "multiprocessing.Queue[str]", done: "multiprocessing.Queue[str]"
) -> None:
    with held(folder):
        ready.put("held")
        done.get()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")
    ready, done = context.Queue(), context.Queue()
    process = context.Process(target=_hold, args=(tmp_path, ready, done))
    process.start()
    ready.get(timeout=10)
    who = rf"process {process.pid} on {socket.gethostname()}, since \d{{4}}-\d\d-\d\dT"
    with pytest.raises(UserError, match=who), held(tmp_path):
        raise AssertionError("two processes held one folder")
    assert f"process {process.pid}" in at_work(tmp_path)
    done.put("go")
    process.join(10)
    assert at_work(tmp_path) == ""
    with held(tmp_path):
        pass
