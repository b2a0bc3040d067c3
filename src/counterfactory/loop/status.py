"""`loop status`: what is finished, what was begun, who is at work.

status_of(Path("runs/loop"))
->  {"name": "pocket", "rounds": 3, "rounds_done": 1, "stages": [...], "begun": "round 2 train/reflect",
     "at_work": "process 71 on box, since ...", "promoted": ".../round-01/model/4-reinforce"}
"""

from pathlib import Path
from typing import Any

from counterfactory.loop.engine import BEGUN
from counterfactory.loop.generators import handed_on
from counterfactory.loop.journal import Journal, at_work
from counterfactory.loop.layout import promoted_in, read, recipe_in, rounds_of


def status_of(out: Path) -> dict[str, Any]:
    """Return how far a loop is. Reads only: a loop at work is not disturbed."""
    lines = {(line.round, line.stage): line for line in Journal(out).lines}
    values = recipe_in(out)
    decided = [one for one in rounds_of(out) if (one.number, "gate") in lines and one.decision()]
    begun = [
        f"round {one.number} {read(note).get('stage', note.stem)}"
        for one in rounds_of(out)
        for note in sorted((one.folder / BEGUN).glob("*.json"))
    ]
    handed = handed_on(rounds_of(out))
    return {
        "out": str(out), "name": values.get("name", ""), "rounds": values.get("rounds", 0),
        "rounds_done": len(decided),
        "decisions": [
            {"round": one.number, "promoted": one.promoted, "reason": one.decision().get("reason", "")}
            for one in decided
        ],
        "stages": [
            {"round": line.round, "stage": line.stage, "seconds": line.seconds, "at": line.at}
            for line in lines.values()
        ],
        "generator": str(out / handed.model) if handed else None,
        "begun": ", ".join(begun), "at_work": at_work(out),
        "promoted": promoted_in(out),
    }  # fmt: skip
