"""A comparison as a table for people.

axis           items      a      b   change  95 % interval        p   Holm
math            1000  0.412  0.471   +0.059  +0.031 .. +0.087  <.001   .001  better
spatial         2000  0.610  0.604   -0.006  -0.027 .. +0.015   .580      1  no difference seen;
                                                                   one of 0.030 probably would
"""

from collections.abc import Sequence
from typing import Any

from counterfactory.eval.compare import better, worse

HEAD = ("", "units", "a", "b", "change", "95 % interval", "p", "Holm", "")


def table(result: dict[str, Any], *, tasks: bool = False) -> str:
    """Return the table of axes, of single tasks too if wanted, with what was compared above it."""
    lines = [
        f"a  {_card(result['a'])}",
        f"b  {_card(result['b'])}",
        f"{result['suite']}, {result['split']} split, {result['items']} items",
        "",
    ]
    rows = [HEAD, *(_row(name, axis, _verdict(axis)) for name, axis in result["axes"].items())]
    if len(result["axes"]) > 1:
        rows.append(_row("mean of axes", result["mean"], ""))
    if tasks:
        rows += [("",) * len(HEAD), ("tasks (not tested as a family)", *[""] * (len(HEAD) - 1))]
        rows += [_row(name, task, "") for name, task in result["tasks"].items()]
    lines += [_aligned(rows), ""]
    unread = result["parse_failure"]
    lines.append(
        f"unread answers: {unread['a']:.1%} and {unread['b']:.1%} (p {_p(unread['p'])}); "
        "they count as wrong"
    )
    if result["unjudged"]:
        lines.append(f"{result['unjudged']} items that no judge could decide are left out of both")
    if result["regressions"]:
        lines.append(f"worse: {', '.join(result['regressions'])}")
    return "\n".join(lines)


def _card(run: dict[str, Any]) -> str:
    parts = [run["model"], run["out"], f"weights {run['weights_hash'][:12]}"]
    return "  ".join(part for part in parts if part)


def _verdict(axis: dict[str, Any]) -> str:
    if better(axis):
        return "better"
    if worse(axis):
        return "worse"
    return f"within chance; {axis['mde']:.3f} would probably show"


def _row(name: str, facts: dict[str, Any], verdict: str) -> tuple[str, ...]:
    holm = _p(facts["p_holm"]) if "p_holm" in facts else ""
    return (
        name, str(facts["units"]), f"{facts['a']:.3f}", f"{facts['b']:.3f}",
        f"{facts['delta']:+.3f}", f"{facts['low']:+.3f} .. {facts['high']:+.3f}",
        _p(facts["p"]), holm, verdict,
    )  # fmt: skip


def _p(value: float) -> str:
    return "<.001" if value < 0.001 else f"{value:.3f}"


def _aligned(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    last = len(widths) - 1
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, last) else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
