"""open_clip and NegCLIP: tables of captions with tabs between columns.

    filepath	title
    images/4f/4f0c.png	A red box.

NegCLIP's table has two columns more, both Python lists: `neg_caption`, and `neg_image`, the numbers
of the rows whose pictures are the negatives. A pair's two rows follow each other, so a negative is
looked for there; one that is not found gets a row of its own at the end of its pair.

Both are read by pandas, which takes a cell like "NA" for no text at all: such a caption gets a
blank behind it, which no tokenizer sees.
"""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from counterfactory.factory.release.export.work import Row, Work
from counterfactory.factory.release.views import base_id

MISSING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|None|n/a|nan|null".split(
        "|"
    )
)
"""What pandas reads as no text."""


def write_openclip(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `clip` for open_clip; return the names of the files."""
    name = f"{view}-{split}.csv"
    with _table(work, name, ["filepath", "title"]) as add:
        for row in work.rows(view, split, ["id", "image", "caption"]):
            add([work.picture(row["image"], f"{view}/{row['id']}"), title(row["caption"])])
    return [name]


def write_negclip(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `clip` for NegCLIP; return the names of the files."""
    name = f"{view}-{split}.csv"
    with _table(work, name, ["filepath", "title", "neg_caption", "neg_image"]) as add:
        start = 0
        for rows in _pairs(work, view, split):
            for line in rows:
                numbers = [start + number for number in line.pop()]
                add([*line, str(numbers)])
            start += len(rows)
    return [name]


def title(caption: str) -> str:
    """Return a caption that pandas reads as text."""
    return f"{caption} " if caption in MISSING else caption


def _pairs(work: Work, view: str, split: str) -> Iterator[list[list[Any]]]:
    """Yield the lines of one pair: path, title, negative captions, numbers within the pair."""
    columns = ["id", "image", "caption", "neg_caption", "neg_image"]
    rows = work.rows(view, split, columns)
    for _, group in groupby(rows, key=lambda row: base_id(view, row["id"])):
        members = [_stored(work, view, row) for row in group]
        paths = [path for path, *_ in members]
        for path, caption, negative, other in list(members):
            if other not in paths:
                members.append((other, negative, caption, path))
                paths.append(other)
        yield [
            [path, title(caption), str([negative]), [paths.index(other)]]
            for path, caption, negative, other in members
        ]


def _stored(work: Work, view: str, row: Row) -> tuple[str, str, str, str]:
    place = f"{view}/{row['id']}"
    paths = [work.picture(row[name], f"{place} {name}") for name in ("image", "neg_image")]
    return paths[0], row["caption"], row["neg_caption"], paths[1]


@contextmanager
def _table(work: Work, name: str, header: list[str]) -> Iterator[Callable[[list[str]], Any]]:
    """Open a file of cells between tabs, quoted where they hold a tab, a quote or a line's end."""
    with (work.out / name).open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        yield writer.writerow
