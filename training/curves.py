"""curves.png: loss, reward, cost and multiplier over the steps, one small panel each.

draw([{"step": 1, "loss": 2.1, "reward": 0.2}, ...], Path("runs/a/curves.png"))
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

SHOWN = ("loss", "reward", "cost", "multiplier", "entropy", "accuracy", "share", "kl")
MOST = 9


def shown(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names that get a panel: the loss first, then what a method adds."""
    names = dict.fromkeys(name for line in lines for name in line)
    chosen = [name for name in names if any(part in name.lower() for part in SHOWN)]
    return sorted(chosen, key=lambda name: (name != "loss", chosen.index(name)))[:MOST]


def draw(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the curves of a record; nothing when it is empty."""
    names = shown(lines)
    if not names:
        return
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = min(3, len(names))
    rows = math.ceil(len(names) / columns)
    figure = Figure(figsize=(4.2 * columns, 2.8 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, name in enumerate(names, 1):
        points = [(line["step"], line[name]) for line in lines if name in line]
        steps, values = [p[0] for p in points], [p[1] for p in points]
        panel = figure.add_subplot(rows, columns, place)
        panel.plot(steps, values, color="#9db7d5", linewidth=0.8)
        panel.plot(steps, smooth(values), color="#1f4e8c", linewidth=1.6)
        panel.set_title(name, fontsize=9, loc="left")
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.25)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
        if place > len(names) - columns:
            panel.set_xlabel("step", fontsize=8)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def smooth(values: Sequence[float]) -> list[float]:
    """Return a moving average that starts at the first value.

    >>> smooth([1.0, 1.0, 1.0])
    [1.0, 1.0, 1.0]
    """
    found: list[float] = []
    for value in values:
        found.append(0.9 * found[-1] + 0.1 * value if found else value)
    return found
