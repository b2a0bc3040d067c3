"""The card of an exported evaluation suite: README.md, with a config a task.

render({"name": "pocket", "version": 1, "configs": {"count_balanced": {"gate": {"rows": 250}}}, ...})

Facts in, text out: no files, no network, no clock.
"""

from collections.abc import Mapping
from typing import Any

from counterfactory.cards import markdown
from counterfactory.cards.dataset import TEMPLATES

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def render(about: Mapping[str, Any]) -> str:
    """Return the card. `about` is suite.json: name, version, configs, harmful (tasks that hold requests)."""
    import jinja2
    import yaml

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=False,  # the filters escape
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    environment.filters |= {
        "cell": markdown.cell, "code": markdown.code, "number": markdown.number,
    }  # fmt: skip
    top = yaml.safe_dump(_header(about), sort_keys=False, allow_unicode=True, width=1_000_000)
    splits = list(dict.fromkeys(split for one in about["configs"].values() for split in one))
    totals = {
        split: sum(one[split]["rows"] for one in about["configs"].values() if split in one)
        for split in splits
    }
    body = environment.get_template("suite.md.jinja").render(**about, splits=splits, totals=totals)
    return f"---\n{top}---\n\n{body.strip()}\n"


def _header(about: Mapping[str, Any]) -> dict[str, Any]:
    rows = sum(part["rows"] for splits in about["configs"].values() for part in splits.values())
    return {
        "license": "apache-2.0",
        "pretty_name": f"The {about['name']} suite",
        "language": ["en"],
        "tags": ["evaluation", "counterfactory"]
        + (["not-for-all-audiences"] if about["harmful"] else []),
        "task_categories": ["visual-question-answering"],
        "size_categories": [next((name for most, name in _SIZES if rows < most), "n>1M")],
        "configs": [
            {
                "config_name": config,
                **({"default": True} if number == 0 else {}),
                "data_files": [
                    {"split": split, "path": f"data/{config}/{split}-*.parquet"} for split in splits
                ],
            }
            for number, (config, splits) in enumerate(about["configs"].items())
        ],
    }
