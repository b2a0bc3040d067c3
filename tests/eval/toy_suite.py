"""A suite of a few items and an answerer that counts, for tests of what lies between them.

suite = toy_suite(12)          # tasks "yes" (pairs) and "number", golds known
model = Counting(answers={...})
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from tests.tiny import picture

from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item, Suite, Task
from counterfactory.images import png


@lru_cache
def image(number: int) -> bytes:
    """Return a small picture."""
    return png(picture(number, 32, 32))


def yes_items(count: int, split: str) -> Iterator[Item]:
    """Yield pairs of yes/no questions about one picture each; golds alternate."""
    for number in range(count):
        yield Item(
            id=f"{split}-{number}", task="yes", cluster_id=f"{split}{number // 2}",
            group_id=f"pair{number // 2}", images=(image(number // 2),), slices=("kind:ball",),
            prompt=f"Is there a ball in picture {number}?", gold=("yes", "no")[number % 2],
            verifier="yes_no", max_tokens=4,
        )  # fmt: skip


def number_items(count: int, split: str) -> Iterator[Item]:
    """Yield counting questions."""
    for number in range(count):
        yield Item(
            id=f"{split}-{number}", task="number", cluster_id=f"{split}n{number}",
            images=(image(number),), prompt=f"How many balls are there? ({number})",
            gold=str(number % 5), verifier="number", max_tokens=4,
        )  # fmt: skip


def toy_suite(count: int = 12, name: str = "toy") -> Suite:
    """Return a suite of two tasks with `count` items each."""
    return Suite(
        name=name,
        tasks=(
            Task(name="yes", items=partial(yes_items, count), headline="pair_accuracy",
                 axis="hallucination", metrics=("accuracy", "f1_yes")),
            Task(name="number", items=partial(number_items, count), headline="accuracy", axis="math"),
        ),
    )  # fmt: skip


@dataclass
class Counting:
    """Says `said` to everything; writes each ask down; may fail or stop at the nth."""

    said: str = "yes"
    weights: str = "w0"
    log: Path | None = None
    stop_at: int = 0  # the nth ask never comes back
    fail_at: int = 0  # the nth ask fails
    name: str = "counting"
    asks: list[Ask] = field(default_factory=list)

    @property
    def weights_hash(self) -> str:
        return self.weights

    def identity(self) -> dict[str, Any]:
        return {"weights": self.weights}

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        return [reply for part in self.stream(asks) for reply in part.values()]

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Answer one by one."""
        for at, ask in enumerate(asks):
            self.asks.append(ask)
            if self.log is not None:
                with self.log.open("a") as stream:
                    stream.write(f"{len(self.asks)}\n")
            if len(self.asks) == self.stop_at:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGKILL)
            if len(self.asks) == self.fail_at:
                yield {at: Reply(error="the server hung up")}
                continue
            logps = tuple(-float(n) for n in range(len(ask.choices)))  # the first is likeliest
            yield {at: Reply(logps=logps) if logps else Reply(text=self.said, tokens=1)}
