"""`counterfactory hub serve [--port P] [--root DIR] [--host H] [--token-file F]`."""

import argparse
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from counterfactory.commands.options import group, sub
from counterfactory.commands.output import answer
from counterfactory.errors import UserError

PORT = 8765
LOCAL = ("127.0.0.1", "localhost", "::1")


def add(commands: Any) -> None:
    """Declare the command."""
    hubs = group(commands, "hub", "a small Hub on this machine")
    serve = sub(hubs, "serve", "serve a folder of repositories to Hugging Face's own libraries")
    serve.add_argument(
        "--port", type=int, default=PORT, metavar="P", help=f"0 takes a free one (default: {PORT})"
    )
    serve.add_argument(
        "--root", type=Path, default=Path("runs/hub"), metavar="DIR", help="default: runs/hub"
    )
    serve.add_argument("--host", default="127.0.0.1", metavar="H", help="default: 127.0.0.1")
    serve.add_argument(
        "--token-file", type=Path, metavar="F",
        help="YAML, a list of {user, token, orgs, role}; without it everybody may do everything",
    )  # fmt: skip
    serve.add_argument("--quiet", action="store_true", help="do not log requests")
    serve.set_defaults(run=run_serve)


def run_serve(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from counterfactory.factory.release.hub import Access, opened

    if not 0 <= args.port < 2**16:
        raise UserError(f"--port: found {args.port}, expected 0 to 65535")
    if args.host not in LOCAL and not args.token_file:
        raise UserError(
            f"--host: found {args.host}; serving beyond this machine needs --token-file"
        )
    access = Access.from_file(args.token_file) if args.token_file else Access()
    logging.basicConfig(
        stream=sys.stderr, format="%(asctime)s %(message)s",
        level=logging.WARNING if args.quiet else logging.INFO,
    )  # fmt: skip
    try:
        with opened(args.root, args.port, host=args.host, access=access) as server:
            answer(args, {"url": server.url, "root": str(args.root)}, _hello(server.url, args.root))
            sys.stdout.flush()
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            server.serve_forever()
    except KeyboardInterrupt:
        return 0
    except OSError as error:
        raise UserError(f"--port {args.port}, --root {args.root}: {error.strerror}") from None
    return 0


def _hello(url: str, root: Path) -> str:
    return (
        f"serving {root} at {url}; Ctrl-C ends\n\n"
        f"  export HF_ENDPOINT={url} HF_HUB_DISABLE_XET=1 HF_TOKEN=local"
    )
