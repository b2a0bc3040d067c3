"""What a command says: text for people, or with `--json` one object on standard output, alone.

with own_stdout(args.json):            # whatever libraries print goes to standard error
    answer(args, {"ok": True}, "all is well")
"""

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_REAL: list[Any] = []  # standard output as it was when `own_stdout` took it away


@contextlib.contextmanager
def own_stdout(active: bool) -> Iterator[None]:
    """Send descriptor 1 and `sys.stdout` to standard error, children's included, until the end."""
    if not active:
        yield
        return
    real, replaced = sys.stdout, False
    try:
        descriptor = os.dup(real.fileno())
        real.flush()
        os.dup2(2, real.fileno())
        replaced = True
    except (OSError, ValueError):  # not a real file: a test's buffer
        descriptor = -1
    stream = os.fdopen(os.dup(descriptor), "w", encoding="utf-8") if replaced else real
    _REAL.append(stream)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _REAL.pop()
        if replaced:
            stream.close()
            os.dup2(descriptor, real.fileno())
            os.close(descriptor)


def write_json(result: Mapping[str, Any]) -> None:
    """Write one JSON object to the real standard output."""
    stream = _REAL[-1] if _REAL else sys.stdout
    stream.write(json.dumps(result, ensure_ascii=False, allow_nan=False, default=str) + "\n")
    stream.flush()


def answer(args: argparse.Namespace, result: Mapping[str, Any], text: str) -> None:
    """Give the result of a command in the form that was asked for."""
    if args.json:
        write_json(result)
    elif text:
        print(text, flush=True)


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Return rows as aligned columns."""
    if not rows:
        return ""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)
