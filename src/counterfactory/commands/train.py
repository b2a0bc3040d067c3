"""`counterfactory train METHOD MODEL --data RELEASE --out DIR`: from a release to a better model."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import count, sub
from counterfactory.commands.output import answer
from counterfactory.errors import UserError


def add(commands: Any) -> None:
    """Declare the command."""
    from counterfactory.training import METHODS

    parser = sub(
        commands,
        "train",
        "train a model on releases",
        "Train a model on releases. Stop it at any moment: the same command continues, and does "
        "nothing when all is done. For several processes: accelerate launch -m counterfactory.cli "
        "train ...",
    )
    parser.add_argument("method", metavar="METHOD", choices=METHODS, help=" | ".join(METHODS))
    parser.add_argument("model", metavar="MODEL", help="pocket, a folder or a Hub id")
    parser.add_argument(
        "--data", action="append", required=True, metavar="RELEASE",
        help="a folder, org/name@tag or s3://BUCKET/FOLDER (repeatable)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="the trained model")
    parser.add_argument("--steps", type=count, metavar="N", help="steps of the optimizer")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="key=value",
        help="change one setting: lr=1e-4, lora.rank=8 (repeatable); `recipe schema METHOD` lists them",
    )  # fmt: skip
    parser.add_argument(
        "--replay", action="append", metavar="RELEASE", help="rows that keep old abilities"
    )
    parser.add_argument(
        "--replay-share", type=float, metavar="S", help="their share of all rows (default: 0.3)"
    )
    parser.add_argument(
        "--report-to", metavar="X", help="trackio, tensorboard or wandb (default: none)"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda ...")
    parser.add_argument("--restart", action="store_true", help="forget an earlier run in DIR")
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Train; of several processes the first one speaks."""
    from counterfactory.eval.crew import crew_of
    from counterfactory.training.train import train

    first = crew_of().first
    try:
        result = _trained(args, train)
    except UserError:
        if first:
            raise
        return 2
    if first:
        answer(args, result, told(result))
    return 0


def _trained(args: argparse.Namespace, train: Any) -> dict[str, Any]:
    result: dict[str, Any] = train(
        args.method, args.model, args.data, args.out, args.overrides,
        device=args.device, restart=args.restart, steps=args.steps, replay=args.replay,
        replay_share=args.replay_share, report_to=args.report_to,
    )  # fmt: skip
    return result


def told(result: dict[str, Any]) -> str:
    """Return the result for people."""
    lines = [f"{result['method']}: {result['steps']} steps in {result['seconds']:.0f} s"]
    lines += [f"  {name}  {value:.4g}" for name, value in result["final"].items()]
    return "\n".join([*lines, f"written to {result['out']}"])
