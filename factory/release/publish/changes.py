"""What differs from the version before, for card and changelog: counts first, then rows.

- pairs: 120 rows added, 14 removed, 3 changed, 1,300 the same
- sft is new: 4,311 rows
- columns new in clip: neg_image
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from counterfactory.cards.markdown import cell, code
from counterfactory.factory.release import manifest
from counterfactory.factory.release.diff import ReleaseDiff, diff

MOST = 4 * 10**9  # bytes of the version before that are fetched to compare rows
_FACTS = ("name", "fingerprint", "license", "models", "checks")


def summary(
    before: Path, old: Mapping[str, Any], after: Path, new: Mapping[str, Any], place: Path
) -> str:
    """Return what differs, given what was fetched of the version before into `before`.

    Of views that are not there in `before` only the manifests are compared.
    """
    return "\n".join(_lines(before, old, after, new, place)) or "- no row differs"


def _lines(
    before: Path, old: Mapping[str, Any], after: Path, new: Mapping[str, Any], place: Path
) -> Iterator[str]:
    fetched = {view for view in old["views"] if (before / "data" / view).is_dir()}
    found = _diff(before, old, after, new, fetched, place) if fetched else None
    yield f"- since {code(old.get('version', ''))}"
    for name in _FACTS:
        if old.get(name) != new.get(name):
            plain = not isinstance(new.get(name), list | dict)
            yield f"- {cell(name)}" + (
                f": {code(_short(old.get(name)))} → {code(_short(new.get(name)))}" if plain else " changed"
            )  # fmt: skip
    for view in {**new["views"], **old["views"]}:
        yield from _view(view, old["views"].get(view), new["views"].get(view), found)


def _view(
    view: str, old: Mapping[str, Any] | None, new: Mapping[str, Any] | None,
    found: ReleaseDiff | None,
) -> Iterator[str]:  # fmt: skip
    if old is None and new is not None:
        yield f"- {code(view)} is new: {new['rows']:,} rows"
        return
    if new is None and old is not None:
        yield f"- {code(view)} is gone: it had {old['rows']:,} rows"
        return
    assert old is not None and new is not None
    columns = _columns(view, old, new)
    same = [f["sha256"] for f in old["files"]] == [f["sha256"] for f in new["files"]]
    told = found.views.get(view) if found else None
    if same:
        yield f"- {code(view)}: the same {new['rows']:,} rows"
    elif told is not None:
        yield (
            f"- {code(view)}: {len(told.added):,} rows added, {len(told.removed):,} removed, "
            f"{len(told.changed):,} changed, {told.same:,} the same"
        )
    else:
        yield f"- {code(view)}: {old['rows']:,} rows before, {new['rows']:,} now"
    yield from columns


def _columns(view: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    a, b = old.get("columns") or [], new.get("columns") or []
    pairs = (("new", [n for n in b if n not in a]), ("gone", [n for n in a if n not in b]))
    return [f"  - columns {word}: {', '.join(map(code, names))}" for word, names in pairs if names]


def _diff(
    before: Path, old: Mapping[str, Any], after: Path, new: Mapping[str, Any],
    views: set[str], place: Path,
) -> ReleaseDiff:  # fmt: skip
    """Compare the rows of some views, through two folders that hold these alone."""
    sides = {"a": (before, old), "b": (after, new)}
    for name, (folder, held) in sides.items():
        (place / name / "data").mkdir(parents=True)
        manifest.write(place / name, held)
        for view in views:
            if (folder / "data" / view).is_dir():
                (place / name / "data" / view).symlink_to((folder / "data" / view).absolute())
    return diff(place / "a", place / "b")


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) == 64 else text
