"""`eval run`: items stream past a model, answers are marked and written, numbers come out.

    result = evaluate(answerer_for("pocket"), Plan(suite=suite_named("pocket-quick")), Path("runs/a"))
    result["axes"]["spatial"]["value"]

Writes answers.parquet, failures.parquet, summary.json and results.json, with `reflect` also
reflections.parquet. Every reply is kept as it comes: killed and
started again, nothing is asked twice; done already, nothing is asked at all.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval import failures
from counterfactory.eval.asking import Answerer, Ask, Reply, in_order
from counterfactory.eval.crew import Crew
from counterfactory.eval.items import Item
from counterfactory.eval.margins import margins_of
from counterfactory.eval.plan import Plan
from counterfactory.eval.reflect import report
from counterfactory.eval.rows import NAME, TableFile, answers_file, row_of
from counterfactory.eval.select import Chosen, ask_of, choose
from counterfactory.eval.store import Remembering, store_for
from counterfactory.progress import Progress

SUMMARY, RESULTS = "summary.json", "results.json"
KEPT = "finished answers are kept; the same command asks what is missing"

log = logging.getLogger(__name__)


def evaluate(
    answerer: Answerer,
    plan: Plan,
    out: Path,
    *,
    fresh: bool = False,
    allow_missing: bool = False,
    crew: Crew | None = None,
    quiet: bool = False,
) -> dict[str, Any]:
    """Evaluate a model and return what `eval run --json` prints.

    `fresh` asks everything anew. Without `allow_missing` an item that gets no reply ends the run
    with a `UserError`; with it, such items are "unparsed" and count as wrong. In a crew the first
    process returns the result, the others an empty one.
    """
    crew = crew or Crew()
    tasks = plan.chosen()
    identity = answerer.identity()
    fingerprint = plan.fingerprint(identity)
    claim(out, answerer, plan)
    if not fresh and (done := finished(out, fingerprint)):
        return done if crew.first else {}
    started = time.monotonic()
    model = remembering(answerer, fresh)
    runner = Runner(model, plan, allow_missing, quiet)
    if crew.world > 1:
        _share(runner, crew)
        model.fresh = False
        if not crew.first:
            return {}
    write_rows(runner, out)
    asked = runner.others + model.asked
    about = {
        "model": answerer.name, "identity": identity, "fingerprint": fingerprint,
        "tasks_wanted": list(plan.tasks), "limit": plan.limit, "select": str(plan.select),
        "judge": plan.judge, "sources": plan.sources(), "asked": asked,
        "seconds": time.monotonic() - started,
    }  # fmt: skip
    return write_results(out, tasks, plan, about)


def write_rows(runner: "Runner", out: Path) -> None:
    """Ask and mark everything; answers, failures and reflections appear when all is done."""
    with ExitStack() as files:
        answers = files.enter_context(answers_file(out))
        wrong = files.enter_context(TableFile(out / failures.NAME, failures.schema()))
        claims = None
        if runner.plan.reflect:
            claims = files.enter_context(TableFile(out / report.NAME, report.schema()))
        kept, asked = failures.Failures(), Counter[str]()
        for items, rows in runner.chunks():
            answers.write(rows)
            wrong.write(kept.of(items, rows))
            if claims is not None:
                claims.write(runner.reflected(items, [row["raw"] for row in rows], asked))


class Runner:
    """Asks chunks of items and marks the answers."""

    def __init__(self, model: Remembering, plan: Plan, allow_missing: bool, quiet: bool) -> None:
        self.model, self.plan, self.allow_missing, self.quiet = model, plan, allow_missing, quiet
        self.others = 0  # asked by other processes
        self.tell = getattr(model.inner, "tell", None)
        self.judge: Any = None
        self.counter = self.progress(quiet=True)
        self.places = {task.name: at for at, task in enumerate(plan.chosen(), 1)}
        self.place = ""  # how far the tasks are
        self.about = {
            "suite": plan.suite.name, "split": plan.split, "weights_hash": model.weights_hash,
        }  # fmt: skip

    def chunks(self) -> Iterator[tuple[list[Item], list[dict[str, Any]]]]:
        """Yield items and their rows, a chunk at a time."""
        with self.progress() as self.counter:
            for items in self.plan.chunks():
                answers = self.answered(items)
                margins = margins_of(items, self.ask) if self.plan.margins else None
                rows = [
                    row_of(item, chosen, self.about, margins[at] if margins else None)
                    for at, (item, chosen) in enumerate(zip(items, answers, strict=True))
                ]
                self.judged(items, rows)
                yield items, rows

    def share(self, rank: int, world: int) -> None:
        """Ask one process's share; the replies are in the store afterwards."""
        asked = Counter[str]()
        with self.progress(rank > 0) as self.counter:
            for items in self.plan.chunks(rank, world):
                answers = self.answered(items)
                if self.plan.margins:
                    margins_of(items, self.ask)
                if self.plan.reflect:
                    self.reflected(items, [one.raw for one in answers], asked)

    def answered(self, items: Sequence[Item]) -> list[Chosen]:
        """Return the answers to some items. Raises `UserError` when one has none."""
        self.place = f"up to task {self.places[items[-1].task]} of {len(self.places)}"
        if self.tell is not None:
            self.tell(items, [ask_of(item) for item in items])
        chosen = choose(self.plan.select, items, self.ask)
        failed = [at for at, one in enumerate(chosen) if one.error]
        if failed and not self.allow_missing:
            item, why = items[failed[0]], chosen[failed[0]].error
            more = f" ({len(failed)} items of {len(items)} in a row)" if len(failed) > 1 else ""
            raise UserError(
                f"model {self.model.name!r}: no answer to item {item.id!r} of task {item.task!r}: "
                f"{why}{more}; {KEPT}"
            )
        return chosen

    def ask(self, asks: Sequence[Ask]) -> list[Reply]:
        """Ask the model; the counter follows."""

        def counted() -> Iterator[dict[int, Reply]]:
            for part in self.model.stream(asks):
                self.counter.advance(len(part), self.place)
                yield part

        return in_order(counted(), len(asks))

    def reflected(
        self, items: Sequence[Item], answers: Sequence[str], asked: Counter[str]
    ) -> list[dict[str, Any]]:
        """Hold the model against its own answers, so many of each task; `asked` counts them."""
        from counterfactory.eval.reflect.examine import reflect

        most, places = self.plan.examined, []
        for at, item in enumerate(items):
            if most is None or asked[item.task] < most:
                asked[item.task] += 1
                places.append(at)
        return reflect([items[at] for at in places], [answers[at] for at in places], self.ask)

    def judged(self, items: Sequence[Item], rows: list[dict[str, Any]]) -> None:
        """Let the judge decide what the rules left open."""
        if not self.plan.judge:
            return
        from counterfactory.eval.judging import Bench

        self.judge = self.judge or Bench(self.plan.judge)
        self.judge.decide(items, rows)

    def progress(self, quiet: bool = False) -> Progress:
        """Return the counter shown while asking."""
        return Progress(None, self.plan.suite.name, unit="answers", quiet=self.quiet or quiet)


