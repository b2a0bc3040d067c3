"""A rule looks at one row and says what a trainer would make of it.

    Rule(columns=["images", "messages"], check=lambda row: ["..."])

Pictures are not read for it: in `images` only their paths are, so that a row says how many it has.
A rule that wants a picture's bytes names the column with a star: "image*".
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.factory.release.contents import scan

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rule:
    """What is read of each row, and what is said of it."""

    columns: tuple[str, ...]
    check: Callable[[Row], Iterable[str]]


Rules = Mapping[str, Rule]  # view -> its rule


def row_problems(folder: Path, view: str, rule: Rule) -> Iterator[tuple[str, str]]:
    """Yield what a rule says of each row of a view."""
    columns = ["id", *(_stored(name) for name in rule.columns)]
    for row in scan(folder, view, columns):
        for problem in rule.check(row):
            yield f"{view}/{row['id']}", problem


def _stored(column: str) -> str:
    """Return the part of a column that is read from the files."""
    if column == "images":
        return "images.list.element.path"
    return column.removesuffix("*")
