"""report.html: one page of a whole loop, that loads nothing and runs no script.

    write_report(Path("runs/loop"))      -> runs/loop/report.html

Axes over rounds, what each round found, made, taught and decided, what it cost, and which failure led
to which rows and model. Whatever is not there yet, or was never made, is said in its place.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from counterfactory.cards import templates
from counterfactory.errors import UserError
from counterfactory.factory.run.disk import write_whole
from counterfactory.loop.layout import PROMOTED, RECIPE, REPORT, Round, read, recipe_in, rounds_of
from counterfactory.loop.report_charts import Point, axis_chart
from counterfactory.loop.report_costs import costs_of
from counterfactory.loop.report_rounds import points, round_facts

TEMPLATE = "report.html.jinja"


def write_report(out: Path) -> Path:
    """Write the report of a loop's folder and return its path."""
    if not out.is_dir():
        raise UserError(f"{out}: found no such folder, expected one of `counterfactory loop run`")
    write_whole(out / REPORT, page(out).encode())
    return out / REPORT


def page(out: Path) -> str:
    """Return the page."""
    rounds = rounds_of(out)
    recipe = _recipe(out)
    facts = [round_facts(one, rounds) for one in rounds]
    return templates.page(
        Path(__file__).with_name(TEMPLATE), name=str(recipe.get("name") or out.name),
        model=str(recipe.get("model", "")),
        asked=recipe.get("rounds"), arm=str(recipe.get("focus", "mined")), seed=recipe.get("seed", 0),
        suite=str(recipe.get("suite", "")), rounds=facts, axes=axes_over(rounds),
        table=axes_table(rounds), promoted=_promoted(out, rounds),
        costs=costs_of(out, rounds),
    )  # fmt: skip


def axes_over(rounds: Sequence[Round]) -> list[dict[str, str]]:
    """Return a chart of each axis: where the loop started, then every round that was measured."""
    measured = _measured(rounds)
    names = dict.fromkeys(axis for _, summary, _ in measured for axis in summary.get("axes", {}))
    found = []
    for axis in names:
        dots = [
            Point(name, float(one["value"]), one.get("low"), one.get("high"), kept)
            for name, summary, kept in measured
            if (one := summary.get("axes", {}).get(axis)) and one.get("value") is not None
        ]
        if dots:
            now = next((dot.value for dot in reversed(dots) if dot.kept), None)
            found.append({"name": axis, "chart": axis_chart(dots, axis), "now": points(now)})
    return found


def axes_table(rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the same in figures."""
    measured = _measured(rounds)
    names = list(
        dict.fromkeys(axis for _, summary, _ in measured for axis in summary.get("axes", {}))
    )
    rows = [
        {
            "name": name,
            "kept": kept,
            "cells": [_cell(summary.get("axes", {}).get(axis)) for axis in names],
        }
        for name, summary, kept in measured
    ]
    return {"axes": names, "rows": rows}


def _measured(rounds: Sequence[Round]) -> list[tuple[str, dict[str, Any], bool]]:
    """Return (name, summary, promoted) of the evaluations on the gate split, in order."""
    found = []
    for one in rounds:
        if before := read(one.before / "summary.json"):
            found.append(("start", before, True))
        if after := read(one.after / "summary.json"):
            found.append((f"round {one.number}", after, one.promoted))
    return found


def _cell(found: dict[str, Any] | None) -> dict[str, str]:
    if not found or found.get("value") is None:
        return {"value": "–", "interval": ""}
    low, high = found.get("low"), found.get("high")
    interval = "" if low is None or high is None else f"{points(low)} – {points(high)}"
    return {"value": points(found["value"]), "interval": interval}


def _promoted(out: Path, rounds: Sequence[Round]) -> str:
    """Return the promoted model, below the loop's folder; "" when every round was rejected."""
    last = next((one for one in reversed(rounds) if one.promoted), None)
    if last is None:
        return ""
    told = f"{last.folder.name}/{last.decision().get('model', '')}"
    return str(read(out / PROMOTED).get("model") or told)


def _recipe(out: Path) -> dict[str, Any]:
    return recipe_in(out) if (out / RECIPE).is_file() else {}
