"""Slices in parts that a build can serve: one task family each, and whether answers cannot be read.

    parts_of(mined, columns)
    ->  [Part(of="yes-or-no questions, shifted scenes", slice=Slice("... (binding)", ("asks:yes_no",
         "variant:shifted", "task:binding", "verdict:unparsed"), items=276, errors=250, ...)), ...]

A slice without a task ("every yes-or-no question on such scenes") is split by the tasks that its wrong
items are of. `verdict:unparsed` is added where most wrong answers could not be read at all: it is the
wording that the model fails at, and other wordings teach more than other pictures. A slice of a published
benchmark is split by what its items are about (families.py).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.answers import UNPARSED
from counterfactory.eval.columns import Columns
from counterfactory.eval.counting import truth
from counterfactory.loop.families import families_of, is_benchmark
from counterfactory.loop.serving import UNREAD, family_of
from counterfactory.loop.slices import Mined, Slice

SMALL = 0.08  # of a slice's errors: a family with less is no part of its own
MOSTLY = 0.5


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a mined slice; `of` is the slice's name."""

    of: str
    slice: Slice


def parts_of(mined: Mined, columns: Columns | None = None) -> list[Part]:
    """Return the parts of all slices. Without the answers, what slices.json says of labels must do."""
    if columns is None:
        return [Part(one.name, part) for one in mined.slices for part in _told(one)]
    errors = np.nan_to_num(1 - truth(columns))
    return [
        Part(one.name, part)
        for one, rows in zip(mined.slices, mined.members(columns), strict=True)
        for part in _counted(one, np.flatnonzero(rows), errors, columns)
    ]


def _told(one: Slice) -> Iterator[Slice]:
    """Split by the shares that mining noted; labels of different kinds overlap, those of families do not."""
    tasks = {label: share for label, share in one.focus if label.startswith("task:")}
    families = {label: share for label, share in tasks.items() if "_" not in label}
    if family_of(one.conditions) is not None or not families:
        yield one
        return
    for label, share in families.items():
        if share >= SMALL:
            yield _part(one, label, share, round(one.items * share), round(one.errors * share))


def _counted(
    one: Slice, rows: NDArray[np.intp], errors: NDArray[np.float64], columns: Columns
) -> Iterator[Slice]:
    wrong, items, unread = (Counter[str]() for _ in range(3))
    for row in rows:
        for label in families_of(columns["slices"][row]):
            items[label] += 1
            wrong[label] += errors[row]  # may be a fraction
            unread[label] += columns["verdict"][row] == UNPARSED
    total = float(errors[rows].sum())
    served = _without_benchmark(one) if wrong else one
    if family_of(served.conditions) is not None or not wrong or not total:
        bad = int((columns["verdict"][rows] == UNPARSED).sum())
        yield _marked(served, bad, total)
        return
    for label in sorted(wrong, key=lambda name: (-wrong[name], name)):
        share = float(wrong[label]) / total
        if share >= SMALL:
            part = _part(served, label, share, items[label], round(float(wrong[label])))
            yield _marked(part, unread[label], float(wrong[label]))


def _part(one: Slice, label: str, share: float, items: int, errors: int) -> Slice:
    return replace(
        one, name=f"{one.name} ({label.removeprefix('task:')})", conditions=(*one.conditions, label),
        items=items, errors=errors, mass=one.mass * share, excess=one.excess * share, low=one.low * share,
    )  # fmt: skip


def _marked(one: Slice, unread: int, errors: float) -> Slice:
    if not errors or unread / errors <= MOSTLY:
        return one
    return replace(one, conditions=(*one.conditions, UNREAD))


def _without_benchmark(one: Slice) -> Slice:
    """Return a slice of a benchmark without its name: what its items are about decides who serves it."""
    kept = tuple(name for name in one.conditions if not is_benchmark(name))
    return replace(one, conditions=kept)
