"""One batch, made: samples -> chain -> rows and fates. What a worker does; it writes nothing.

    maker = Maker(Work(recipe=recipe, workdir=work, provenance=provenance))
    maker.make(Task(12))       -> Made(batch=12, rows=b"PAR1...", fates=[Fate(...), ...], seconds=3.1)
    maker.make(Task(12, 385))  -> the same for one sample of it, after the batch has killed two workers

Batch i is samples [i * batch, (i + 1) * batch) of the source, whoever works on it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from counterfactory.factory.run import segments
from counterfactory.factory.run.chain import Chain, Outcome, failed, pass_on, sample_key
from counterfactory.factory.run.ledger import Fate
from counterfactory.records import Candidate, Reason, Reject

if TYPE_CHECKING:
    from counterfactory.factory.ops.base import Context
    from counterfactory.factory.recipe import Recipe
    from counterfactory.factory.release.rows import Provenance, Row
    from counterfactory.factory.sources.base import OpenSource

SOURCE, WORKER, ROW = "source", "worker", "row"
"""Stages beside the ops and checks: a sample could not be loaded, killed every worker, or could not be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """All that a worker must know. It travels by pickle."""

    recipe: "Recipe"
    workdir: Path
    provenance: "Provenance"


@dataclass(frozen=True, slots=True)
class Task:
    """One batch, or one sample of it alone."""

    batch: int
    index: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A finished task: its rows as Parquet bytes, and what became of every candidate."""

    batch: int
    rows: bytes
    fates: list[Fate]
    seconds: float


def batches(samples: int, size: int) -> int:
    """Return how many batches `samples` make.

    >>> batches(65, 32)
    3
    """
    return -(-samples // size)


def indexes(batch: int, size: int, samples: int) -> range:
    """Return the samples of one batch."""
    return range(batch * size, min((batch + 1) * size, samples))


def samples_digest(source: "OpenSource") -> str:
    """Return the digest of the keys of all samples: the same set in the same order, or not."""
    keys = sha256()
    for index in range(len(source)):
        keys.update(f"{source.key(index)}\n".encode())
    return keys.hexdigest()


def context_of(recipe: "Recipe", workdir: Path) -> "Context":
    """Return what ops and checks are set up with in this process."""
    from counterfactory.factory.ops.base import Context
    from counterfactory.models import Models

    return Context(
        recipe_seed=recipe.seed, focus=tuple(recipe.focus), models=Models(), workdir=workdir
    )


class Maker:
    """A recipe's source and chain, opened in this process."""

    def __init__(self, work: Work) -> None:
        recipe = work.recipe
        self.size, self.provenance = recipe.source.batch, work.provenance
        self.source = recipe.source.open(work.workdir, recipe.seed)
        self.chain = Chain(recipe, context_of(recipe, work.workdir))

    def make(self, task: Task) -> Made:
        """Return the rows and fates of a task."""
        started = time.monotonic()
        which = (
            indexes(task.batch, self.size, len(self.source)) if task.index is None else [task.index]
        )
        rows: list[Row] = []
        fates: list[Fate] = []
        for position, one in enumerate(self.chain.run([self._load(index) for index in which])):
            row = self._row(one) if isinstance(one, Candidate) else one
            if isinstance(row, Reject):
                fates.append(Fate.rejected(position, row))
            else:
                fates.append(Fate.kept(position, row["id"], row["group_id"], len(rows)))
                rows.append(row)
        seconds = time.monotonic() - started
        return Made(batch=task.batch, rows=segments.pack(rows), fates=fates, seconds=seconds)

    def _row(self, candidate: Candidate) -> "Row | Reject":
        from counterfactory.factory.release.rows import to_row

        try:
            return to_row(candidate, self.provenance)
        except Exception as error:  # an op left something that is no picture or no text
            pass_on(error)
            return failed(candidate.key, ROW, Reason.OP_FAILED, error, candidate.sample.id)

    def _load(self, index: int) -> Outcome:
        key = self.source.key(index)
        try:
            return self.chain.bare(key, self.source.load(index))
        except Exception as error:
            pass_on(error)
            return failed(
                sample_key(self.chain.digest, key), SOURCE, Reason.OP_FAILED, error, parent=""
            )


def lost(task: Task, key: str) -> Made:
    """Return what is left of a sample that kills every worker: one Reject."""
    reject = Reject(id=key, stage=WORKER, reason=Reason.OP_FAILED, note="worker died")
    return Made(batch=task.batch, rows=b"", fates=[Fate.rejected(0, reject)], seconds=0.0)


def joined(parts: Sequence[Made]) -> Made:
    """Return the samples of one batch, made alone, as that batch."""
    fates: list[Fate] = []
    rows = 0
    for part in parts:
        fates += [
            fate._replace(
                position=len(fates) + fate.position,
                segment_row=None if fate.segment_row is None else rows + fate.segment_row,
            )
            for fate in part.fates
        ]
        rows += sum(fate.segment_row is not None for fate in part.fates)
    return Made(
        batch=parts[0].batch,
        rows=segments.join([part.rows for part in parts]),
        fates=fates,
        seconds=sum(part.seconds for part in parts),
    )
