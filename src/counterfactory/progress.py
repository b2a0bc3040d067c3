"""How far a long piece of work is: count, rate and time left, on standard error.

    with Progress(total=2000, what="candidates", unit="rows") as progress:
        progress.advance(32)

    candidates 640/2000 rows, 32 %, 41.2 rows/s, 0:33 left

A terminal sees one line that redraws; a pipe or a log file gets plain lines, at most one every few
seconds.
"""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

REDRAW_SECONDS = 0.1  # on a terminal
LINE_SECONDS = 5.0  # elsewhere


def clock_text(seconds: float) -> str:
    """Return a duration to read: "0:07", "12:30", "3:05:00"."""
    whole = max(0, round(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes}:{left:02d}"


class Progress:
    """A counter that says where it stands, never on standard output."""

    def __init__(
        self,
        total: int | None,
        what: str,
        *,
        unit: str = "rows",
        done: int = 0,
        stream: TextIO | None = None,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`done` is what an earlier run finished: it counts as done, but not for the rate."""
        self.total, self.what, self.unit, self.done = total, what, unit, done
        self.stream = sys.stderr if stream is None else stream
        self._quiet, self._clock, self._first = quiet, clock, done
        self._started = self._written = clock()
        self._terminal = self.stream.isatty()
        self._width = 0
        self._note = ""

    @property
    def seconds(self) -> float:
        """Time since the start."""
        return self._clock() - self._started

    @property
    def rate(self) -> float:
        """Units finished per second in this run; 0 before the first."""
        seconds = self.seconds
        return (self.done - self._first) / seconds if seconds > 0 else 0.0

    @property
    def left(self) -> float | None:
        """Seconds left at this rate; None while nothing can be said."""
        if self.total is None or self.rate <= 0:
            return None
        return max(0, self.total - self.done) / self.rate

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count `count` more as finished; `note` is shown at the end of the line ("loss 0.31")."""
        self.done += count
        self._note = note or self._note
        every = REDRAW_SECONDS if self._terminal else LINE_SECONDS
        if self._clock() - self._written >= every:
            self._write()

    def line(self) -> str:
        """Return the line that is shown."""
        share = f"/{self.total}" if self.total is not None else ""
        parts = [f"{self.what} {self.done}{share} {self.unit}"]
        if self.total:
            parts.append(f"{100 * self.done / self.total:.0f} %")
        if self.rate > 0:
            parts.append(f"{self.rate:.1f} {self.unit}/s")
        if self.left:
            parts.append(f"{clock_text(self.left)} left")
        if self._note:
            parts.append(self._note)
        return ", ".join(parts)

    def close(self) -> None:
        """Write the last line, with the time it all took."""
        self._write(f"{self.line()}, {clock_text(self.seconds)} taken", last=True)

    def _write(self, text: str | None = None, *, last: bool = False) -> None:
        self._written = self._clock()
        if self._quiet:
            return
        text = self.line() if text is None else text
        if self._terminal:
            self.stream.write("\r" + text.ljust(self._width) + ("\n" if last else ""))
            self._width = len(text)
        else:
            self.stream.write(text + "\n")
        self.stream.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
