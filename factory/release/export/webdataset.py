"""WebDataset: tar files of pictures, captions and JSON, for open_clip and every streaming loader.

    clip-train-000000.tar   4f0c-a.png  4f0c-a.txt  4f0c-a.neg.png  4f0c-a.json {"neg_caption": ...}
    sft-train-000000.tar    9b2e-q0.0.png  9b2e-q0.1.png  9b2e-q0.json {"conversations": [...]}
    sizes.json              {"clip-train-000000.tar": 250}      # open_clip reads it

open_clip wants at least one tar file for each of its workers, so small splits are cut into several:
16 where rows suffice, of at most 10,000 rows or one gibibyte each.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from counterfactory.factory.release.contents import contents
from counterfactory.factory.release.export.tar import Tar
from counterfactory.factory.release.export.work import Row, Work, encoded

SIZES = "sizes.json"
SHARDS, LEAST_ROWS, MOST_ROWS, MOST_BYTES = 16, 32, 10_000, 2**30
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")

Member = tuple[str, bytes]  # extension, bytes


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `clip` or `sft`; return the names of the files."""
    total = contents(work.release)[view].splits[split]
    shards = _Shards(work, f"{view}-{split}", per_shard(total))
    members = _clip if view == "clip" else _sft
    with shards:
        for row in work.rows(view, split, COLUMNS[view]):
            shards.add(key(row["id"]), members(row))
    path = work.out / SIZES
    sizes = json.loads(path.read_bytes()) if path.exists() else {}
    text = json.dumps(sizes | shards.rows, indent=2) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    return [*shards.rows, SIZES]


def key(row_id: str) -> str:
    """Return a row's name in a tar file: its id, or a digest where that is no safe name.

    >>> key("4f0c-a"), key("../../etc/passwd")
    ('4f0c-a', 'x3754d6cb3a38e1185e5b382d5f3ef3f')
    """
    if _SAFE.fullmatch(row_id):
        return row_id
    return "x" + sha256(row_id.encode()).hexdigest()[:31]


def per_shard(rows: int) -> int:
    """Return how many rows go into one tar file.

    >>> per_shard(100), per_shard(4000), per_shard(10**6)
    (32, 250, 10000)
    """
    return min(MOST_ROWS, max(LEAST_ROWS, -(-rows // SHARDS)))


COLUMNS = {
    "clip": ["id", "image", "caption", "neg_caption", "neg_image"],
    "sft": ["id", "images", "conversations"],
}


def _clip(row: Row) -> Iterator[Member]:
    data, kind = encoded(row["image"], f"clip/{row['id']}")
    yield kind, data
    yield "txt", row["caption"].encode()
    if row["neg_image"] is not None:
        data, kind = encoded(row["neg_image"], f"clip/{row['id']} neg_image")
        yield f"neg.{kind}", data
    yield "json", _json({"id": row["id"], "neg_caption": row["neg_caption"]})


def _sft(row: Row) -> Iterator[Member]:
    for number, cell in enumerate(row["images"]):
        data, kind = encoded(cell, f"sft/{row['id']}")
        yield (f"{number}.{kind}" if len(row["images"]) > 1 else kind), data
    yield "json", _json({"id": row["id"], "conversations": row["conversations"]})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@dataclass(slots=True)
class _Shards:
    """The tar files of one split; the next begins when one is full."""

    work: Work
    stem: str
    most: int
    rows: dict[str, int] = field(default_factory=dict)  # file -> rows
    _tar: Tar | None = None

    def add(self, name: str, members: Iterator[Member]) -> None:
        if self._tar is None or self.rows[self._last()] >= self.most or self._tar.size > MOST_BYTES:
            self._next()
        assert self._tar is not None
        for kind, data in members:
            self._tar.add(f"{name}.{kind}", data)
        self.rows[self._last()] += 1

    def _last(self) -> str:
        return f"{self.stem}-{len(self.rows) - 1:06d}.tar"

    def _next(self) -> None:
        if self._tar is not None:
            self._tar.close()
        self.rows[f"{self.stem}-{len(self.rows):06d}.tar"] = 0
        self._tar = Tar(self.work.out / self._last())

    def __enter__(self) -> "_Shards":
        return self

    def __exit__(self, *_: object) -> None:
        if self._tar is not None:
            self._tar.close()
