"""`counterfactory eval run | compare | leaderboard | export`: measure, compare, rank, hand on."""

import argparse
import sys
from pathlib import Path
from typing import Any

from counterfactory.commands.eval_board import add_compare, add_leaderboard
from counterfactory.commands.eval_export import add_export
from counterfactory.commands.options import count, group, seconds, sub
from counterfactory.commands.output import answer, table
from counterfactory.errors import UserError


def add(commands: Any) -> None:
    """Declare the command."""
    evals = group(commands, "eval", "measure models, compare runs, make leaderboards")
    _add_run(evals)
    add_compare(evals)
    add_leaderboard(evals)
    add_export(evals)


def _add_run(evals: Any) -> None:
    run = sub(
        evals,
        "run",
        "evaluate a model on a suite",
        "Evaluate a model on a suite. Stop it at any moment: the same command continues, asks "
        "nothing twice, and does nothing when all is done. For several processes: accelerate "
        "launch --multi_gpu (or torchrun) -m counterfactory.cli eval run ...",
    )
    run.add_argument(
        "model",
        metavar="MODEL",
        help="pocket, a folder, a Hub id, openai:URL#model, filtered:DIR (the folder `filter` of a "
        "loop's round), dummy:NAME or blank:MODEL",
    )
    run.add_argument(
        "--suite", required=True, metavar="S",
        help="pocket, pocket-quick, standard, folder:PATH; standard is read from the Hub, but for "
        "what lies in the folder that COUNTERFACTORY_BENCHMARKS names",
    )  # fmt: skip
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="where answers go")
    run.add_argument(
        "--split", default="gate", metavar="S",
        help="mine, gate or final; of standard also all, the official sets (default: gate)",
    )  # fmt: skip
    run.add_argument(
        "--task", dest="tasks", action="append", default=[], metavar="T",
        help="only this task (repeatable)",
    )  # fmt: skip
    run.add_argument("--limit", type=count, metavar="N", help="at most N items of each task")
    run.add_argument(
        "--select", default="greedy", metavar="HOW",
        help="greedy, vote:N (majority of N samples) or self-select:N (R3V) (default: greedy)",
    )  # fmt: skip
    run.add_argument(
        "--temperature", type=float, metavar="T", help="of the samples (default: 0.7, R3V 0.9)"
    )
    run.add_argument("--seed", type=int, default=0, metavar="S", help="of the samples")
    run.add_argument(
        "--margins", action="store_true", help="also ask how likely the right answer is"
    )
    run.add_argument(
        "--reflect", action="store_true",
        help="let the model explain itself, then ask it again about every claim it made",
    )  # fmt: skip
    run.add_argument(
        "--judge", default="", metavar="J", help="for what rules cannot mark: local:MODEL, openai:URL#model"
    )  # fmt: skip
    run.add_argument("--batch", type=count, default=32, metavar="N", help="prompts at a time")
    run.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda ...")
    _add_requests(run)
    run.add_argument("--fresh", action="store_true", help="ask everything anew")
    run.add_argument(
        "--allow-missing", action="store_true", help="items without an answer count as wrong"
    )
    run.set_defaults(run=run_run, resumes=True)


def _add_requests(run: argparse.ArgumentParser) -> None:
    """Add the options of served models."""
    run.add_argument(
        "--concurrency", type=count, default=8, metavar="N", help="requests at a time (served)"
    )
    run.add_argument(
        "--timeout", type=seconds, default=120.0, metavar="SECONDS", help="of one request (served)"
    )
    run.add_argument(
        "--retries", type=int, default=4, metavar="N", help="of one request (served, default: 4)"
    )


def run_run(args: argparse.Namespace) -> int:
    """Evaluate."""
    from counterfactory.eval.crew import crew_of
    from counterfactory.eval.plan import Plan
    from counterfactory.eval.run import evaluate
    from counterfactory.eval.select import selection
    from counterfactory.eval.suites import suite_named
    from counterfactory.factory.run.disk import disk_errors
    from counterfactory.loop.filtering import answerer_of, model_behind

    if args.temperature is not None and not 0 < args.temperature <= 10:
        raise UserError(f"--temperature: found {args.temperature}, expected a number up to 10")
    plan = Plan(
        suite=suite_named(args.suite), split=args.split, limit=args.limit, tasks=tuple(args.tasks),
        select=selection(args.select, temperature=args.temperature, seed=args.seed),
        margins=args.margins, judge=args.judge, reflect=args.reflect,
    )  # fmt: skip
    plan.chosen()
    crew = crew_of()
    try:
        device = crew.device if args.device == "auto" else args.device
        model = answerer_of(
            args.model, batch=args.batch, device=device,
            concurrency=args.concurrency, timeout=args.timeout, retries=max(args.retries, 0),
        )  # fmt: skip
        warnings = _contamination(model_behind(args.model), plan.suite.name)
        if crew.first:
            _loudly(warnings)
        with disk_errors(args.out):
            result = evaluate(
                model, plan, args.out, fresh=args.fresh, allow_missing=args.allow_missing, crew=crew
            )
    except UserError:
        if crew.first:
            raise
        return 2  # the first process says it for all
    finally:
        crew.leave()
    if crew.first:
        answer(args, {**result, "warnings": warnings}, told(result))
        _loudly(warnings)
    return 0


def _contamination(model: str, suite: str) -> list[str]:
    if model.startswith(("openai:", "dummy:")):
        return []
    from counterfactory.eval.contaminated import warnings
    from counterfactory.models.ids import locate

    return warnings(locate("vlm", model.removeprefix("blank:")), suite)[1]


def _loudly(lines: list[str]) -> None:
    for line in lines:
        sys.stderr.write(f"counterfactory: {line}\n")


def told(result: dict[str, Any]) -> str:
    """Return the result for people: axes and tasks with their intervals."""
    head = (
        f"{result['model']} on {result['suite']}/{result['split']}: {result['items']} items, "
        f"{result['asked']} asked, {result['seconds']:.0f} s"
    )
    rows = [("  axis", "value", "95 % interval", "n")]
    rows += [(f"  {name}", *_cells(one)) for name, one in result["axes"].items()]
    tasks = [("  task", "value", "95 % interval", "n", "metric")]
    tasks += [(f"  {name}", *_cells(one), one["headline"]) for name, one in result["tasks"].items()]
    share = result["parse_failures"] / max(result["items"], 1)
    lines = [head, "", table(rows), "", table(tasks), ""]
    lines.append(f"unread answers  {result['parse_failures']} ({100 * share:.1f} %)")
    if result["unjudged"]:
        lines.append(f"unjudged        {result['unjudged']} (give a --judge)")
    if reflection := result.get("reflection"):
        lines.append(_reflected(reflection))
    lines.append(f"written to      {result['out']}")
    return "\n".join(lines)


def _reflected(found: dict[str, Any]) -> str:
    """Return what the cross-examination found in one line."""
    share = found["contradictions"]
    text = f"reflection      {found['claims']} claims of {found['items']} items"
    if share is not None:
        text += f", {100 * share:.1f} % taken back"
    if found["auc"] is not None:
        text += f"; predicts being wrong: AUC {found['auc']:.3f} [{found['low']:.3f}, {found['high']:.3f}]"
    return text


def _cells(one: dict[str, Any]) -> tuple[str, str, str]:
    value, low, high = (one[key] for key in ("value", "low", "high"))
    interval = f"{low:.3f} .. {high:.3f}" if low is not None and high is not None else "-"
    return (f"{value:.3f}" if value is not None else "-", interval, str(one["n"]))
