"""From segments to views: rows stream by in candidate order, meet the global checks, and are
written.

    assemble(recipe, ledger, segments, folder, provenance, watchers) -> {"pairs": 812, "sft": 2436, "rejects": 1188}

The order is that of batches and of positions in them, never that of completion, so the files do not
depend on who made what when. Nothing but one view's open row group is held in memory. The ledger
learns of late rejects in the caller's transaction: a killed assembly leaves no trace.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from counterfactory.factory.release.views import VIEWS
from counterfactory.factory.run.chain import failed, pass_on
from counterfactory.factory.run.ledger import Fate, Ledger
from counterfactory.factory.run.maker import context_of
from counterfactory.factory.run.segments import Segments
from counterfactory.factory.run.shards import Shards
from counterfactory.records import Reason, Reject, Verdict

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.release.rows import Provenance

Row = dict[str, Any]
Judge = tuple[str, Callable[[Mapping[str, Any]], Verdict]]


class Watcher(Protocol):
    """Sees every kept row go by: the card's measures, the oracle."""

    def add(self, row: Mapping[str, Any]) -> None:
        """Take note of one canonical row."""
        ...


def assemble(
    recipe: "Recipe", ledger: Ledger, segments: Segments, folder: Path, provenance: "Provenance",
    watchers: Sequence[Watcher] = (),
) -> dict[str, int]:  # fmt: skip
    """Write the recipe's views below `folder`; return the rows of each that is not empty."""
    shards = {view: Shards(folder / "data" / view, VIEWS[view].schema()) for view in recipe.views}
    ledger.reopen_late()
    for row, fate in _settled(recipe, ledger, segments, folder):
        if row is not None:
            row["provenance"] |= {
                "recipe": provenance.recipe, "recipe_fingerprint": provenance.recipe_fingerprint,
                "round": provenance.round,
            }  # fmt: skip
            for watcher in watchers:
                watcher.add(row)
        for view, files in shards.items():
            if (view == "rejects") == (row is None):
                for one in VIEWS[view].rows(fate.view() if row is None else row):
                    files.add(one)
    return {view: rows for view, files in shards.items() if (rows := files.close())}


def _settled(
    recipe: "Recipe", ledger: Ledger, segments: Segments, folder: Path
) -> Iterator[tuple[Row | None, Fate]]:
    """Yield every candidate in order with its row, or without one when it was rejected."""
    judges = _judges(recipe, folder)
    for batch in ledger.finished():
        rows = segments.rows(batch)
        for fate in ledger.fates(batch):
            if fate.segment_row is None:
                yield None, fate
                continue
            row = next(rows)
            reject = _judged(row, judges)
            if reject is None:
                yield row, fate
            else:
                late = Fate.rejected(fate.position, reject)
                ledger.settle(batch, late)
                yield None, late


def _judges(recipe: "Recipe", folder: Path) -> list[Judge]:
    checks: list[Any] = [check for check in recipe.checks if check.scope == "global"]
    if not checks:
        return []
    context = context_of(recipe, folder)
    return [(check.name, check.setup(context)) for check in checks]


def _judged(row: Row, judges: Sequence[Judge]) -> Reject | None:
    """Return why a row is rejected by a global check; the verdicts it passed are added to it."""
    for stage, judge in judges:
        try:
            verdict = judge(row)
        except Exception as error:
            pass_on(error)
            return failed(row["id"], stage, Reason.CHECK_FAILED, error, row["group_id"])
        if not verdict.passed:
            return Reject(
                id=row["id"], stage=stage, reason=verdict.reason or Reason.CHECK_FAILED, metric=verdict.check,
                value=verdict.score, threshold=verdict.threshold, parents=(row["group_id"],),
            )  # fmt: skip
        row["verdicts"].append(
            {"check": verdict.check, "score": verdict.score, "threshold": verdict.threshold,
             "passed": verdict.passed, "judge": verdict.judge}
        )  # fmt: skip
    return None
