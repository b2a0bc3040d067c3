"""`counterfactory pocket list | path NAME | pretrain NAME`: the models inside the package."""

import argparse
from pathlib import Path
from typing import Any

from counterfactory.commands.options import count, group, sub
from counterfactory.commands.output import answer, table
from counterfactory.errors import UserError

TRAINABLE = ("clip", "sam", "inpaint", "vlm")


def add(commands: Any) -> None:
    """Declare the command."""
    pockets = group(commands, "pocket", "the small models inside the package")
    sub(pockets, "list", "list the pocket models with size and place").set_defaults(run=run_list)
    path = sub(pockets, "path", "print the folder of one pocket model")
    path.add_argument("name", metavar="NAME", help=" | ".join(TRAINABLE))
    path.set_defaults(run=run_path)
    train = sub(pockets, "pretrain", "make a pocket model again, from scratch")
    train.add_argument("name", metavar="NAME", choices=TRAINABLE, help=" | ".join(TRAINABLE))
    train.add_argument(
        "--out", type=Path, metavar="DIR", help="where the model goes (default: runs/pocket-NAME)"
    )
    train.add_argument(
        "--steps", type=count, metavar="N", help="training steps (default: as shipped)"
    )
    train.add_argument(
        "--device", default="auto", metavar="D", help="auto, cpu, cuda ... (default: auto)"
    )
    train.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of what is drawn (default: 0)"
    )
    train.add_argument(
        "--restart", action="store_true", help="begin anew and replace what lies in DIR"
    )
    train.set_defaults(run=run_pretrain, resumes=True)


def run_list(args: argparse.Namespace) -> int:
    """List the models, present or not."""
    from counterfactory import pocket

    models = [_about(name, pocket.HERE / name, pocket.ABOUT[name]) for name in pocket.ABOUT]
    rows = [(m["name"], _size(m["bytes"]), m["about"], m["path"]) for m in models]
    answer(args, {"models": models}, table(rows))
    return 0


def _about(name: str, folder: Path, about: str) -> dict[str, Any]:
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    size = sum(file.stat().st_size for file in files)
    return {"name": name, "about": about, "path": str(folder), "bytes": size, "present": size > 0}


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "missing"


def run_path(args: argparse.Namespace) -> int:
    """Print one folder."""
    from counterfactory import pocket

    folder = pocket.path(args.name)
    answer(args, {"name": args.name, "path": str(folder)}, str(folder))
    return 0


def run_pretrain(args: argparse.Namespace) -> int:
    """Train one model; the same command continues an unfinished run."""
    from counterfactory.training.pocket.pretrain import pretrain

    if args.seed < 0:
        raise UserError(f"--seed: found {args.seed}, expected a whole number from 0 on")
    out = args.out or Path("runs") / f"pocket-{args.name}"
    result = pretrain(
        args.name, out=out, steps=args.steps, device=args.device, seed=args.seed,
        resume=not args.restart, progress=True,
    )  # fmt: skip
    lines = [f"  {key}  {value}" for key, value in result.get("quality", {}).items()]
    answer(args, result, "\n".join([f"{args.name}: written to {out}", *lines]))
    return 0
