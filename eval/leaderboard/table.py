"""The leaderboard as text for a terminal, and as CSV for everything else.

model      average  hallucination      attribute ...
round-1      81.2   84.0 [82.1-85.9]   ...
"""

import csv
import io
from collections.abc import Sequence

from counterfactory.eval.leaderboard.entries import Entry, shown_axes


def text_table(entries: Sequence[Entry]) -> str:
    """Return the table with points of 100 and 95 % intervals, best first."""
    axes = shown_axes(entries)
    head = ["model", "average", *axes, "unparsed"]
    body = [
        [
            entry.name, _points(entry.average), *(_cell(entry, axis) for axis in axes),
            _points(entry.summary.get("parse_failure", {}).get("value")),
        ]
        for entry in entries
    ]  # fmt: skip
    widths = [max(len(row[n]) for row in [head, *body]) for n in range(len(head))]
    lines = [
        "  ".join(
            cell.ljust(w) if n == 0 else cell.rjust(w)
            for n, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [head, *body]
    ]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def csv_table(entries: Sequence[Entry]) -> str:
    """Return one line an entry: value, low and high of every axis and task, as shares of one."""
    axes = shown_axes(entries)
    tasks = sorted({task for entry in entries for task in entry.summary["tasks"]})
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["model", "weights_hash", "suite", "split", "average"]
        + [f"{axis}{end}" for axis in axes for end in ("", "_low", "_high", "_n")]
        + [task for task in tasks]
        + ["parse_failure"]
    )
    for entry in entries:
        s = entry.summary
        row = [entry.name, s.get("weights_hash", ""), s["suite"], s["split"], entry.average]
        for axis in axes:
            found = entry.axes.get(axis, {})
            row += [found.get(key) for key in ("value", "low", "high", "n")]
        row += [s["tasks"].get(task, {}).get("score") for task in tasks]
        writer.writerow(
            [*(_plain(value) for value in row), _plain(s.get("parse_failure", {}).get("value"))]
        )
    return stream.getvalue()


def _plain(value: object) -> object:
    if isinstance(value, str) and value[:1] in "=+-@":
        return f"'{value}"  # a spreadsheet would run it
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def _points(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f}"


def _cell(entry: Entry, axis: str) -> str:
    found = entry.axes.get(axis)
    if not found or found.get("value") is None:
        return "-"
    if found.get("low") is None:
        return _points(found["value"])
    return f"{_points(found['value'])} [{_points(found['low'])}-{_points(found['high'])}]"
