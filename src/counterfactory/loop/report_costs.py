"""What a loop has cost: seconds of every stage, tokens trained on, questions asked, what builds made.

costs_of(out, rounds)["rounds"][0]
->  {"number": 1, "seconds": "412", "tokens": "957,080", "asked": "10,240", "made": "1,890", "edited": "627",
     "stages": [...]}
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import Round, read
from counterfactory.loop.report_rounds import releases
from counterfactory.training.lines import LINES
from counterfactory.training.lines import read as lines_of

EDITS = ("edit", "edit_classical")  # each passes on what the other one edits


def costs_of(out: Path, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return costs by round, and their sum in seconds."""
    lines = {(line.round, line.stage): line for line in Journal(out).lines}
    found, total = [], 0.0
    for one in rounds:
        stages = [line for line in lines.values() if line.round == one.number]
        seconds = sum(line.seconds for line in stages)
        total += seconds
        longest = max((line.seconds for line in stages), default=1.0) or 1.0
        found.append({
            "number": one.number, "seconds": f"{seconds:,.0f}", "tokens": f"{_tokens(one):,}",
            "asked": f"{_asked(one):,}", "made": f"{_made(one):,}",
            "edited": f"{_edited(one):,}",
            "stages": [
                {"name": line.stage, "seconds": f"{line.seconds:,.1f}", "share": 100 * line.seconds / longest}
                for line in stages
            ],
        })  # fmt: skip
    return {"rounds": found, "seconds": f"{total:,.0f}", "known": bool(lines)}


def _tokens(one: Round) -> int:
    """Return the tokens that the round's trainings read."""
    folders = one.models.glob("*") if one.models.is_dir() else ()
    return sum(
        counted([line["num_tokens"] for line in lines_of(folder / LINES) if "num_tokens" in line])
        for folder in folders
    )


def counted(readings: Sequence[float]) -> int:
    """Return what a counter has counted that starts anew at times.

    >>> counted([10, 20, 5, 15])
    35
    """
    ends = [was for was, now in pairwise(readings) if now < was]
    return int(sum(ends) + sum(readings[-1:]))


def _asked(one: Round) -> int:
    """Return the questions that evaluations put, each with its picture."""
    summaries = [read(folder / "summary.json") for folder in (one.mine, one.before, one.after)]
    return sum(int(summary.get("items", 0)) for summary in summaries)


def _made(one: Round) -> int:
    """Return the candidates that builds made."""
    return sum(
        int(read(folder / "manifest.json").get("candidates", 0)) for _, folder in releases(one)
    )


def _edited(one: Round) -> int:
    """Return the pictures that builds edited: the second ones of pairs."""
    funnels = (read(folder / "manifest.json").get("funnel", ()) for _, folder in releases(one))
    return sum(
        min((int(step["out"]) for step in funnel if step["stage"] in EDITS), default=0)
        for funnel in funnels
    )
