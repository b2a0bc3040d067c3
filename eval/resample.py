"""Resampling of whole clusters, jointly over all tasks that share them, as matrix products.

    block = Block({"existence": rows, "count": more_rows})   # they may share images
    sums = block.cluster_sums("existence", METRICS["f1_yes"])  # (clusters, 6)
    for weights in draws(block.size, 2000, rng):             # (some, clusters) times drawn
        METRICS["f1_yes"].combine(weights @ sums)            # (some,) resampled F1 values

Memory is a few megabytes whatever the number of rows: draws come in portions.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns, Floats, Ints, codes
from counterfactory.eval.counting import Units
from counterfactory.eval.metrics import Metric
from counterfactory.fingerprint import seed_for

PORTION = 1_000_000  # weights held at once


@dataclass(frozen=True, slots=True)
class Block:
    """Tasks that share clusters, resampled together, and each row's number of its cluster."""

    tasks: Mapping[str, Columns]
    clusters: Mapping[str, Ints]
    size: int  # clusters in all

    def units(self, task: str, metric: Metric) -> Units:
        """Return a metric's counts for each unit of a task, and each unit's cluster."""
        counts, rows = metric.parts(self.tasks[task])
        return counts, self.clusters[task][rows]

    def cluster_sums(self, task: str, metric: Metric) -> Floats:
        """Return a metric's counts for each cluster, (size, k)."""
        return add_up(*self.units(task, metric), self.size)

    def generator(self, seed: int, use: str) -> np.random.Generator:
        """Return the generator of one use: the same for the same tasks, whatever else runs."""
        return np.random.default_rng(seed_for(seed, use, *sorted(self.tasks)))


def add_up(counts: Floats, cluster: Ints, size: int) -> Floats:
    """Return the sums of counts in each cluster."""
    columns = [np.bincount(cluster, counts[:, k], size) for k in range(counts.shape[1])]
    return np.stack(columns, axis=1) if columns else np.zeros((size, 0))


def blocks(tasks: Mapping[str, Columns]) -> list[Block]:
    """Return the tasks in blocks that share no cluster. Raises `UserError` for a torn group."""
    for name, columns in tasks.items():
        _check_groups(name, columns)
    home: dict[str, str] = {name: name for name in tasks}  # a union-find over tasks
    owner: dict[str, str] = {}

    def root(name: str) -> str:
        while home[name] != name:
            name = home[name]
        return name

    for name, columns in tasks.items():
        for cluster in set(columns["cluster_id"]):
            home[root(name)] = root(owner.setdefault(cluster, name))
    together: dict[str, dict[str, Columns]] = {}
    for name, columns in tasks.items():
        together.setdefault(root(name), {})[name] = columns
    return [one_block(found) for found in together.values()]


def one_block(tasks: Mapping[str, Columns]) -> Block:
    """Return all these tasks as one block."""
    number, size = codes(np.concatenate([columns["cluster_id"] for columns in tasks.values()]))
    ends = np.cumsum([len(columns["cluster_id"]) for columns in tasks.values()])
    split = np.split(number, ends[:-1])
    return Block(tasks, dict(zip(tasks, split, strict=True)), size)


def _check_groups(name: str, columns: Columns) -> None:
    home: dict[str, str] = {}
    for group, cluster in zip(columns["group_id"], columns["cluster_id"], strict=True):
        if group and home.setdefault(group, cluster) != cluster:
            raise UserError(
                f"answers.parquet: task {name!r}: group {group!r} lies in the clusters "
                f"{home[group]!r} and {cluster!r}; a group belongs to one cluster"
            )


def draws(size: int, samples: int, rng: np.random.Generator) -> Iterator[Floats]:
    """Yield bootstrap weights in portions: how often each of `size` clusters was drawn."""
    for rows in _portions(size, samples):
        picked = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
        counts = np.bincount(picked.ravel(), minlength=rows * size)
        yield counts.reshape(rows, size).astype(np.float64)


def swaps(size: int, samples: int, rng: np.random.Generator) -> Iterator[NDArray[np.float64]]:
    """Yield permutations of two runs in portions: 1 where a cluster's answers change sides."""
    for rows in _portions(size, samples):
        bits = np.frombuffer(rng.bytes(-(-rows * size // 8)), dtype=np.uint8)
        yield np.unpackbits(bits)[: rows * size].reshape(rows, size).astype(np.float64)


def _portions(size: int, samples: int) -> Iterator[int]:
    step = max(1, PORTION // max(size, 1))
    for start in range(0, samples, step):
        yield min(step, samples - start)


def products(weights: Iterator[Floats], matrix: Floats) -> Floats:
    """Return all portions of weights times one matrix, (samples, columns)."""
    return np.concatenate([portion @ matrix for portion in weights])
