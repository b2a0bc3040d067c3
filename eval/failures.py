"""failures.parquet: a few wrong answers of every task with their pictures, for people to look at.

    kept = Failures()
    kept.of(items, rows)    ->  rows with task, item_id, prompt, gold, raw, verdict, images

The first wrong ones of a task are kept, not the worst: what is shown is not chosen by anybody. Large
pictures are made smaller.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from counterfactory.eval.answers import UNPARSED, WRONG
from counterfactory.eval.items import Item

NAME = "failures.parquet"
TOLD = ("task", "item_id", "prompt", "gold", "raw", "verdict")  # columns of answers.parquet
EACH = 3  # of a task
MOST_BYTES = 64 * 1024  # of a picture as it came
SIDE = 384  # pixels of one that was made smaller


def schema() -> Any:
    """Return the arrow schema of failures.parquet."""
    import pyarrow as pa

    fields = [(name, pa.string()) for name in TOLD]
    return pa.schema([*fields, ("images", pa.list_(pa.binary()))])


class Failures:
    """Picks the first wrong answers of each task."""

    def __init__(self) -> None:
        self._kept: Counter[str] = Counter()

    def of(self, items: Sequence[Item], rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return what is kept of a chunk; `rows` are its rows of answers.parquet."""
        found = []
        for item, row in zip(items, rows, strict=True):
            if row["verdict"] in (WRONG, UNPARSED) and self._kept[item.task] < EACH:
                self._kept[item.task] += 1
                images = [small(image) for image in item.images]
                found.append({name: row[name] for name in TOLD} | {"images": images})
        return found


def small(image: bytes) -> bytes:
    """Return an encoded picture that is small enough to show; one that is already, as it is."""
    if len(image) <= MOST_BYTES:
        return image
    from PIL import Image

    with Image.open(io.BytesIO(image)) as opened:
        opened.thumbnail((SIDE, SIDE))
        stream = io.BytesIO()
        opened.convert("RGB").save(stream, "JPEG", quality=85)
    return stream.getvalue()
