"""What the writers of exports share: rows one by one, pictures under safe names, files of JSON.

    work = Work(release, out, prefix="")
    for row in work.rows("sft", "train"):
        work.picture(row["images"][0])     -> "images/4f/4f0c9b...e1.png", written when it is new

A picture's name is the digest of its bytes, so no name in the data reaches the disk, equal pictures
are one file, and no folder grows beyond what file systems and the Hub like.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from counterfactory.errors import UserError
from counterfactory.factory.release.contents import scan
from counterfactory.progress import Progress

Row = Mapping[str, Any]

IMAGES = "images"
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", 0, "png"),
    (b"\xff\xd8\xff", 0, "jpg"),
    (b"WEBP", 8, "webp"),
    (b"GIF8", 0, "gif"),
    (b"BM", 0, "bmp"),
    (b"II*\x00", 0, "tiff"),
    (b"MM\x00*", 0, "tiff"),
)


def extension(data: bytes) -> str:
    """Return the file extension of an encoded picture, or "" when it is of no known kind.

    >>> extension(b"\\x89PNG\\r\\n\\x1a\\n...")
    'png'
    """
    return next((ext for mark, at, ext in _MAGIC if data[at : at + len(mark)] == mark), "")


@dataclass(slots=True, kw_only=True)
class Work:
    """One export under way: where it reads, where it writes, what it has written."""

    release: Path
    out: Path
    name: str  # of the release
    prefix: str = ""  # put before every path that a trainer opens
    progress: Progress | None = None
    pictures: int = 0  # different ones
    notes: dict[str, int] = field(default_factory=dict)  # what a user should know -> rows
    _folders: set[str] = field(default_factory=set)

    def rows(self, view: str, split: str, columns: Sequence[str] | None = None) -> Iterator[Row]:
        """Yield a view's rows one by one."""
        for row in scan(self.release, view, columns, split=split):
            yield row
            if self.progress is not None:
                self.progress.advance()

    def picture(self, cell: Row | None, place: str = "") -> str:
        """Write a picture unless it is there; return its path with the prefix."""
        return self.prefix + self.stored(cell, place)

    def stored(self, cell: Row | None, place: str = "") -> str:
        """Write a picture unless it is there; return its path below the export."""
        data, kind = encoded(cell, place)
        digest = sha256(data).hexdigest()[:32]
        folder = f"{IMAGES}/{digest[:2]}"
        path = self.out / folder / f"{digest}.{kind}"
        if digest[:2] not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(digest[:2])
        if not path.exists():
            path.write_bytes(data)
            self.pictures += 1
        return f"{folder}/{path.name}"

    def note(self, text: str) -> None:
        """Count a row that the form cannot hold in full."""
        self.notes[text] = self.notes.get(text, 0) + 1

    @contextmanager
    def lines(self, name: str) -> Iterator["Lines"]:
        """Open a file of JSON lines."""
        with self._open(name) as stream:
            yield Lines(stream)

    @contextmanager
    def array(self, name: str) -> Iterator["Lines"]:
        """Open a file with one JSON array, an item a line."""
        with self._open(name) as stream:
            stream.write("[\n")
            lines = Lines(stream, between=",\n")
            yield lines
            stream.write("\n]\n" if lines.count else "]\n")

    def _open(self, name: str) -> IO[str]:
        return (self.out / name).open("w", encoding="utf-8", newline="\n")


@dataclass(slots=True)
class Lines:
    """A file that takes one JSON value after the other."""

    stream: IO[str]
    between: str = ""
    count: int = 0

    def add(self, value: Mapping[str, Any]) -> None:
        """Write one value."""
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        if self.between:
            self.stream.write(self.between + text if self.count else text)
        else:
            self.stream.write(text + "\n")
        self.count += 1


def encoded(cell: Row | None, place: str = "") -> tuple[bytes, str]:
    """Return a picture's bytes as they are, and their extension. Raises `UserError` for none."""
    data = cell["bytes"] if cell else None
    kind = extension(data) if data else ""
    if not data or not kind:
        found = f"bytes of no known image format ({data[:8].hex()})" if data else "no bytes"
        raise UserError(
            f"{place or 'image'}: found {found}, expected one of "
            f"{', '.join(dict.fromkeys(ext for _, _, ext in _MAGIC))}; "
            "`counterfactory release validate` lists all such rows"
        )
    return data, kind


def said(messages: Iterable[Row]) -> str:
    """Return the text of a prompt or completion of one message."""
    return "\n".join(str(message["content"]) for message in messages)
