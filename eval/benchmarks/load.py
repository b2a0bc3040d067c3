"""Rows of a benchmark: from the Hub, or from a local folder, read lazily with images encoded.

    rows = load(BENCHMARKS["pope"])            # the Hub
    rows = load(BENCHMARKS["pope"], "mirror")  # mirror/pope/**/test*.parquet where mirror/pope is there
    rows[5]["question"], rows.revision         ->  "Is there a dog in the image?", "local:3f2a..."

Without a folder the environment variable COUNTERFACTORY_BENCHMARKS names it. What is not in it, or all
without one, is read from the Hub. What converters write (`python -m counterfactory.eval.convert`) is such
a folder, and `mirror/pope` may be a snapshot of the Hub's repository.
"""

import bisect
import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.base import Benchmark, Row
from counterfactory.fingerprint import digest, digest_file

FOLDER = "COUNTERFACTORY_BENCHMARKS"
_log = logging.getLogger(__name__)


class Rows(Sequence[Row]):
    """Rows of all configs and splits of a benchmark, one after another. Nothing is decoded."""

    def __init__(self, tables: Sequence[tuple[str, str, Any]], revision: str, style: str) -> None:
        self.tables, self.revision, self.style = tables, revision, style
        self.ends: list[int] = []
        for _, _, table in tables:
            self.ends.append((self.ends[-1] if self.ends else 0) + len(table))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, index: Any) -> Any:
        if index < 0 or index >= len(self):
            raise IndexError(index)
        number = bisect.bisect_right(self.ends, index)
        config, split, table = self.tables[number]
        place = index - (self.ends[number - 1] if number else 0)
        marks = {"_row": place, "_config": config, "_split": split, "_style": self.style}
        return {**table[place], **marks}

    def __iter__(self) -> Iterator[Row]:
        return (self[index] for index in range(len(self)))


def load(benchmark: Benchmark, folder: str | Path | None = None, *, style: str = "") -> Rows:
    """Open a benchmark. Raises `UserError` when it cannot be had or a column is missing."""
    if style and style not in benchmark.styles:
        known = ", ".join(benchmark.styles) or "none"
        raise UserError(f"{benchmark.name}: prompt_style: found {style!r}, expected one of {known}")
    home = _home(benchmark, folder or os.environ.get(FOLDER) or "")
    tables, revision = _local(benchmark, home) if home else _hub(benchmark)
    tables = [(config, split, _prepared(benchmark, table)) for config, split, table in tables]
    rows = Rows(tables, revision, style)
    found = len(rows) * benchmark.parts
    if not found:
        raise UserError(f"{benchmark.name}: no rows in {home or benchmark.hub}")
    if benchmark.size and found != benchmark.size:
        _log.warning(
            "%s: found %d items, the published benchmark has %d: numbers cannot be compared with "
            "published ones", benchmark.name, found, benchmark.size,
        )  # fmt: skip
    return rows


def _prepared(benchmark: Benchmark, table: Any) -> Any:
    """Return a dataset with its columns checked, its rows chosen and its images left encoded."""
    import datasets

    if missing := [name for name in benchmark.columns if name not in table.column_names]:
        raise UserError(
            f"{benchmark.name}: column {missing[0]!r} is missing, found "
            f"{', '.join(table.column_names)}"
        )
    if benchmark.keep:
        column, value = benchmark.keep
        chosen = [index for index, cell in enumerate(table[column]) if cell == value]
        table = table.select(chosen)
    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(name, datasets.Image(decode=False))
    return table


def _home(benchmark: Benchmark, folder: str | Path) -> Path | None:
    """Return the benchmark's own folder; None when the Hub has it and `folder` does not."""
    if not folder:
        return None
    mirror = Path(folder).expanduser()
    if not mirror.is_dir():
        raise UserError(f"{mirror}: found no such folder, expected one of benchmarks ({FOLDER})")
    home = mirror / (benchmark.folder or benchmark.name)
    return home if home.is_dir() or not benchmark.hub else None


def _local(benchmark: Benchmark, home: Path) -> tuple[list[tuple[str, str, Any]], str]:
    """Return the parquet files of a folder as datasets, and the digest of all of them."""
    import datasets

    tables: list[tuple[str, str, Any]] = []
    digests: dict[str, str] = {}
    for config in benchmark.configs:
        for split in benchmark.splits:
            files = _files(home, config, split)
            if not files:
                raise UserError(
                    f"{benchmark.name}: no {split}*.parquet below {home}"
                    + (f" in a folder {config}" if config else "") + _how(benchmark)
                )  # fmt: skip
            digests |= {path.relative_to(home).as_posix(): digest_file(path) for path in files}
            names = [str(path) for path in files]
            try:
                table = datasets.load_dataset("parquet", data_files={split: names}, split=split)
            except Exception as error:  # pyarrow and datasets raise many kinds for a damaged file
                raise UserError(f"{files[0]}: cannot be read: {_line(error)}") from None
            tables.append((config, split, table))
    return tables, f"local:{digest(digests)[:16]}"


def _files(home: Path, config: str, split: str) -> list[Path]:
    """Return a split's files: `split.parquet` or `split-00000-of-00001.parquet`, in config's folder."""
    name = re.compile(rf"{re.escape(split)}(?:-\d+-of-\d+)?\.parquet")
    found = [path for path in sorted(home.rglob("*.parquet")) if name.fullmatch(path.name)]
    return [path for path in found if not config or config in path.relative_to(home).parts[:-1]]


def _hub(benchmark: Benchmark) -> tuple[list[tuple[str, str, Any]], str]:
    """Return the datasets of the Hub, and the commit that was read."""
    import datasets

    if not benchmark.hub:
        raise UserError(f"{benchmark.name}: there is no parquet of it on the Hub{_how(benchmark)}")
    tables, commits = [], set()
    for config in benchmark.configs:
        for split in benchmark.splits:
            try:
                table = datasets.load_dataset(
                    benchmark.hub, config or None, split=split, revision=benchmark.revision or None
                )
            except (
                Exception
            ) as error:  # offline, moved, gated, no such split: all the user's to mend
                raise UserError(
                    f"{benchmark.name}: dataset {benchmark.hub} cannot be had: {_line(error)}"
                    f"{_how(benchmark)}"
                ) from None
            commits.add(_commit(table))
            tables.append((config, split, table))
    return tables, ",".join(sorted(commits))


def _commit(table: Any) -> str:
    """Return the commit of a dataset of the Hub: part of its cache's path, and of its file list."""
    places = [file["filename"] for file in table.cache_files]
    places += list(table.info.download_checksums or {})
    found = re.search(r"(?<![0-9a-f])[0-9a-f]{40}(?![0-9a-f])", "\n".join(places))
    return f"hub:{found[0]}" if found else "hub:unknown"


def _how(benchmark: Benchmark) -> str:
    """Return how to come by the benchmark's folder."""
    step = f"put its parquet files into FOLDER/{benchmark.folder or benchmark.name}"
    if name := benchmark.converter:
        step = f"make it: python -m counterfactory.eval.convert {name} SOURCE --out FOLDER"
    return f"; {step}, then set {FOLDER}=FOLDER"


def _line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
