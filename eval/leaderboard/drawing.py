"""The pictures of the page as SVG and colours: a dot plot with intervals, cells of a heat map.

    dots(entries, ["spatial", "math"])   ->  "<svg ...>"     one row an axis and entry
    shade(0.37)                          ->  "#f3c9a5"       between bad (0) and good (1)

Names are escaped here, because the SVG goes into the page as it is.
"""

from collections.abc import Sequence
from html import escape

from counterfactory.eval.leaderboard.entries import Entry

PALETTE = (  # Okabe and Ito: told apart by the colour-blind
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f", "#b2a400",
)  # fmt: skip
LEFT, WIDTH, ROW, GAP, TOP = 118, 760, 17, 15, 26
BAD, MIDDLE, GOOD = (203, 96, 60), (243, 236, 214), (44, 132, 104)


def colour(index: int) -> str:
    """Return the colour of entry number `index`."""
    return PALETTE[index % len(PALETTE)]


def dots(entries: Sequence[Entry], axes: Sequence[str]) -> str:
    """Return the plot: 0 to 100 from left to right, a dot and its interval an entry."""
    height = TOP + len(axes) * (len(entries) * ROW + GAP) + 6
    parts = [
        f'<svg class="dots" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-label="score and 95 % interval of each axis and model">'
    ]
    for tick in range(0, 101, 20):
        x = _x(tick / 100)
        parts.append(
            f'<line class="grid" x1="{x:.1f}" y1="{TOP - 6}" x2="{x:.1f}" y2="{height - 6}"/>'
            f'<text class="tick" x="{x:.1f}" y="{TOP - 12}" text-anchor="middle">{tick}</text>'
        )
    for number, axis in enumerate(axes):
        y = TOP + number * (len(entries) * ROW + GAP)
        middle = y + len(entries) * ROW / 2 + 4
        parts.append(
            f'<text class="axis" x="{LEFT - 12}" y="{middle:.1f}" text-anchor="end">{escape(axis)}</text>'
        )
        for place, entry in enumerate(entries):
            parts.append(_dot(entry, axis, place, y + place * ROW + ROW / 2))
    return "".join([*parts, "</svg>"])


def _x(share: float) -> float:
    return LEFT + max(0.0, min(1.0, share)) * (WIDTH - LEFT - 24)


def _dot(entry: Entry, axis: str, place: int, y: float) -> str:
    found = entry.axes.get(axis)
    if not found or found.get("value") is None:
        return ""
    value, low, high = found["value"], found.get("low"), found.get("high")
    ink = colour(place)
    title = f"{entry.name}, {axis}: {100 * value:.1f}"
    line = ""
    if low is not None and high is not None:
        title += f" [{100 * low:.1f}, {100 * high:.1f}]"
        line = (
            f'<line x1="{_x(low):.1f}" y1="{y:.1f}" x2="{_x(high):.1f}" y2="{y:.1f}" '
            f'stroke="{ink}" stroke-width="2.5" stroke-linecap="round" opacity="0.55"/>'
        )
    return (
        f"<g><title>{escape(title)}</title>{line}"
        f'<circle cx="{_x(value):.1f}" cy="{y:.1f}" r="4.6" fill="{ink}"/></g>'
    )


def shade(share: float) -> str:
    """Return the colour of a share: red-brown at 0, sand in the middle, green at 1."""
    share = max(0.0, min(1.0, share))
    a, b, t = (BAD, MIDDLE, share * 2) if share < 0.5 else (MIDDLE, GOOD, share * 2 - 1)
    return "#" + "".join(f"{round(x + (y - x) * t):02x}" for x, y in zip(a, b, strict=True))


def ink_on(share: float) -> str:
    """Return a text colour that can be read on `shade(share)`."""
    return "#ffffff" if share < 0.12 or share > 0.86 else "#1f2430"
