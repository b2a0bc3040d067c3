"""The bodies of requests: of a known length, or in chunks; read as they come, never beyond their end.

Sized(stream, 5).read()        ->  b"hello"        from a stream of b"helloGET / ..."
Chunked(stream).read()         ->  b"hello"        from b"5\\r\\nhello\\r\\n0\\r\\n\\r\\nGET / ..."
"""

import io
from typing import Any

from counterfactory.factory.release.hub.refusal import Refusal

LINE = 8192  # most bytes of a chunk's head or of a trailer


class Cut(ConnectionError):
    """The client went away in the middle of its request."""


class Sized(io.RawIOBase):
    """A body of a known length."""

    def __init__(self, stream: io.BufferedIOBase, length: int) -> None:
        self._stream, self.left = stream, length

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; 0 at the end. Raises `Cut` when the client left before."""
        view = memoryview(buffer).cast("B")[: self.left]
        if not len(view):
            return 0
        count = self._stream.readinto1(view)
        if not count:
            raise Cut("the body ended before its length")
        self.left -= count
        return int(count)


class Chunked(io.RawIOBase):
    """A body in chunks, as `Transfer-Encoding: chunked` says."""

    def __init__(self, stream: io.BufferedIOBase) -> None:
        self._stream, self._chunk, self.left = stream, Sized(stream, 0), 1

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer; 0 at the end."""
        if self.left and not self._chunk.left:
            self._next()
        if not self.left:
            return 0
        count = self._chunk.readinto(buffer)
        if not self._chunk.left and self._line():
            raise Refusal(400, "Malformed request: a chunk is longer than it says")
        return count

    def _next(self) -> None:
        size = self._line().split(b";")[0].strip()
        try:
            length = int(size, 16) if size.isalnum() and len(size) <= 16 else -1
        except ValueError:
            length = -1
        if length < 0:
            raise Refusal(400, "Malformed request: a chunk without a size")
        self._chunk = Sized(self._stream, length)
        if not length:
            while self._line():  # trailers
                continue
            self.left = 0

    def _line(self) -> bytes:
        line = self._stream.readline(LINE)
        if not line.endswith(b"\n"):
            raise Cut("the body ended in the middle of its chunks")
        return line.rstrip(b"\r\n")
