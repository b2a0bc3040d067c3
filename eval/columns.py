"""Answers as numpy columns: what metrics read. A table of some rows is again a `Columns`.

    columns = read_columns(Path("runs/pocket"))
    columns["verdict"][:3]                    ->  ["correct", "unparsed", "wrong"]
    for name, rows in by_task(columns): ...   # rows: the Columns of one task, in file order

Texts are object arrays, numbers are float64 with NaN for null. The long texts (raw, votes) stay in
the file.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError
from counterfactory.eval.answers import COLUMNS, VERDICTS, read_answers

Columns = dict[str, NDArray[Any]]  # name -> one value a row
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LONG = ("raw", "votes", "error")  # never needed to count
READ = tuple(name for name in COLUMNS if name not in LONG)
_ABSENT: dict[str, Any] = {"string": "", "list": (), "bool": False}


def read_columns(folder: Path) -> Columns:
    """Read the answers of an evaluation folder. Raises `UserError` for a bad or empty file."""
    table = read_answers(folder, READ)
    if not table.num_rows:
        raise UserError(f"{folder / 'answers.parquet'}: no answers in it")
    columns = {}
    for name in READ:
        values = table.column(name)
        if COLUMNS[name] == "list":
            columns[name] = _lists(values.to_pylist())
        elif COLUMNS[name] in _ABSENT:
            values = values.fill_null(_ABSENT[COLUMNS[name]])
            columns[name] = values.to_numpy(zero_copy_only=False)
        else:
            columns[name] = values.to_numpy(zero_copy_only=False).astype(np.float64)
    if wrong := sorted(set(columns["verdict"]) - set(VERDICTS)):
        raise UserError(
            f"{folder / 'answers.parquet'}: verdict: found {wrong[0]!r}, "
            f"expected one of {', '.join(VERDICTS)}"
        )
    return columns


def columns_of(rows: Iterable[Mapping[str, Any]]) -> Columns:
    """Return rows (of any of the columns) as columns; what a row does not say is empty."""
    rows = list(rows)
    columns = {}
    for name in READ:
        kind = COLUMNS[name]
        values = [row.get(name) for row in rows]
        values = [_ABSENT.get(kind) if value is None else value for value in values]
        if kind == "list":
            columns[name] = _lists(values)
        elif kind == "string":
            columns[name] = np.array(values, dtype=object)
        else:
            columns[name] = np.array(values, dtype=np.bool_ if kind == "bool" else np.float64)
    return columns


def _lists(values: Sequence[Sequence[str] | None]) -> NDArray[Any]:
    lists = np.empty(len(values), dtype=object)
    lists[:] = [tuple(value or ()) for value in values]
    return lists


def take(columns: Columns, rows: NDArray[Any]) -> Columns:
    """Return some rows, by number or by mask."""
    return {name: values[rows] for name, values in columns.items()}


def size(columns: Columns) -> int:
    """Return the number of rows."""
    return len(columns["verdict"])


def codes(*keys: Iterable[Any]) -> tuple[Ints, int]:
    """Return a number for each row, equal where all keys are, and how many there are.

    >>> codes(["b", "a", "b"])
    (array([0, 1, 0]), 2)
    """
    seen: dict[Any, int] = {}
    values: Iterable[Any] = keys[0] if len(keys) == 1 else zip(*keys, strict=True)
    found = [seen.setdefault(value, len(seen)) for value in values]
    return np.array(found, dtype=np.int64), len(seen)


def by_task(columns: Columns) -> dict[str, Columns]:
    """Return each task's rows, tasks in the order in which the file names them first."""
    numbers, count = codes(columns["task"])
    order = np.argsort(numbers, kind="stable")
    bounds = np.searchsorted(numbers[order], np.arange(count + 1))
    parts = [order[low:high] for low, high in zip(bounds[:-1], bounds[1:], strict=True)]
    return {str(columns["task"][rows[0]]): take(columns, rows) for rows in parts}
