"""Progress: right numbers, little noise, nothing on standard output."""

import io
import sys

import pytest

from counterfactory.progress import Progress, clock_text


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_gets_plain_lines_at_most_every_five_seconds() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(
        total=100, what="candidates", unit="rows", stream=stream, clock=clock
    ) as progress:
        for _ in range(100):
            clock.now += 0.2
            progress.advance()
    lines = stream.getvalue().splitlines()
    assert len(lines) == 5 and "\r" not in stream.getvalue()
    assert lines[0] == "candidates 25/100 rows, 25 %, 5.0 rows/s, 0:15 left"
    assert lines[-1] == "candidates 100/100 rows, 100 %, 5.0 rows/s, 0:20 taken"


def test_a_terminal_sees_one_line_that_redraws_and_is_wiped_when_it_shrinks() -> None:
    clock, stream = Clock(), Terminal()
    with Progress(total=2, what="steps", unit="steps", stream=stream, clock=clock) as progress:
        clock.now += 1
        progress.advance(note="loss 0.25 with a long tail of words")
        clock.now += 1
        progress.advance(note="x")
    text = stream.getvalue()
    assert text.count("\n") == 1 and text.endswith("\n")
    drawn = text.removesuffix("\n").split("\r")[1:]
    assert "loss 0.25" in drawn[0] and len(drawn[1]) >= len(drawn[0])


def test_what_an_earlier_run_did_counts_as_done_but_not_for_the_rate() -> None:
    clock = Clock()
    progress = Progress(total=1000, what="rows", done=900, stream=io.StringIO(), clock=clock)
    clock.now += 10
    progress.advance(10)
    assert progress.done == 910 and progress.rate == 1.0 and progress.left == 90


def test_an_unknown_total_shows_no_share_and_no_time_left() -> None:
    clock, stream = Clock(), io.StringIO()
    with Progress(total=None, what="files", unit="files", stream=stream, clock=clock) as progress:
        clock.now += 6
        progress.advance(3)
        assert progress.left is None
    assert stream.getvalue().splitlines()[0] == "files 3 files, 0.5 files/s"


def test_quiet_writes_nothing_and_nothing_ever_goes_to_standard_output(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Progress(total=1, what="rows", quiet=True):
        pass
    with Progress(total=1, what="rows"):
        pass
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert sys.stdout is not sys.stderr


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (67, "1:07"), (3600 * 3 + 300, "3:05:00"), (-1, "0:00")]
)
def test_time_is_written_to_be_read(seconds: float, text: str) -> None:
    assert clock_text(seconds) == text
