"""What differs between two releases, row by row and column by column.

    found = diff(Path("old"), Path("new"))
    found.views["pairs"].changed     {"4f0c...": ("caption_b", "image_b")}
    str(found)                       the same as lines; as Markdown it goes into CHANGELOG.md

Rows are compared by id. Of each row only a digest a column is held in memory, never a picture.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from counterfactory.factory.release import manifest
from counterfactory.factory.release.contents import contents, scan
from counterfactory.factory.release.views import VIEWS

_BYTES = 8  # of a column's digest
_SHOWN = 10  # rows named in the text; the dict names all
_FIELDS = ("name", "version", "fingerprint", "license", "candidates", "kept", "models", "checks")


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewDiff:
    """What differs in one view."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # id -> columns
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    same: int = 0

    @property
    def empty(self) -> bool:
        """Whether the view is the same in both."""
        return not any(
            (self.added, self.removed, self.changed, self.columns_added, self.columns_removed)
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the diff as JSON types."""
        return {
            "added": list(self.added),
            "removed": list(self.removed),
            "changed": {row: list(columns) for row, columns in self.changed.items()},
            "columns_added": list(self.columns_added),
            "columns_removed": list(self.columns_removed),
            "same": self.same,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseDiff:
    """What differs between release `a` and release `b`."""

    facts: Mapping[str, tuple[Any, Any]]  # field of the manifest -> its value in a and in b
    views: Mapping[str, ViewDiff]

    @property
    def same_data(self) -> bool:
        """Whether every view holds the same rows."""
        return all(view.empty for view in self.views.values())

    def as_dict(self) -> dict[str, Any]:
        """Return the answer of `release diff --json`."""
        return {
            "same_data": self.same_data,
            "facts": {name: {"a": a, "b": b} for name, (a, b) in self.facts.items()},
            "views": {name: view.as_dict() for name, view in self.views.items()},
        }

    def __str__(self) -> str:
        """Return the diff as Markdown lines."""
        return "\n".join(_lines(self)) or "No difference."

    def counts(self) -> str:
        """Return the same without the rows' names."""
        return "\n".join(_lines(self, named=False)) or "No difference."


def diff(a: Path, b: Path) -> ReleaseDiff:
    """Compare two release folders. Raises `UserError` when one is no release."""
    before, after = manifest.read(a), manifest.read(b)
    facts = {
        name: (before.get(name), after.get(name))
        for name in _FIELDS
        if before.get(name) != after.get(name)
    }
    held_a, held_b = contents(a), contents(b)
    views = {
        view: _compare(a, b, view, _names(held_a, view), _names(held_b, view))
        for view in VIEWS
        if view in held_a or view in held_b
    }
    return ReleaseDiff(facts=facts, views=views)


def _compare(a: Path, b: Path, view: str, names_a: list[str], names_b: list[str]) -> ViewDiff:
    shared = [name for name in names_b if name in names_a] or ["id"]
    before = {row["id"]: marks(row, shared) for row in scan(a, view, shared)}
    added: list[str] = []
    changed: dict[str, tuple[str, ...]] = {}
    same = 0
    for row in scan(b, view, shared):
        old = before.pop(row["id"], None)
        if old is None:
            added.append(row["id"])
        elif columns := _differing(old, marks(row, shared), shared):
            changed[row["id"]] = columns
        else:
            same += 1
    whole = bool(names_a and names_b)  # a view that one release lacks has no changed columns
    return ViewDiff(
        added=tuple(added),
        removed=tuple(before),
        changed=changed,
        columns_added=tuple(n for n in names_b if n not in names_a) if whole else (),
        columns_removed=tuple(n for n in names_a if n not in names_b) if whole else (),
        same=same,
    )


def marks(row: Mapping[str, Any], names: list[str]) -> bytes:
    """Return the digests of a row's columns, one after the other.

    `repr` tells values apart exactly: text is quoted, bytes are escaped, floats round-trip.
    """
    return b"".join(blake2b(repr(row[n]).encode(), digest_size=_BYTES).digest() for n in names)


def _differing(old: bytes, new: bytes, names: list[str]) -> tuple[str, ...]:
    if old == new:
        return ()
    places = range(0, len(old), _BYTES)
    return tuple(
        name
        for name, at in zip(names, places, strict=True)
        if old[at : at + _BYTES] != new[at : at + _BYTES]
    )


def _names(held: Mapping[str, Any], view: str) -> list[str]:
    return list(held[view].schema.names) if view in held else []


def _lines(found: ReleaseDiff, *, named: bool = True) -> Iterator[str]:
    for name, (a, b) in found.facts.items():
        if isinstance(a, list | dict) or isinstance(b, list | dict):
            yield f"- {name} changed"
        else:
            yield f"- {name}: {a} -> {b}"
    for name, view in found.views.items():
        if view.empty:
            continue
        yield (
            f"- {name}: {len(view.added):,} rows added, {len(view.removed):,} removed, "
            f"{len(view.changed):,} changed, {view.same:,} the same"
        )
        for title, columns in (("new", view.columns_added), ("gone", view.columns_removed)):
            if columns:
                yield f"  - columns {title}: {', '.join(columns)}"
        if named:
            yield from _named(view)
        for column, count in _by_column(view.changed).items():
            yield f"  - column {column} changed in {count:,} rows"


def _named(view: ViewDiff) -> Iterator[str]:
    for title, rows in (("added", view.added), ("removed", view.removed)):
        if rows:
            yield f"  - {title}: {_some(rows)}"
    for row, columns in list(view.changed.items())[:_SHOWN]:
        yield f"  - changed: {row} ({', '.join(columns)})"


def _some(rows: tuple[str, ...]) -> str:
    more = f" and {len(rows) - _SHOWN:,} more" if len(rows) > _SHOWN else ""
    return ", ".join(rows[:_SHOWN]) + more


def _by_column(changed: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for columns in changed.values():
        for column in columns:
            counts[column] = counts.get(column, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
