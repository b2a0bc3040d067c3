"""`counterfactory release validate DIR | explain DIR ID | replay DIR ID | diff A B |
export DIR --to T --out DIR | publish DIR --to org/name`. DIR may be a URL of object storage:
s3://bucket/folder."""

import argparse
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from counterfactory.commands import publish, release_export
from counterfactory.commands.options import group, sub
from counterfactory.commands.output import answer
from counterfactory.mirror import folder_of, with_ledger


def add(commands: Any) -> None:
    """Declare the command."""
    releases = group(commands, "release", "look into a release")
    validate = sub(
        releases, "validate", "prove that a release loads and keeps every promise of its manifest"
    )
    validate.add_argument("folder", metavar="DIR", help="a folder, or s3://BUCKET/FOLDER")
    validate.add_argument(
        "--target",
        metavar="T",
        help="also tell, row by row, what this trainer would drop or crash on: trl, llamafactory, "
        "swift, axolotl, verl, openrlhf, or a form of `release export`",
    )
    validate.set_defaults(run=run_validate)
    explain = sub(releases, "explain", "tell the whole story of one row or reject")
    explain.add_argument(
        "folder", metavar="DIR", help="a release, the folder of a loop, or s3://BUCKET/FOLDER"
    )
    explain.add_argument("id", metavar="ID", help="a row's id, or its first letters")
    explain.add_argument(
        "--loop", type=Path, metavar="DIR",
        help="folder of the loop that made it, to name questions that failed (default: the one it lies in)",
    )  # fmt: skip
    explain.set_defaults(run=run_explain)
    replay = sub(
        releases, "replay", "make one row or reject again and tell whether the same comes out"
    )
    replay.add_argument(
        "folder", metavar="DIR", help="a release, the folder of a loop, or s3://BUCKET/FOLDER"
    )
    replay.add_argument("id", metavar="ID", help="a row's id, or its first letters")
    replay.set_defaults(run=run_replay)
    diff = sub(releases, "diff", "list the rows that two releases do not share")
    diff.add_argument("a", metavar="A", help="the release before: a folder, or s3://BUCKET/FOLDER")
    diff.add_argument("b", metavar="B", help="the release after")
    diff.set_defaults(run=run_diff)
    release_export.add(releases)
    publish.add_publish(releases)


def run_validate(args: argparse.Namespace) -> int:
    """Validate a release; problems are for the user, so they exit with 2."""
    from counterfactory.factory.release.validate import validate

    report = validate(folder_of(args.folder), args.target)
    lines = [f"{problem.row}: {problem.problem}" for problem in report.problems]
    text = f"{args.folder}: ok" if report.ok else "\n".join([*lines, f"problems: {len(lines)}"])
    answer(args, report.as_dict(), text)
    return 0 if report.ok else 2


def run_explain(args: argparse.Namespace) -> int:
    """Tell one row's story."""
    from counterfactory.factory.release.explain import explain
    from counterfactory.loop.behind import release_with, with_failures

    folder = release_with(with_ledger(args.folder), args.id)
    story = with_failures(explain(folder, args.id), folder, args.loop)
    answer(args, story.data, str(story))
    return 0


def run_replay(args: argparse.Namespace) -> int:
    """Make one row again; what comes out different is for the user, so it exits with 2."""
    from counterfactory.factory.release.replay import replay
    from counterfactory.loop.behind import loop_of, release_with
    from counterfactory.models.ids import models_below

    folder = release_with(folder_of(args.folder), args.id)
    loop = loop_of(folder)
    with models_below(loop) if loop else nullcontext():
        found = replay(folder, args.id)
    answer(args, found.data, str(found))
    return 0 if found.same else 2


def run_diff(args: argparse.Namespace) -> int:
    """Compare two releases."""
    from counterfactory.factory.release.diff import diff

    found = diff(folder_of(args.a), folder_of(args.b))
    answer(args, found.as_dict(), str(found))
    return 0
