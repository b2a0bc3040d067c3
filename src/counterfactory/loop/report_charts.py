"""Charts of the report as SVG: axes over rounds with their intervals, and training curves.

    axis_chart([Point("start", 0.52, 0.49, 0.55, True), Point("round 1", 0.71, 0.68, 0.74, True)])
    curve(["1", "2", "3"], [0.1, 0.4, 0.6])           -> "<svg ...>"

Colours are CSS variables of the page, so that the same drawing serves light, dark and paper. Every
text is escaped here, for an SVG goes into the page as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDE, HIGH, LEFT, RIGHT, TOP, FOOT = 320, 150, 58, 12, 12, 24
MOST_POINTS = 160


@dataclass(frozen=True, slots=True)
class Point:
    """One measured value; scores are 0..1."""

    name: str
    value: float
    low: float | None
    high: float | None
    kept: bool  # the model was promoted


def axis_chart(points: Sequence[Point], label: str) -> str:
    """Return a chart of scores: dots with intervals, hollow where a round was rejected."""
    bounds = [v for p in points for v in (p.value, p.low, p.high) if v is not None]
    if not bounds:
        return ""
    low, high = _frame(min(bounds), max(bounds))
    parts = [_open(f"{label} over rounds, score and 95 % interval"), _grid(low, high)]
    spot = [_along(at, len(points)) for at in range(len(points))]
    trail = [(x, _height(p.value, low, high)) for x, p in zip(spot, points, strict=True) if p.kept]
    parts.append(_line(trail, "trail"))
    for x, point in zip(spot, points, strict=True):
        y, title = _height(point.value, low, high), f"{point.name}: {100 * point.value:.1f}"
        bar = ""
        if point.low is not None and point.high is not None:
            title += f" [{100 * point.low:.1f}, {100 * point.high:.1f}]"
            ends = _height(point.low, low, high), _height(point.high, low, high)
            bar = f'<line class="bar" x1="{x:.1f}" x2="{x:.1f}" y1="{ends[0]:.1f}" y2="{ends[1]:.1f}"/>'
        title += "" if point.kept else ", rejected"
        kind = "dot" if point.kept else "dot hollow"
        parts.append(
            f'<g><title>{escape(title)}</title>{bar}<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/></g>'
            f'<text class="tick" x="{x:.1f}" y="{HIGH - 7}" text-anchor="middle">{escape(point.name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def curve(steps: Sequence[float], values: Sequence[float], label: str) -> str:
    """Return a line over steps; long series are averaged down."""
    if len(values) < 2:
        return ""
    steps, values = thin(steps), thin(values)
    low, high = min(values), max(values)
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    first, last = steps[0], steps[-1]
    across = (WIDE - LEFT - RIGHT) / max(1e-9, last - first)
    line = [
        (LEFT + (step - first) * across, _height(value, low, high))
        for step, value in zip(steps, values, strict=True)
    ]
    ends = "".join(
        f'<text class="tick" x="{x}" y="{HIGH - 7}" text-anchor="{anchor}">{step:g}</text>'
        for x, anchor, step in ((LEFT, "start", round(first)), (WIDE - RIGHT, "end", round(last)))
    )
    return "".join(
        [_open(label), _grid(low, high, scale=1.0), _line(line, "curve"), ends, "</svg>"]
    )


def thin(values: Sequence[float]) -> list[float]:
    """Return at most `MOST_POINTS` means of equal stretches."""
    size = max(1, -(-len(values) // MOST_POINTS))
    parts = [values[at : at + size] for at in range(0, len(values), size)]
    return [sum(part) / len(part) for part in parts]


def _frame(low: float, high: float) -> tuple[float, float]:
    """Return bounds on tens of points, at least twenty points apart, within 0..1."""
    low, high = int(low * 10) / 10, min(1.0, -int(-high * 10 // 1) / 10)
    while high - low < 0.2:
        low, high = max(0.0, low - 0.1), min(1.0, high + 0.1)
    return low, high


def _open(label: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-label="{escape(label)}">'
    )


def _grid(low: float, high: float, scale: float = 100.0) -> str:
    parts = []
    for share in (0.0, 0.5, 1.0):
        value = low + share * (high - low)
        y = _height(value, low, high)
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDE - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value * scale:.3g}</text>'
        )
    return "".join(parts)


def _line(points: Sequence[tuple[float, float]], kind: str) -> str:
    return f'<polyline class="{kind}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in points)}"/>'


def _along(at: int, count: int) -> float:
    room = WIDE - LEFT - RIGHT
    return LEFT + room * (at + 0.5) / count


def _height(value: float, low: float, high: float) -> float:
    return TOP + (HIGH - TOP - FOOT) * (1 - (value - low) / (high - low))
