"""File contents by their sha256: written once, whole or absent, never changed.

    blobs = Blobs(repo_folder)
    blob = blobs.put(stream, limit=10**9, sha256=oid)   ->  Blob(sha256, size, git); Refusal if it is another content
    blobs.path(blob.sha256)                             ->  .../blobs/9f/9f86d0...

What a killed server left behind lies in `incoming/` and is swept at the next start.
"""

import errno
import hashlib
import os
from pathlib import Path
from typing import NamedTuple, Protocol
from uuid import uuid4

from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.run.disk import TEMPORARY, sync

CHUNK = 2**20
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Source(Protocol):
    """What a content is read from; 0 bytes mean the end."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Fill a buffer and say how far."""


class Blob(NamedTuple):
    """One content."""

    sha256: str
    size: int
    git: str
    """What git would call it (the SHA-1 of a blob object); empty when it was not asked for."""


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

        Raises `Refusal` when it is larger than `limit` bytes, when its digest is not `sha256` (if
        that is given), and when the disk is full. Nothing is kept then.
        """
        temporary = self._incoming / f"{uuid4().hex}{TEMPORARY}"
        try:
            blob = _write(temporary, source, limit)
            if sha256 and blob.sha256 != sha256:
                raise Refusal(400, f"Wrong content: its sha256 is {blob.sha256}, expected {sha256}")
            self._keep(temporary, blob.sha256)
        except FileNotFoundError as error:
            raise Refusal.missing_repo("deleted while it was written to") from error
        except OSError as error:
            if error.errno in _FULL:
                raise Refusal(507, f"The server's disk is full ({error.strerror})") from error
            raise
        finally:
            temporary.unlink(missing_ok=True)
        return blob

    def put_bytes(self, data: bytes) -> Blob:
        """Keep a small content; its git id is told as well."""
        blob = self.put(_Bytes(data), limit=len(data))
        return blob._replace(git=git_id(data))

    def _keep(self, temporary: Path, sha256: str) -> None:
        path = self.path(sha256)
        if path.exists():
            return
        new = not path.parent.exists()
        path.parent.mkdir(exist_ok=True)
        temporary.replace(path)
        sync(path.parent)
        if new:
            sync(self._kept)


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
    digest, size, buffer = hashlib.sha256(), 0, memoryview(bytearray(CHUNK))
    with path.open("xb", buffering=0) as stream:
        while count := source.readinto(buffer):
            size += count
            if size > limit:
                raise Refusal(413, f"Too large: more than the {limit} bytes that are allowed here")
            digest.update(buffer[:count])
            written = 0
            while written < count:
                written += stream.write(buffer[written:count])
        os.fsync(stream.fileno())
    return Blob(digest.hexdigest(), size, "")


class _Bytes:
    """Bytes as a source."""

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    def readinto(self, buffer: memoryview, /) -> int:
        """Fill a buffer and say how far."""
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count
