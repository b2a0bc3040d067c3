"""What one evaluation asks: a suite's items in chunks, cut to a limit, shared out among processes.

    plan = Plan(suite=suite_named("pocket"), split="gate", limit=50)
    for items in plan.chunks(): ...

A limit cuts each task after whole groups, so that pairs stay pairs. Processes share items by
cluster, so that all questions about one picture go to one of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.items import Item, Suite, Task
from counterfactory.eval.select import Selection
from counterfactory.fingerprint import digest

CHUNK = 2048  # items in memory at a time: many, so that questions about one picture meet
CHUNK_BYTES = 256 * 1024 * 1024  # and their encoded pictures, shared ones counted each time
FORM = 1  # of an evaluation folder; raised when what is written changes


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One evaluation, the model aside."""

    suite: Suite
    split: str = "gate"
    limit: int | None = None  # items of each task
    tasks: tuple[str, ...] = ()  # empty: all
    select: Selection = field(default_factory=Selection)
    margins: bool = False
    judge: str = ""
    reflect: bool = False
    examined: int | None = None  # items of each task that `reflect` looks at; None: all

    def chosen(self) -> tuple[Task, ...]:
        """Return the tasks. Raises `UserError` for an unknown split or task."""
        if self.split not in self.suite.splits:
            raise UserError(
                f"suite {self.suite.name!r}: no split {self.split!r}; "
                f"there are: {', '.join(self.suite.splits)}"
            )
        if not self.tasks:
            return self.suite.tasks
        wanted = {self.suite.task(name).name for name in self.tasks}
        return tuple(task for task in self.suite.tasks if task.name in wanted)

    def items(self) -> Iterator[Item]:
        """Yield all items, always in the same order."""
        return chain.from_iterable(
            limited(task.items(self.split), self.limit) for task in self.chosen()
        )

    def chunks(self, rank: int = 0, world: int = 1) -> Iterator[list[Item]]:
        """Yield the items, or one process's share of them, a chunk at a time."""
        items = self.items()
        if world > 1:
            items = (item for item in items if rank_of(item, world) == rank)
        chunk: list[Item] = []
        size = 0
        for item in items:
            chunk.append(item)
            size += sum(len(image) for image in item.images)
            if len(chunk) == CHUNK or size >= CHUNK_BYTES:
                yield chunk
                chunk, size = [], 0
        if chunk:
            yield chunk

    def sources(self) -> dict[str, str]:
        """Return what each task reads, where that is not part of this code: `hub:COMMIT`."""
        return {task.name: task.source() for task in self.chosen() if task.source}

    def fingerprint(self, model: dict[str, Any]) -> str:
        """Return the identity of the evaluation: with the same one there is nothing to do."""
        return digest(
            {
                "form": FORM, "model": model, "suite": self.suite.name, "version": self.suite.version,
                "tasks": {task.name: task.version for task in self.chosen()},
                "split": self.split, "limit": self.limit, "judge": self.judge,
                "select": [str(self.select), self.select.temperature, self.select.seed],
                "margins": self.margins, "reflect": self.reflect, "sources": self.sources(),
                **({"examined": self.examined} if self.examined is not None else {}),
            }
        )  # fmt: skip


def limited(items: Iterator[Item], limit: int | None) -> Iterator[Item]:
    """Yield at most `limit` items, whole groups only (a first group that is larger is cut)."""
    if limit is None:
        yield from items
        return
    left = limit
    for _, group in groupby(items, key=lambda item: item.group_id or f"\0{item.id}"):
        some = list(islice(group, left + 1))
        if len(some) > left:
            yield from some[:left] if left == limit else []
            return
        yield from some
        left -= len(some)
        if not left:
            return


def rank_of(item: Item, world: int) -> int:
    """Return which of `world` processes asks an item."""
    return int(digest(item.cluster_id)[:8], 16) % world
