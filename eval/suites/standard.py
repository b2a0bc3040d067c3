"""The suite `standard`: published benchmarks, whole or in parts that share no picture.

    suite = STANDARD
    next(suite.task("pope").items("all"))      # the official set: numbers to compare with papers
    next(suite.task("pope").items("gate"))     # a fixed part of it

Where an item lies is decided by its cluster (a picture, a set of figures), so `mine`, `gate` and `final`
share none; photographs of COCO go by their number and lie in the same part in every benchmark.
`mine` may steer what is built, never be copied: no benchmark's test set is for training.
"""

import hashlib
from collections.abc import Callable, Iterator

from counterfactory.eval.benchmarks import BENCHMARKS, Benchmark, load
from counterfactory.eval.items import SPLITS, Item, Suite, Task

ALL = "all"  # everything, as published
SHARES = {"mine": 0.2, "gate": 0.4, "final": 0.4}


def split_of(cluster_id: str) -> str:
    """Return the part that a cluster lies in, the same on every machine.

    >>> split_of("coco:310196") in SHARES
    True
    """
    place = int.from_bytes(hashlib.sha256(cluster_id.encode()).digest()[:8], "big") / 2**64
    for name, share in SHARES.items():
        place -= share
        if place < 0:
            return name
    return SPLITS[-1]


def items_of(benchmark: Benchmark) -> Callable[[str], Iterator[Item]]:
    """Return the function that streams a benchmark's items of one split."""

    def items(split: str) -> Iterator[Item]:
        for row in load(benchmark):
            for item in benchmark.items_of(row):
                if split in (ALL, split_of(item.cluster_id)):
                    yield item

    return items


def task_of(benchmark: Benchmark) -> Task:
    """Return a benchmark as a task. A bound is reported, but stands for no axis."""
    return Task(
        name=benchmark.name,
        items=items_of(benchmark),
        headline=benchmark.headline,
        axis="" if benchmark.name.endswith("_rule") else benchmark.axis,
        metrics=benchmark.metrics,
        version=benchmark.version,
        source=lambda: load(benchmark).revision,
    )


STANDARD = Suite(
    name="standard",
    tasks=tuple(task_of(benchmark) for benchmark in BENCHMARKS.values()),
    splits=(*SPLITS, ALL),
)
