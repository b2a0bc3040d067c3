"""`counterfactory loop run | status | report`: failures steer the factory, gates decide."""

import argparse
import textwrap
from pathlib import Path
from typing import Any

from counterfactory.commands.options import SET_OF_LOOP, count, group, recipe_options, sub
from counterfactory.commands.output import answer, table


def add(commands: Any) -> None:
    """Declare the command."""
    loops = group(commands, "loop", "measure, mine, build, train, gate: round after round")
    run = sub(
        loops,
        "run",
        "run the rounds of a loop recipe",
        "Run the rounds of a loop recipe. Stop it at any moment: the same command continues, and "
        "does nothing when all is done. A rejected round keeps all it made and says why; the next "
        "one starts from the last promoted model.",
    )
    recipe_options(run, SET_OF_LOOP)
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="the loop's folder")
    run.add_argument(
        "--workers", type=count, metavar="N", help="processes of a build (default: one a core)"
    )
    run.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda ...")
    run.add_argument(
        "--fail-on-reject", action="store_true", help="exit code 3 when the last round was rejected"
    )
    run.set_defaults(run=run_run, resumes=True)
    status = sub(loops, "status", "say how far a loop is, and who is at work on it")
    status.add_argument("out", type=Path, metavar="DIR", help="the loop's folder")
    status.set_defaults(run=run_status)
    report = sub(loops, "report", "write report.html anew from what lies in the folder")
    report.add_argument("out", type=Path, metavar="DIR", help="the loop's folder")
    report.set_defaults(run=run_report)


def run_run(args: argparse.Namespace) -> int:
    """Run the loop; the last lines compare the model given with the promoted one."""
    from counterfactory.loop.recipe import checked_loop
    from counterfactory.loop.run import run_loop

    recipe = checked_loop(args.recipe, args.overrides)
    result = run_loop(recipe, args.out, workers=args.workers, device=args.device)
    answer(args, result, told(result))
    rejected = bool(result["rounds"]) and not result["rounds"][-1]["promoted"]
    return 3 if args.fail_on_reject and rejected else 0


def run_status(args: argparse.Namespace) -> int:
    """Say what is finished."""
    from counterfactory.loop.status import status_of

    found = status_of(_loop(args.out))
    rows = [("  round", "stage", "finished", "seconds")]
    rows += [
        (f"  {one['round']}", one["stage"], one["at"], f"{one['seconds']:.0f}")
        for one in found["stages"]
    ]
    lines = [
        f"{found['name']}: {found['rounds_done']} of {found['rounds']} rounds done", "", table(rows), "",
        *(_decided(one) for one in found["decisions"]),
        f"at work   {found['at_work'] or 'nobody'}", f"begun     {found['begun'] or 'nothing'}",
        f"promoted  {found['promoted'] or 'nothing yet'}",
        *([f"generator {found['generator']}"] if found["generator"] else []),
    ]  # fmt: skip
    answer(args, found, "\n".join(lines))
    return 0


def _decided(one: dict[str, Any]) -> str:
    """Return a round's decision and its reason, as an indented paragraph."""
    word = "promoted" if one["promoted"] else "rejected"
    reason = textwrap.fill(one["reason"], 98, initial_indent="  ", subsequent_indent="  ")
    return f"round {one['round']} {word}:\n{reason}\n"


def run_report(args: argparse.Namespace) -> int:
    """Write the report."""
    from counterfactory.loop.report import write_report

    path = write_report(_loop(args.out))
    answer(args, {"report": str(path)}, f"written to {path}")
    return 0


def _loop(out: Path) -> Path:
    from counterfactory.loop.layout import recipe_in

    recipe_in(out)
    return out.absolute()


def told(result: dict[str, Any]) -> str:
    """Return the result for people: each round, then before and after with intervals."""
    lines = []
    for one in result["rounds"]:
        word = "promoted" if one["promoted"] else "rejected"
        lines += [f"round {one['round']} {word}: {one['reason']}", ""]
    if (first := _first(result)) and (last := _last(result)):
        rows = [("  axis", "before", "95 % interval", "after", "95 % interval")]
        rows += [(f"  {axis}", *_cells(first[axis]), *_cells(last.get(axis, {}))) for axis in first]
        lines += [table(rows), ""]
    for one in result["rounds"]:
        lines += [f"release   {place}" for place in one["release"]]
    for one in result["rounds"]:
        if one["model"] and not one["promoted"]:
            lines.append(f"rejected  {one['model']}")
    lines.append(f"promoted  {result['promoted'] or 'no model: the one given stays'}")
    lines.append(f"report    {result['report']}")
    return "\n".join(lines)


def _first(result: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = result["rounds"][0]["axes_before"] if result["rounds"] else {}
    return found


def _last(result: dict[str, Any]) -> dict[str, Any]:
    """Return the axes of the promoted model; where none was, those of the last one trained."""
    after = [one for one in result["rounds"] if one["axes_after"]]
    best = [one for one in after if one["promoted"]] or after
    found: dict[str, Any] = best[-1]["axes_after"] if best else {}
    return found


def _cells(one: dict[str, Any]) -> tuple[str, str]:
    value, low, high = (one.get(key) for key in ("value", "low", "high"))
    interval = f"{low:.3f} .. {high:.3f}" if low is not None and high is not None else "-"
    return (f"{value:.3f}" if value is not None else "-", interval)
