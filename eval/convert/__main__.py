"""`python -m counterfactory.eval.convert NAME SOURCE --out FOLDER`."""

import argparse
import sys
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.eval.convert import CONVERTERS, convert


def main(arguments: list[str] | None = None) -> int:
    """Run one conversion; 2 when the source must be mended."""
    parser = argparse.ArgumentParser(prog="python -m counterfactory.eval.convert")
    parser.add_argument("name", help=", ".join(CONVERTERS))
    parser.add_argument("source", type=Path, help="what the authors published, unpacked")
    parser.add_argument("--out", type=Path, required=True, help="folder for all benchmarks")
    args = parser.parse_args(arguments)
    try:
        written = convert(args.name, args.source, args.out)
    except UserError as error:
        sys.stderr.write(f"convert: error: {error}\n")
        return 2
    for path, rows in written:
        sys.stdout.write(f"{path} {rows} rows\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
