"""`counterfactory eval export --suite S --out DIR`: a suite as a dataset, for other harnesses or to publish."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import sub
from counterfactory.commands.output import answer
from counterfactory.errors import UserError


def add_export(evals: Any) -> None:
    """Declare the command."""
    export = sub(
        evals,
        "export",
        "write a suite as a dataset",
        "Write a suite as parquet files in Hub layout: for other harnesses, or for `release publish`.",
    )
    export.add_argument("--suite", required=True, metavar="S", help="pocket, pocket-quick")
    export.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new folder")
    export.add_argument(
        "--split", dest="splits", action="append", default=[], metavar="S",
        help="mine, gate or final (repeatable; default: all)",
    )  # fmt: skip
    export.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export."""
    from counterfactory.eval.suites import suite_named
    from counterfactory.eval.suites.export import export

    suite = suite_named(args.suite)
    for split in args.splits:
        if split not in suite.splits:
            raise UserError(
                f"--split: found {split!r}, expected one of {', '.join(suite.splits)} ({suite.name})"
            )
    if args.out.exists() and (not args.out.is_dir() or any(args.out.iterdir())):
        raise UserError(f"--out: {args.out} is there already, expected a new or empty folder")
    written = export(suite, args.out, args.splits)
    total = sum(sum(splits.values()) for splits in written.values())
    result = {"out": str(args.out), "suite": suite.name, "items": total, "tasks": written}
    answer(args, result, f"{args.out}: {total:,} items in {len(written)} tasks")
    return 0
