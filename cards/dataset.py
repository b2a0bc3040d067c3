"""The card of a release: README.md, with the YAML that the Hub and `datasets` read on top.

    render({"license": "apache-2.0", "configs": [...]}, {"title": "Region differences", ...})

Facts in, text out: no files, no network, no clock. Every text that comes from data or from a recipe
passes `cell`, `code` or `fenced` in the template, so that it cannot become markup.
"""

from collections.abc import Mapping
from typing import Any

from counterfactory.cards import markdown
from counterfactory.cards.templates import FILTERS, card

MOST = 100  # entries of a source's list that the card shows; the manifest holds all


def render(header: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """Return the card. A fact that the template wants and `body` lacks is an error, not a gap."""
    return card(
        header,
        "dataset.md.jinja",
        FILTERS | {"size": size, "plain": plain, "listed": listed},
        **body,
    )


def size(count: int) -> str:
    """Return a number of bytes as people read it.

    >>> size(12_345_678)
    '12.3 MB'
    """
    for unit, worth in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= worth:
            return f"{count / worth:.1f} {unit}"
    return f"{count} B"


def plain(source: Mapping[str, Any]) -> str:
    """Return what a source says of itself in single values, on one line."""
    values = {key: value for key, value in source.items() if not isinstance(value, list | tuple)}
    return "; ".join(f"{markdown.cell(k)}: {markdown.cell(v, 600)}" for k, v in values.items())


def listed(source: Mapping[str, Any]) -> list[tuple[str, tuple[list[str], list[list[str]]]]]:
    """Return what a source lists (its files, their licences and credits) as name, head and rows."""
    tables = []
    for name, value in source.items():
        if isinstance(value, list | tuple) and value and all(isinstance(v, Mapping) for v in value):
            keys = list(dict.fromkeys(key for row in value for key in row))
            rows = [[markdown.cell(row.get(key, "")) for key in keys] for row in value[:MOST]]
            tables.append((name, ([markdown.cell(key) for key in keys], rows)))
        elif isinstance(value, list | tuple) and value:
            tables.append(
                (name, ([markdown.cell(name)], [[markdown.cell(v)] for v in value[:MOST]]))
            )
    return tables
