"""`counterfactory build R --out DIR`: from a recipe to a verified release."""

import argparse
import os
from pathlib import Path
from typing import Any

from counterfactory.commands.options import count, recipe_options, seconds, sub
from counterfactory.commands.output import answer


def add(commands: Any) -> None:
    """Declare the command."""
    parser = sub(
        commands,
        "build",
        "make a release from a recipe",
        "Make a release from a recipe. Stop it at any moment: the same command continues, and does nothing when all is done.",
    )
    recipe_options(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the release folder")
    parser.add_argument("--workers", type=count, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="(default: local)")
    parser.add_argument("--budget", type=seconds, metavar="SECONDS", help="stop after this long, to go on later")
    parser.add_argument(
        "--oracle-report", action="store_true", help="score the release against the pocket world's truth"
    )
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Build, and score when asked."""
    from counterfactory.factory.recipe import resolve
    from counterfactory.factory.run.build import build

    recipe = resolve(args.recipe, args.overrides)
    result = build(
        recipe,
        args.out,
        workers=args.workers or len(os.sched_getaffinity(0)),
        engine=args.engine,
        budget=args.budget,
    )
    answer(args, {}, str(result))
    return 0
