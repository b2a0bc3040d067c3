"""The card of an exported evaluation suite: README.md, with a config a task.

render({"name": "pocket", "version": 1, "configs": {"count_balanced": {"gate": {"rows": 250}}}, ...})

Facts in, text out: no files, no network, no clock.
"""

from collections.abc import Mapping
from typing import Any

from counterfactory.cards.templates import card

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))


def render(about: Mapping[str, Any]) -> str:
    """Return the card. `about` is suite.json: name, version, configs, harmful (tasks that hold requests)."""
    splits = list(dict.fromkeys(split for one in about["configs"].values() for split in one))
    totals = {
        split: sum(one[split]["rows"] for one in about["configs"].values() if split in one)
        for split in splits
    }
    return card(_header(about), "suite.md.jinja", **about, splits=splits, totals=totals)


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
