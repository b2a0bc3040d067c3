"""`counterfactory release export DIR --to T --out DIR`."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import sub
from counterfactory.commands.output import answer
from counterfactory.mirror import folder_of


def add(releases: Any) -> None:
    """Declare the command."""
    parser = sub(
        releases, "export", "write a release in the form of a trainer that reads no Hub datasets"
    )
    parser.add_argument("folder", metavar="DIR", help="a folder, or s3://BUCKET/FOLDER")
    parser.add_argument(
        "--to",
        required=True,
        metavar="T",
        help="llava, webdataset, openclip-csv, negclip, verl, swift, internvl or coco",
    )
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--view",
        dest="views",
        action="append",
        default=[],
        metavar="VIEW",
        help="only this view (repeatable); otherwise all that the form can hold",
    )
    parser.add_argument(
        "--prefix",
        default="",
        metavar="PATH",
        help="put before the paths of pictures, such as /data/export/; otherwise they are relative",
    )
    parser.set_defaults(run=run_export)


def run_export(args: argparse.Namespace) -> int:
    """Export a release."""
    from counterfactory.factory.release.export import export

    folder = folder_of(args.folder)
    done = export(folder, args.to, args.out, views=args.views, prefix=args.prefix, quiet=False)
    answer(args, done.as_dict(), str(done))
    return 0