def remembering(answerer: Answerer, fresh: bool = False) -> Remembering:
    """Return the answerer with its store; a dummy needs none."""
    store = None if answerer.weights_hash == "dummy" else store_for(answerer.identity())
    return Remembering(answerer, store, fresh=fresh)


def _share(runner: Runner, crew: Crew) -> None:
    """Ask together: every process its share; the first trouble of any is everybody's."""
    trouble = ""
    try:
        runner.share(crew.rank, crew.world)
    except UserError as error:
        trouble = str(error)
    found = crew.together((runner.model.asked, trouble))
    for _, problem in found:
        if problem:
            raise UserError(problem)
    runner.others = sum(asked for asked, _ in found) - runner.model.asked
    runner.quiet = True


def finished(out: Path, fingerprint: str) -> dict[str, Any]:
    """Return the result of this very evaluation when it is done already, else nothing."""
    try:
        summary = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
        done = summary["run"]["fingerprint"] == fingerprint and (out / NAME).is_file()
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return result_of(summary, out, asked=0, seconds=0.0) if done else {}


def claim(out: Path, answerer: Answerer, plan: Plan) -> None:
    """Make the folder. Raises `UserError` when it holds another model's or suite's evaluation."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out {out}: {error.strerror}") from None
    try:
        summary = json.loads((out / SUMMARY).read_text(encoding="utf-8"))
        was = (summary["run"]["model"], summary["suite"], summary["split"])
    except (OSError, ValueError, KeyError, TypeError):
        return
    now = (answerer.name, plan.suite.name, plan.split)
    if was != now:
        raise UserError(
            f"--out {out}: holds the evaluation of {was[0]!r} on {was[1]}/{was[2]}, not of "
            f"{now[0]!r} on {now[1]}/{now[2]}; choose another folder"
        )


def write_results(out: Path, tasks: Any, plan: Plan, about: dict[str, Any]) -> dict[str, Any]:
    """Summarise answers.parquet, write summary.json and results.json, return the result."""
    from counterfactory.eval.columns import read_columns
    from counterfactory.eval.results import lm_eval_shape
    from counterfactory.eval.summary import summarise

    columns = read_columns(out)
    summary = summarise(columns, tasks)
    summary["run"] = about
    if plan.reflect:
        keys = zip(columns["task"], columns["item_id"], strict=True)
        verdicts = dict(zip(keys, columns["verdict"], strict=True))
        summary["reflection"] = report.report(report.read_reflections(out), verdicts)
    _write(out / RESULTS, lm_eval_shape(summary, tasks))
    _write(out / SUMMARY, summary)
    return result_of(summary, out, asked=about["asked"], seconds=about["seconds"])


def result_of(summary: dict[str, Any], out: Path, *, asked: int, seconds: float) -> dict[str, Any]:
    """Return what `eval run --json` prints."""
    run = summary["run"]
    return {
        "suite": summary["suite"], "split": summary["split"], "model": run["model"],
        "weights_hash": summary["weights_hash"], "axes": summary["axes"],
        "tasks": summary["tasks"], "parse_failures": summary["parse_failures"],
        "unjudged": summary["unjudged"], "items": summary["items"], "asked": asked,
        "seconds": round(seconds, 2), "items_per_second": round(summary["items"] / seconds, 1) if seconds else None,
        "out": str(out), **({"reflection": summary["reflection"]} if "reflection" in summary else {}),
    }  # fmt: skip


def _write(path: Path, value: dict[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(
        json.dumps(value, indent=1, allow_nan=False, default=str) + "\n", encoding="utf-8"
    )
    part.replace(path)
