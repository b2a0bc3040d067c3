"""`counterfactory eval compare A B` and `eval leaderboard EVAL...`: finished runs side by side."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import count, sub
from counterfactory.commands.output import answer

REGRESSED = 3  # exit code with --fail-on-regression


def add_compare(evals: Any) -> None:
    """Declare `eval compare`."""
    compare = sub(
        evals,
        "compare",
        "compare two runs on the same items",
        "Compare two runs on the same items: paired tests, Holm's correction over the axes, and "
        "beside each difference that is not significant the smallest one that would have been.",
    )
    compare.add_argument("a", type=Path, metavar="A", help="folder of the first run: the reference")
    compare.add_argument("b", type=Path, metavar="B", help="folder of the second run")
    compare.add_argument("--tasks", action="store_true", help="single tasks, too")
    compare.add_argument("--seed", type=int, default=0, metavar="S", help="of the resampling")
    compare.add_argument(
        "--fail-on-regression", action="store_true",
        help=f"exit with {REGRESSED} when an axis of B is significantly worse",
    )  # fmt: skip
    compare.set_defaults(run=run_compare)


def run_compare(args: argparse.Namespace) -> int:
    """Compare."""
    from counterfactory.eval.compare import compare
    from counterfactory.eval.compare_text import table

    result = compare(args.a, args.b, seed=args.seed)
    answer(args, result, table(result, tasks=args.tasks))
    return REGRESSED if args.fail_on_regression and result["regressions"] else 0


def add_leaderboard(evals: Any) -> None:
    """Declare `eval leaderboard`."""
    board = sub(
        evals,
        "leaderboard",
        "rank runs: a table, a CSV, a page",
        "Rank finished runs of one suite and split: a table here, and with --out also "
        "leaderboard.csv, leaderboard.html (one file, nothing loaded) and exports/ for lm-eval, "
        "model cards, the Hub's .eval_results and OpenVLM.",
    )
    board.add_argument("runs", nargs="+", type=Path, metavar="EVAL", help="folders of `eval run`")
    board.add_argument("--out", type=Path, metavar="DIR", help="where the files go")
    board.add_argument("--top", type=count, metavar="N", help="only the best N")
    board.set_defaults(run=run_leaderboard)


def run_leaderboard(args: argparse.Namespace) -> int:
    """Rank."""
    from counterfactory.eval.leaderboard.entries import read_entries
    from counterfactory.eval.leaderboard.exports import exports
    from counterfactory.eval.leaderboard.page import page
    from counterfactory.eval.leaderboard.table import csv_table, text_table

    entries = read_entries(args.runs)[: args.top]
    result: dict[str, Any] = {
        "models": [
            {"model": e.name, "folder": str(e.folder), "average": e.average, "axes": e.axes}
            for e in entries
        ],
        "files": [],
    }
    text = text_table(entries)
    if args.out:
        args.out.mkdir(parents=True, exist_ok=True)
        files = {"leaderboard.csv": csv_table(entries), "leaderboard.html": page(entries)}
        for name, content in files.items():
            (args.out / name).write_text(content, encoding="utf-8")
        paths = [*(args.out / name for name in files), *exports(entries, args.out / "exports")]
        result["files"] = [str(path) for path in paths]
        text += f"\n\npage  {args.out / 'leaderboard.html'}"
    answer(args, result, text)
    return 0
