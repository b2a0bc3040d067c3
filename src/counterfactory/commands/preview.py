"""`counterfactory preview R`: build a few rows and look at them in one HTML page."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import count, recipe_options, sub
from counterfactory.commands.output import answer


def add(commands: Any) -> None:
    """Declare the command."""
    parser = sub(commands, "preview", "build a few rows and write one page of pictures")
    recipe_options(parser)
    parser.add_argument(
        "-n", type=count, default=8, metavar="N", help="samples to try (default: 8)"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("preview.html"),
        metavar="PAGE",
        help="(default: preview.html)",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from counterfactory.factory.preview import preview
    from counterfactory.factory.recipe import checked

    recipe = checked(args.recipe, args.overrides)
    page = Path(preview(recipe, args.n, args.out))
    answer(
        args,
        {"page": str(page), "name": recipe.name, "n": args.n},
        f"Pictures, open this in a browser: {page}",
    )
    return 0
