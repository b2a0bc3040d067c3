"""`counterfactory build R --out DIR`: from a recipe to a verified release."""

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from counterfactory.buckets import is_url, read_at
from counterfactory.commands.options import count, recipe_options, seconds, sub
from counterfactory.commands.output import answer, table
from counterfactory.errors import UserError

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.run.result import BuildResult


def add(commands: Any) -> None:
    """Declare the command."""
    parser = sub(
        commands,
        "build",
        "make a release from a recipe",
        "Make a release from a recipe. Stop it at any moment: the same command continues, and does "
        "nothing when all is done.",
    )
    recipe_options(parser)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="the release folder, or s3://BUCKET/FOLDER"
    )
    parser.add_argument(
        "--workers", type=count, metavar="N", help="processes (default: one a core or GPU)"
    )
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="(default: local)"
    )
    parser.add_argument(
        "--budget",
        type=seconds,
        metavar="SECONDS",
        help="begin no batch that would end later than this; go on another time",
    )
    parser.add_argument(
        "--oracle-report", action="store_true", help="score the rows by the world's truth"
    )
    parser.set_defaults(run=run, resumes=True)


def run(args: argparse.Namespace) -> int:
    """Build, and score when asked."""
    from counterfactory.factory.recipe import checked
    from counterfactory.factory.run.build import build
    from counterfactory.factory.run.landing import build_at, workplace

    recipe = checked(args.recipe, args.overrides)
    away = is_url(args.out)
    place = workplace(args.out) if away else Path(args.out)
    how: dict[str, Any] = {
        "workers": args.workers,
        "engine": args.engine,
        "budget": args.budget,
        "oracle": _oracle(recipe, place) if args.oracle_report else None,
    }
    result = build_at(recipe, args.out, **how) if away else build(recipe, place, **how)
    answer(args, result.to_json(), told(result))
    return 0


def _oracle(recipe: "Recipe", out: Path) -> Callable[[Path], Mapping[str, Any]]:
    """Return what scores a release folder by the world's truth; only the pocket world has one."""
    if recipe.source.kind != "world":
        raise UserError(
            f"--oracle-report: found source.kind {recipe.source.kind!r}, expected 'world'"
        )
    from counterfactory.factory.world.oracle import report
    from counterfactory.factory.world.recall import recall

    work = out.absolute().with_name(f"{out.name}.build")
    return lambda release: {**report(release), **recall(recipe, work)}


def told(result: "BuildResult") -> str:
    """Return the result of a build for people: the funnel, the views, the place."""
    share = f"{100 * result.kept / result.candidates:.0f} %" if result.candidates else "none"
    fresh = f"{result.rows_per_second:.1f} a second in {result.seconds:.0f} s"
    if result.resumed:
        fresh += f", {result.resumed} finished before"
    head = f"{result.name}: {result.kept} of {result.candidates} candidates kept ({share}; {fresh})"
    if not result.finished:
        return f"{head}\nstopped by its budget: the same command continues"
    lines = [head, "", funnel(result.release), ""]
    lines += [f"  {view:<8} {rows} rows" for view, rows in result.rows.items()]
    if result.oracle:
        lines += ["", scores(result.oracle)]
    lines += ["", f"release      {result.release}", f"fingerprint  {result.fingerprint}"]
    return "\n".join(lines)


def funnel(release: Path | str) -> str:
    """Return the manifest's funnel as a table: what came to each stage, what went on, why not."""
    manifest = json.loads(read_at(release, "manifest.json"))
    rows = [("  stage", "came", "went on", "rejected for")]
    for stage in manifest["funnel"]:
        why = ", ".join(f"{reason} {number}" for reason, number in stage["reasons"].items())
        rows.append((f"  {stage['stage']}", str(stage["in"]), str(stage["out"]), why))
    return table(rows)


def scores(oracle: Mapping[str, Any]) -> str:
    """Return the oracle's report in a few lines: plain numbers first, then the groups."""
    lines = ["by the world's truth:"]
    for key, value in oracle.items():
        if isinstance(value, int | float):
            lines.append(f"  {key:<12} {value:.4g}")
        elif isinstance(value, Mapping):
            parts = ", ".join(f"{name} {_share(group)}" for name, group in value.items())
            lines.append(f"  {key:<12} {parts}")
    return "\n".join(lines)


def _share(group: Any) -> str:
    return f"{group['right']:.3f} of {group['n']}" if isinstance(group, Mapping) else str(group)
