"""Options that several commands share, and the numbers they accept."""

import argparse
from typing import Any


def sub(commands: Any, name: str, summary: str, description: str = "") -> argparse.ArgumentParser:
    """Return the parser of one command, with `--json`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=description or f"{summary[0].upper()}{summary[1:]}.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    return parser


def group(commands: Any, name: str, summary: str) -> Any:
    """Return the sub-commands of `counterfactory NAME ...`."""
    parser = commands.add_parser(
        name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", allow_abbrev=False
    )
    return parser.add_subparsers(
        dest=f"{name}_command", metavar="COMMAND", required=True, title="commands"
    )


SET = "source.n=500, ops.edit.steps=4, ops.2.steps=4"
SET_OF_LOOP = "rounds=2, stages.prefer.steps=40, builds.world-qa.set.source.n=500"


def recipe_options(parser: argparse.ArgumentParser, examples: str = SET) -> None:
    """Add the recipe and `--set`."""
    parser.add_argument(
        "recipe", metavar="RECIPE", help="a YAML file or a shipped name (see `recipe list`)"
    )
    parser.add_argument(
        "--set",
        dest="overrides",
        metavar="a.b=c",
        action="append",
        default=[],
        help=f"change one value: {examples} (repeatable)",
    )


def count(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a whole number from 1 on")
    return int(text)


def seconds(text: str) -> float:
    """Read a number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected seconds above 0")
    return value
