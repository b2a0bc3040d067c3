"""File contents by their sha256: written once, whole or absent, never changed.

    blobs = Blobs(repo_folder)
    blobs.put(stream, limit=10**9, sha256=oid)          ->  Refusal if it is another content, or larger
    with blobs.together() as put:
        blob = put(b"# Hello")                          ->  Blob(sha256, size, git)
    blobs.path(blob.sha256)                             ->  .../blobs/9f/9f86d0...

What a killed server left behind lies in `incoming/` and is swept at the next start.
"""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4

from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.run.disk import TEMPORARY, sync

CHUNK = 2**20
SYNCS = 8  # files that are synced side by side


class Source(Protocol):
    """What a content is read from; 0 bytes mean the end."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer and say how far."""


class Blob(NamedTuple):
    """One content."""

    sha256: str
    size: int
    git: str = ""
    """What git would call it; not told of large contents, for which git has a pointer instead."""


class Blobs:
    """The contents of one repository."""

    def __init__(self, folder: Path) -> None:
        self._kept, self._incoming = folder / "blobs", folder / "incoming"

    def make(self) -> None:
        """Make the folders, and forget uploads that never ended."""
        self._kept.mkdir(parents=True, exist_ok=True)
        self._incoming.mkdir(exist_ok=True)
        for left in self._incoming.iterdir():
            left.unlink()

    def path(self, sha256: str) -> Path:
        """Return where a content lies, or would lie."""
        return self._kept / sha256[:2] / sha256

    def size(self, sha256: str) -> int | None:
        """Return a content's size in bytes; None when it is not here."""
        try:
            return self.path(sha256).stat().st_size
        except FileNotFoundError:
            return None

    def put(self, source: Source, *, limit: int, sha256: str = "") -> Blob:
        """Keep a content; it is on the disk when this returns.

        Raises `Refusal` when it is larger than `limit` bytes and when its digest is not `sha256` (if
        that is given). Nothing is kept then.
        """
        temporary = self._temporary()
        try:
            with self._standing():
                blob = _write(temporary, source, limit)
                if sha256 and blob.sha256 != sha256:
                    raise Refusal(
                        400, f"Wrong content: its sha256 is {blob.sha256}, expected {sha256}"
                    )
                self._keep({blob.sha256: temporary})
        finally:
            temporary.unlink(missing_ok=True)
        return blob

    @contextmanager
    def together(self) -> Iterator[Callable[[bytes], Blob]]:
        """Give a function that takes small contents; all of them are on the disk when the block ends.

        They are synced side by side, which costs a fraction of one after the other.
        """
        waiting: dict[str, Path] = {}

        def put(data: bytes) -> Blob:
            blob = Blob(hashlib.sha256(data).hexdigest(), len(data), git_id(data))
            if blob.sha256 not in waiting and self.size(blob.sha256) is None:
                path = self._temporary()
                waiting[blob.sha256] = path
                with self._standing():
                    path.write_bytes(data)
            return blob

        try:
            yield put
            with self._standing(), ThreadPoolExecutor(SYNCS) as pool:
                list(pool.map(sync, waiting.values()))
                self._keep(waiting)
        finally:
            for path in waiting.values():
                path.unlink(missing_ok=True)

    def _temporary(self) -> Path:
        return self._incoming / f"{uuid4().hex}{TEMPORARY}"

    def _keep(self, written: Mapping[str, Path]) -> None:
        """Give synced files their names."""
        folders = {self.path(sha256).parent for sha256 in written}
        for folder in folders:
            folder.mkdir(exist_ok=True)
        for sha256, path in written.items():
            path.replace(self.path(sha256))
        for folder in folders | ({self._kept} if folders else set()):
            sync(folder)

    @contextmanager
    def _standing(self) -> Iterator[None]:
        """Say so when the repository was removed meanwhile."""
        try:
            yield
        except FileNotFoundError as error:
            raise Refusal.missing_repo("removed while it was written to") from error


def git_id(data: bytes) -> str:
    """Return git's id of a file's content.

    >>> git_id(b"")
    'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391'
    """
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def pointer(sha256: str, size: int) -> bytes:
    """Return what git holds in place of a large file."""
    return (
        f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()
    )


def _write(path: Path, source: Source, limit: int) -> Blob:
    """Write a content to a new file; it is hashed beside, while the next part comes in."""
    digest, size = hashlib.sha256(), 0
    with path.open("xb", buffering=0) as stream, ThreadPoolExecutor(1) as hasher:
        hashed: Future[None] | None = None
        for buffer in cycle([memoryview(bytearray(CHUNK)) for _ in range(2)]):
            part = buffer[: _fill(source, buffer)]
            size += len(part)
            if size > limit:
                raise Refusal(413, f"Too large: more than the {limit} bytes that are allowed here")
            if hashed:
                hashed.result()  # the other buffer is free again
            if not part:
                break
            hashed = hasher.submit(digest.update, part)
            while part:
                part = part[stream.write(part) :]
        os.fsync(stream.fileno())
    return Blob(digest.hexdigest(), size)


def _fill(source: Source, buffer: memoryview) -> int:
    """Read until a buffer is full or the source is at its end, and say how far."""
    count = 0
    while count < len(buffer) and (read := source.readinto(buffer[count:])):
        count += read
    return count
