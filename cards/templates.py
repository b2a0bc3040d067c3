"""Templates of cards (Markdown, whose filters escape) and of pages (HTML, which Jinja escapes).

    card({"license": "apache-2.0"}, "suite.md.jinja", name="pocket", ...)     ->  "---\nlicense: ..."
    page(Path(__file__).parent / "page.html.jinja", title="region-diff", ...)

What a template wants and is not given is an error, not a gap.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from counterfactory.cards import markdown, methods

FILTERS: dict[str, Callable[..., Any]] = {
    "cell": markdown.cell,
    "code": markdown.code,
    "fenced": markdown.fenced,
    "number": markdown.number,
    "bibtex": methods.bibtex,
}


def card(
    header: Mapping[str, Any], name: str, filters: Mapping[str, Callable[..., Any]] = FILTERS,
    /, **facts: Any,
) -> str:  # fmt: skip
    """Return a card: the header as YAML, then the template of this folder."""
    import yaml

    top = yaml.safe_dump(dict(header), sort_keys=False, allow_unicode=True, width=1_000_000)
    made = _template(Path(__file__).with_name(name), filters, escape=False)
    return f"---\n{top}---\n\n{markdown.squeezed(made.render(**facts))}"


def page(template: Path, /, **facts: Any) -> str:
    """Return an HTML page."""
    return str(_template(template, {}, escape=True).render(**facts))


def _template(path: Path, filters: Mapping[str, Callable[..., Any]], *, escape: bool) -> Any:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(path.parent), autoescape=escape, undefined=jinja2.StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= filters
    environment.globals["table"] = markdown.table
    return environment.get_template(path.name)
