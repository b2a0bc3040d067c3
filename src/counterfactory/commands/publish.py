"""`counterfactory release publish DIR --to org/name`: a release, a model or a suite onto a Hub."""

import argparse
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from counterfactory.commands.options import seconds, sub
from counterfactory.commands.output import answer
from counterfactory.errors import UserError
from counterfactory.mirror import folder_of


def add_publish(releases: Any) -> None:
    """Declare the command."""
    parser = sub(
        releases,
        "publish",
        "publish a release, a trained model or a suite",
        "Publish a release, a trained model or an evaluation suite: one commit, loaded back and "
        "compared row by row, then a tag that never moves. The same content again does nothing. The "
        "Hub is the one of HF_ENDPOINT, the token that of HF_TOKEN or `hf auth login`.",
    )
    parser.add_argument("folder", metavar="DIR", help="a folder, or s3://BUCKET/FOLDER")
    parser.add_argument("--to", required=True, metavar="ORG/NAME", help="made if it is not there")
    parser.add_argument(
        "--tag",
        default="",
        metavar="V",
        help="the version (default: YYYY.MM.DD.N, N the next free)",
    )
    parser.add_argument(
        "--public",
        action="store_true",
        help="let everyone see it, once it is published; asks first",
    )
    parser.add_argument(
        "--gated", action="store_true", help="let people in who agree to the card's notice"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument(
        "--eval", dest="evaluations", type=Path, action="append", default=[], metavar="DIR",
        help="of a model: a folder of `eval run` for its card (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--data", dest="releases", action="append", default=[], metavar="ORG/NAME@TAG",
        help="of a model: where a release that it was trained on is published (repeatable)",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=seconds, default=180.0, metavar="SECONDS",
        help="how long to wait for a Hub that has trouble (default: 180)",
    )  # fmt: skip
    parser.set_defaults(run=run_publish, resumes=True)


def run_publish(args: argparse.Namespace) -> int:
    """Publish."""
    os.environ.setdefault("USE_TORCH", "0")  # `datasets` would import it, and nothing here needs it
    from counterfactory.factory.release.publish import Patience, publish

    if args.public and not args.yes:
        _ask(f"Let everyone see {args.to}?")
    if not sys.stderr.isatty():
        _without_bars()
    found = publish(
        folder_of(args.folder), args.to, tag=args.tag, public=args.public, gated=args.gated,
        evaluations=args.evaluations, releases=args.releases,
        patience=Patience(total=args.patience, answer=min(120.0, args.patience / 2)),
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )  # fmt: skip
    if found.new:
        proven = f"{found.rows:,} rows loaded back and the same" if found.rows else "proven"
        seen = "private" if found.private else "public"
        text = f"{found.repo}: {found.tag} at {found.commit[:12]}, {proven}; {seen}: {found.url}"
    else:
        text = f"{found.repo}: nothing to do, {found.tag} holds this already: {found.url}"
    answer(args, asdict(found), text)
    return 0


def _ask(question: str) -> None:
    """Go on only when someone says yes."""
    if not sys.stdin.isatty():
        raise UserError("--public: found nobody to ask, expected --yes beside it")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise UserError("--public: the answer was not yes; nothing was published")


def _without_bars() -> None:
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
