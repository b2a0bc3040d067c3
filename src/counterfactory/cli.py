"""The command line: `counterfactory build region-diff --out demo/region-diff`.

Exit codes: 0 done; 1 a bug, with its traceback; 2 the user must change something, one clear line
each; 130 stopped by Ctrl-C. With `--json`, standard output holds one JSON object and nothing else.
Nothing heavy is imported before a command needs it, so `--help` answers at once.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from counterfactory import __version__
from counterfactory.commands import (
    build,
    doctor,
    hub,
    loop,
    pocket,
    preview,
    recipe,
    release,
    train,
)
from counterfactory.commands import eval as evals
from counterfactory.commands.output import own_stdout, write_json
from counterfactory.errors import UserError, did_you_mean

COMMANDS = {
    "build": build,
    "preview": preview,
    "recipe": recipe,
    "release": release,
    "eval": evals,
    "train": train,
    "loop": loop,
    "pocket": pocket,
    "hub": hub,
    "doctor": doctor,
}

INTERRUPTED = 130


class Parser(argparse.ArgumentParser):
    """argparse with one line an error, and a guess at what was meant."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Note the options that the command knows: the innermost parser is done first."""
        found, unknown = super().parse_known_args(args, namespace)
        if "known_options" not in found:
            found.known_options = tuple(self._option_string_actions)
        return found, unknown

    def error(self, message: str) -> NoReturn:
        """Raise what is wrong with the arguments, in one line."""
        raise UserError(_with_hint(message, self))


def parser() -> Parser:
    """Return the whole parser."""
    top = Parser(
        prog="counterfactory",
        description="Makes verified counterfactual image-text data and releases it as datasets.",
        epilog="The same command again continues where it stopped. COMMAND --help tells more.",
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"counterfactory {__version__}")
    commands = top.add_subparsers(
        dest="command", metavar="COMMAND", required=True, title="commands"
    )
    for command in COMMANDS.values():
        command.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parse(words)
    except UserError as error:
        return _fail(str(error), as_json="--json" in words)
    try:
        with own_stdout(args.json):
            return int(args.run(args))
    except UserError as error:
        return _fail(str(error), as_json=args.json)
    except KeyboardInterrupt:
        again = "; the same command continues where it stopped" if args.resumes else ""
        sys.stderr.write(f"\ncounterfactory: interrupted{again}\n")
        return INTERRUPTED
    except BrokenPipeError:  # `recipe show | head`: the reader has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parse(argv: list[str]) -> argparse.Namespace:
    args = argparse.Namespace()
    _, unknown = parser().parse_known_args(argv, args)
    if unknown:
        hint = did_you_mean(unknown[0].partition("=")[0], args.known_options)
        raise UserError(f"unrecognised arguments: {' '.join(unknown)}{hint}")
    for name, default in (("json", False), ("resumes", False)):
        if not hasattr(args, name):
            setattr(args, name, default)
    return args


def _fail(message: str, *, as_json: bool) -> int:
    """Say what the user must change, each problem in a line of its own."""
    for line in message.splitlines() or [""]:
        sys.stderr.write(f"counterfactory: error: {line}\n")
    if as_json:
        write_json({"error": message})
    return 2


def _with_hint(message: str, where: argparse.ArgumentParser) -> str:
    match = re.match(r"argument (\S+): invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if not match:
        return f"{message} (see {where.prog} --help)"
    name, found, listed = match.groups()
    choices = re.findall(r"[\w.-]+", listed)
    hint = did_you_mean(found, choices)
    label = "command" if name.isupper() else name
    return f"{label}: found {found!r}, expected one of {', '.join(choices)}{hint}"


if __name__ == "__main__":
    sys.exit(main())
