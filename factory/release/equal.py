"""What differs between two rows of a view: values by their place, pictures by their pixels.

    list(differences({"boxes": [[0.1, 0.2]]}, {"boxes": [[0.1, 0.3]]}))
    -> [{"column": "boxes.0.1", "found": "0.2", "made": "0.3"}]

A picture that differs tells by how much at most, 1 to 255, and in how many pixels: `largest`, `pixels`.
"""

from collections.abc import Iterator, Mapping
from os.path import commonprefix
from typing import Any

import numpy as np

from counterfactory.errors import RowError
from counterfactory.images import decode
from counterfactory.records import Pixels

Difference = dict[str, Any]

SHOWN = 80  # characters of a value
BEFORE = 20  # characters shown before the first that differs


def differences(found: Any, made: Any, column: str = "") -> Iterator[Difference]:
    """Yield what differs, the dotted place of each value as its `column`."""
    if _is_picture(found) and _is_picture(made):
        yield from _of_pictures(found["bytes"] or b"", made["bytes"] or b"", column)
    elif isinstance(found, Mapping) and isinstance(made, Mapping) and found.keys() == made.keys():
        for name in found:
            yield from differences(found[name], made[name], f"{column}.{name}" if column else name)
    elif isinstance(found, list) and isinstance(made, list) and len(found) == len(made):
        for place, (one, other) in enumerate(zip(found, made, strict=True)):
            yield from differences(one, other, f"{column}.{place}")
    elif found != made:
        texts = _text(found), _text(made)
        start = max(0, len(commonprefix(texts)) - BEFORE)
        yield {"column": column, "found": _short(texts[0], start), "made": _short(texts[1], start)}


def _of_pictures(found: bytes, made: bytes, column: str) -> Iterator[Difference]:
    if found == made:
        return
    one, other = _pixels(found), _pixels(made)
    told = {"column": column, "found": _size(one), "made": _size(other)}
    if one is None or other is None or one.shape != other.shape:
        yield told
        return
    gaps = np.abs(one.astype(np.int16) - other).max(axis=-1)
    if gaps.any():
        yield told | {"largest": int(gaps.max()), "pixels": int((gaps > 0).sum())}


def _is_picture(value: Any) -> bool:
    return isinstance(value, Mapping) and value.keys() == {"bytes", "path"}


def _pixels(data: bytes) -> Pixels | None:
    try:
        return decode(data)
    except RowError:
        return None


def _size(pixels: Pixels | None) -> str:
    return (
        "no readable picture" if pixels is None else f"{pixels.shape[1]} x {pixels.shape[0]} pixels"
    )


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "nothing"
    if isinstance(value, list):
        return f"{len(value)} values"
    return "a picture" if _is_picture(value) else str(value)


def _short(text: str, start: int) -> str:
    """Return the part of a text from `start` on, with dots where it is cut."""
    part = text[start : start + SHOWN]
    return ("..." if start else "") + part + ("..." if start + SHOWN < len(text) else "")
