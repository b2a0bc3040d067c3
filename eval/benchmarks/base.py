"""What a benchmark is: where its rows lie, which columns they have, and how a row becomes items.

    BENCHMARKS["pope"].hub                    ->  "lmms-lab-encoder/POPE"
    BENCHMARKS["pope"].items_of(row)[0].gold  ->  "yes"

A row is one record of the dataset, images still encoded; `_row`, `_config`, `_split` and `_style`
say where it stood and which wording of the prompt is wanted.
"""

import base64
import binascii
import re
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.items import Item

Row = Mapping[str, Any]
LETTERS = string.ascii_uppercase
BY_LETTER = "\nAnswer with the option's letter from the given choices directly."


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One published benchmark. `size` is its official number of items: fewer is said, never refused."""

    name: str
    title: str
    items_of: Callable[[Row], Sequence[Item]]  # always `parts` of them
    columns: tuple[str, ...]  # that a row must have
    headline: str
    hub: str = ""  # dataset id; empty: it must be converted first, see `converter`
    revision: str = ""  # a commit; empty: not pinned, the one found is recorded with the answers
    folder: str = ""  # below the local folder, when it is not its own name
    configs: tuple[str, ...] = ("",)
    splits: tuple[str, ...] = ("test",)
    keep: tuple[str, str] | None = None  # column and value of the rows that belong to it
    parts: int = 1
    size: int = 0
    axis: str = ""
    metrics: tuple[str, ...] = ()  # beside the headline
    styles: Mapping[str, str] = field(default_factory=dict)  # wording -> what follows the question
    max_tokens: int = 32
    converter: str = ""  # a key of convert.CONVERTERS, for sources that are no parquet
    judge: str = ""  # "safety", "correct" or "pair": what a judge must say; empty: rules suffice
    licence: str = ""
    version: int = 1

    @property
    def style(self) -> str:
        """Return the wording that is used unless another is asked for."""
        return next(iter(self.styles), "")

    @property
    def all_metrics(self) -> tuple[str, ...]:
        """Return the headline and what is reported beside it."""
        return (self.headline, *self.metrics)


def suffix(row: Row, styles: Mapping[str, str]) -> str:
    """Return what the wanted wording adds to the question: the first one unless the row says."""
    return styles[row.get("_style") or next(iter(styles))]


def clean(question: object) -> str:
    """Return a question without image marks of its own and without blanks around it.

    >>> clean("<image>\\nIs there a cat? ")
    'Is there a cat?'
    """
    return re.sub(r"<image(?:[ _]?\d+)?>", "", str(question)).strip()


def letter_of(text: object) -> str:
    """Return the letter of "(B)", "b" or "B.". Raises `UserError` for anything else.

    >>> letter_of("(b)")
    'B'
    """
    found = re.fullmatch(r"\(?([A-Za-z])\)?\.?", str(text).strip())
    if not found:
        raise UserError(f"answer: found {str(text)[:40]!r}, expected a letter such as (B)")
    return found[1].upper()


def lettered(options: Sequence[str], mark: str = "{}. ") -> str:
    """Return options as lines.

    >>> lettered(["red", "blue"], "({}) ")
    '(A) red\\n(B) blue'
    """
    return "\n".join(
        mark.format(letter) + option for letter, option in zip(LETTERS, options, strict=False)
    )


def yes_no(value: object) -> str:
    """Return "yes" or "no" for the ways in which datasets write them. Raises `UserError`."""
    known = {"yes": "yes", "no": "no", "1": "yes", "0": "no", "true": "yes", "false": "no"}
    gold = known.get(str(value).strip().lower().rstrip("."))
    if gold is None:
        raise UserError(f"answer: found {str(value)[:40]!r}, expected yes or no")
    return gold


def picture(row: Row, column: str) -> bytes:
    """Return the encoded image of a cell: bytes, {bytes, path}, base64 text. Raises `UserError`."""
    cell = row[column]
    if isinstance(cell, Mapping):
        if cell.get("bytes"):
            return bytes(cell["bytes"])
        if cell.get("path") and Path(cell["path"]).is_file():
            return Path(cell["path"]).read_bytes()
    elif isinstance(cell, bytes | bytearray) and cell:
        return bytes(cell)
    elif isinstance(cell, str) and cell:
        try:
            return base64.b64decode(cell, validate=True)
        except binascii.Error:
            raise UserError(f"{where(row)}: {column}: neither an image nor base64") from None
    raise UserError(f"{where(row)}: {column}: the image is missing")


def where(row: Row) -> str:
    """Return the place of a row, for messages."""
    parts = (row.get("_config"), row.get("_split"), f"row {row.get('_row', '?')}")
    return " ".join(str(part) for part in parts if part)


def scene(source: object, otherwise: str) -> str:
    """Return the cluster of an image: its COCO number where the file name tells it.

    Photographs of COCO stand in several benchmarks; this way they share a cluster and a split.

    >>> scene("COCO_val2014_000000310196.jpg", "pope:1"), scene("beach.jpg", "pope:1")
    ('coco:310196', 'pope:1')
    """
    found = re.search(r"(?:^|[_/])0{3,}(\d{1,9})(?:\.\w+)?$", str(source or ""))
    return f"coco:{int(found[1])}" if found else otherwise


def sliced(name: str, **facets: object) -> tuple[str, ...]:
    """Return slices: `sliced("pope", kind="dog")` -> ("task:pope", "kind:dog")."""
    return (
        f"task:{name}",
        *(f"{key}:{value}" for key, value in facets.items() if value not in ("", None)),
    )
