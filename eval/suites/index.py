"""The contamination index of the suites: what releases must not hold.

    python -m counterfactory.eval.suites.index                                 the index that the package ships
    python -m counterfactory.eval.suites.index standard standard.jsonl.gz      one of another suite

It names every picture of a suite, mine, gate and final, by what it looks like and, in the pocket world,
by its scene's fingerprint. pocket-quick asks about some of the same pictures as pocket.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from counterfactory.errors import RowError, UserError
from counterfactory.eval.items import Item
from counterfactory.eval.suites import SUITES, suite_named
from counterfactory.eval.suites.standard import ALL
from counterfactory.factory.checks.contamination import SHIPPED, build_index
from counterfactory.fingerprint import digest_bytes
from counterfactory.images import decode
from counterfactory.records import Pixels


def items(suite: str = "pocket") -> Iterator[tuple[str, Item]]:
    """Yield (split, item) of a whole suite."""
    found = suite_named(suite)
    for split in (ALL,) if ALL in found.splits else found.splits:
        for task in found.tasks:
            for item in task.items(split):
                yield split, item


def scenes(suite: str = "pocket") -> Iterator[tuple[str, str, Pixels, str]]:
    """Yield (suite, item, picture, fingerprint) of each scene once; photographs have no fingerprint."""
    seen: set[str] = set()
    for split, item in items(suite):
        known = item.fingerprints or [""] * len(item.images)
        for fingerprint, image in zip(known, item.images, strict=True):
            mark = fingerprint or digest_bytes(image)
            if mark not in seen:
                seen.add(mark)
                try:
                    pixels = decode(image)
                except RowError:  # what cannot be read here is in no release either
                    continue
                yield suite, f"{item.task}/{split}/{item.id}", pixels, fingerprint


def write_index(path: Path = SHIPPED, suite: str = "pocket") -> int:
    """Write the index of a suite; return how many pictures it names."""
    return build_index(path, scenes=scenes(suite))


def main(arguments: list[str] | None = None) -> int:
    """Write one index; 2 when the suite cannot be had."""
    parser = argparse.ArgumentParser(prog="python -m counterfactory.eval.suites.index")
    parser.add_argument("suite", nargs="?", default="pocket", help=", ".join(SUITES))
    parser.add_argument("path", nargs="?", type=Path, help="FILE.jsonl.gz")
    args = parser.parse_args(arguments)
    if args.path is None and args.suite != "pocket":
        parser.error("the package ships the index of pocket: any other wants a path")
    try:
        count = write_index(args.path or SHIPPED, args.suite)
    except UserError as error:
        sys.stderr.write(f"index: error: {error}\n")
        return 2
    sys.stdout.write(f"{args.path or SHIPPED} {count} pictures\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
