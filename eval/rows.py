"""Rows of answers.parquet: from item, answer and mark to columns, written as they come.

with answers_file(out) as file:          # out/answers.parquet appears when all is written
    file.write([row_of(item, chosen, about)])
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from counterfactory.eval.answers import COLUMNS, UNPARSED, schema
from counterfactory.eval.items import Item
from counterfactory.eval.marking import Mark, mark
from counterfactory.eval.select import Chosen
from counterfactory.fingerprint import digest, digest_bytes

NAME = "answers.parquet"


def row_of(
    item: Item, chosen: Chosen, about: Mapping[str, str], margin: float | None = None
) -> dict[str, Any]:
    """Return one row. `about`: suite, split, weights_hash, judge, judge_prompt_hash."""
    marked = Mark(UNPARSED, "", False) if chosen.error else mark(item, chosen.raw)
    known = {
        "task": item.task, "item_id": item.id, "cluster_id": item.cluster_id,
        "group_id": item.group_id, "category": item.category, "slices": list(item.slices),
        "prompt_hash": prompt_hash(item), "image_hashes": [digest_bytes(i) for i in item.images],
        "prompt": item.prompt, "gold": item.gold, "verifier": item.verifier, "harmful": item.harmful,
        "raw": chosen.raw, "parsed": marked.parsed, "parse_ok": marked.parse_ok,
        "verdict": marked.verdict, "votes": list(chosen.votes), "margin": margin,
        "n_mention": marked.n_mention, "n_hall": marked.n_hall, "n_found": marked.n_found,
        "n_gold": marked.n_gold, "n_words": marked.n_words, "judge": "", "judge_prompt_hash": "",
        "tokens": chosen.tokens, "seconds": chosen.seconds, "error": chosen.error,
    }  # fmt: skip
    row = {**known, **about}
    return {name: row[name] for name in COLUMNS}


def prompt_hash(item: Item) -> str:
    """Return the identity of what is asked, pictures and gold aside."""
    return digest(
        {"content": item.content(), "options": list(item.options), "max_tokens": item.max_tokens}
    )


class TableFile:
    """A parquet file in the making: under another name until it is whole."""

    def __init__(self, path: Path, schema: Any) -> None:
        import pyarrow.parquet as pq

        self.path, self._schema = path, schema
        self._part = path.with_name(f".{path.name}.{os.getpid()}")
        self._file = pq.ParquetWriter(self._part, schema, compression="zstd")

    def write(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Append rows."""
        import pyarrow as pa

        if rows:
            self._file.write_table(pa.Table.from_pylist(list(rows), self._schema))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()
        if kind is None:
            self._part.replace(self.path)
        else:
            self._part.unlink(missing_ok=True)


def answers_file(out: Path) -> TableFile:
    """Return the file of an evaluation folder that answers go to."""
    return TableFile(out / NAME, schema())
