"""The leaderboard as one HTML file: no script, nothing loaded from anywhere, pictures inside.

    Path("board/leaderboard.html").write_text(page(read_entries(folders)))

Every text is escaped by the template; the page's own policy forbids it to load anything.
"""

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterfactory.cards import templates
from counterfactory.eval.items import AXES
from counterfactory.eval.leaderboard.drawing import colour, dots, ink_on, shade
from counterfactory.eval.leaderboard.entries import Entry, shown_axes

MOST_SLICES = 24
MOST_FAILURES = 12  # of each model
MOST_TEXT = 400  # characters of an answer


def page(entries: Sequence[Entry]) -> str:
    """Return the page."""
    axes = shown_axes(entries)
    first = entries[0].summary
    return templates.page(
        Path(__file__).with_name("page.html.jinja"),
        title=f"{first['suite']} · {first['split']}",
        summary=f"{len(entries)} model{'s' * (len(entries) > 1)}, {_items(first):,} items each",
        axes=axes,
        names=[entry.name for entry in entries],
        rows=[_row(entry, axes, place) for place, entry in enumerate(entries)],
        plot=dots(entries, axes),
        heat=heat(entries),
        tasks=_tasks(entries),
        failures=[
            {"name": entry.name, "cases": cases}
            for entry in entries
            if (cases := failures(entry.folder))
        ],
    )


def _items(summary: dict[str, Any]) -> int:
    return sum(int(task.get("n") or 0) for task in summary["tasks"].values())


def _row(entry: Entry, axes: Sequence[str], place: int) -> dict[str, Any]:
    s = entry.summary
    weights = str(s.get("weights_hash", ""))
    return {
        "name": entry.name, "colour": colour(place), "average": _points(entry.average),
        "hash": weights[:12] if len(weights) > 12 else "", "weights": weights,
        "cells": [_cell(entry.axes.get(axis, {})) for axis in axes],
        "unparsed": _points(s.get("parse_failure", {}).get("value")), "items": f"{_items(s):,}",
        "asked": f"{s['run']['asked']:,}", "seconds": f"{s['run']['seconds']:,.0f}",
        "selection": s["run"]["select"],
    }  # fmt: skip


def _points(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _cell(found: dict[str, Any], key: str = "value") -> dict[str, str]:
    low, high = found.get("low"), found.get("high")
    interval = "" if low is None or high is None else f"{_points(low)} – {_points(high)}"
    return {"value": _points(found.get(key)), "interval": interval}


def _tasks(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return each task's headline metric for every model, tasks of one axis together."""
    order = {axis: number for number, axis in enumerate(AXES)}
    found = {name: task for entry in entries for name, task in entry.summary["tasks"].items()}
    names = sorted(found, key=lambda n: (order.get(found[n].get("axis", ""), len(order)), n))
    lines = []
    for name in names:
        metric = str(found[name].get("headline", ""))
        cells = [
            _cell(e.summary["tasks"].get(name, {}).get("metrics", {}).get(metric, {}))
            for e in entries
        ]
        lines.append({"task": name, "metric": metric, "cells": cells})
    return lines


def heat(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Return the slices with most error mass over all models: items times error."""
    found: list[dict[str, Any]] = [entry.summary.get("slices", {}) for entry in entries]
    names = dict.fromkeys(name for table in found for name in table)

    def mass(name: str) -> float:
        return sum(t[name]["n"] * (1 - t[name]["accuracy"]) for t in found if name in t)

    lines = []
    for name in sorted(sorted(names, key=mass, reverse=True)[:MOST_SLICES]):
        n = next(table[name]["n"] for table in found if name in table)
        cells = [_heat_cell(table.get(name)) for table in found]
        lines.append({"slice": name.replace(":", ": "), "n": f"{n:,}", "cells": cells})
    return lines


def _heat_cell(found: dict[str, Any] | None) -> dict[str, str]:
    if not found:
        return {"value": "–", "back": "transparent", "ink": "inherit", "title": "not asked"}
    value = float(found["accuracy"])
    title = f"{found['n']} items"
    if found.get("low") is not None:
        title += f", {_points(found['low'])} to {_points(found['high'])}"
    return {"value": _points(value), "back": shade(value), "ink": ink_on(value), "title": title}


def failures(folder: Path) -> list[dict[str, Any]]:
    """Return some wrong answers with their pictures, as `eval run` kept them; none if it did not."""
    import pyarrow.parquet as pq

    path = folder / "failures.parquet"
    if not path.is_file():
        return []
    rows = pq.read_table(path).to_pylist()
    by_task: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        by_task.setdefault(row["task"], []).append(row)
    spread = [
        task_rows[turn]
        for turn in range(max(map(len, by_task.values()), default=0))
        for task_rows in by_task.values()
        if turn < len(task_rows)
    ]
    return [_case(row) for row in spread[:MOST_FAILURES]]


def _case(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "task": row["task"], "verdict": row["verdict"], "prompt": row["prompt"],
        "raw": _cut(row["raw"]) or "(empty)", "gold": f"right: {_cut(row['gold'])}",
        "images": [_uri(image) for image in row["images"]],
    }  # fmt: skip


def _cut(text: str) -> str:
    return text if len(text) <= MOST_TEXT else text[:MOST_TEXT] + " …"


def _uri(image: bytes) -> str:
    kind = "jpeg" if image[:2] == b"\xff\xd8" else "webp" if image[8:12] == b"WEBP" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(image).decode('ascii')}"
