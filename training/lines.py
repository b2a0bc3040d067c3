"""training.jsonl, read: a line a step, as a run writes them (record.py). Light: nothing heavy loads.

read(folder / LINES)[-1]      {"step": 240, "loss": 0.3714, "lr": 0.0002, "seconds": 0.38, ...}
final(read(folder / LINES))   {"loss": 0.3802}, the mean of the last tenth
"""

import json
from pathlib import Path
from typing import Any

LINES = "training.jsonl"


def read(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a record; none where there is none. A line that a kill cut short ends it."""
    found: list[dict[str, Any]] = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
        except ValueError:
            break
        if not isinstance(line, dict):
            break
        found.append(line)
    return found


def final(lines: list[dict[str, Any]], share: float = 0.1) -> dict[str, float]:
    """Return the mean of each number over the last tenth of the steps."""
    last = lines[-max(1, round(len(lines) * share)) :]
    names = [name for name in last[-1] if name not in ("step", "seconds", "lr")] if last else []
    found = {name: [line[name] for line in last if name in line] for name in names}
    return {name: sum(values) / len(values) for name, values in found.items()}
