"""Text that comes from data, made harmless in Markdown.

    >>> cell("a | b <script>")
    'a \\\\| b &lt;script&gt;'

Captions and names are written by others: no HTML, no new table cells, no new lines, no links.
"""

import html
import re
from collections.abc import Iterable, Sequence

_MARKS = re.compile(r"([\\`*_\[\]{}|~#!])")


def cell(text: object, limit: int = 300) -> str:
    """Return `text` for one table cell or one line."""
    line = " ".join(str(text).split())
    line = line if len(line) <= limit else line[: limit - 3] + "..."
    return html.escape(_MARKS.sub(r"\\\1", line), quote=False)


def code(text: object) -> str:
    """Return `text` as inline code: backticks, bars and line ends in it are replaced."""
    line = " ".join(str(text).split()).replace("`", "'").replace("|", "/")
    return f"`{line}`" if line else ""


def fenced(text: str, language: str = "") -> str:
    """Return `text` as a block of code that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; cells are taken as they are."""
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def number(value: object) -> str:
    """Return a number as people read it: 1,234 and 0.912; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else cell(value)


def squeezed(text: str) -> str:
    """Return the text with at most one empty line in a row, outside of code."""
    lines: list[str] = []
    fence = ""
    for line in text.splitlines():
        ticks = line[: len(line) - len(line.lstrip("`"))]
        if len(ticks) >= 3 and (not fence or line == fence):
            fence = "" if fence else ticks
        if line or fence or (lines and lines[-1]):
            lines.append(line.rstrip() if not fence else line)
    return "\n".join(lines).strip() + "\n"
