"""Tar files with nothing in them but names and bytes: the same bytes for the same members, always.

    with Tar(Path("train-000000.tar")) as tar:
        tar.add("000000.png", data)

Headers are of the `ustar` kind, time, owner and group are zero. One header costs a few microseconds
here and ten times that in `tarfile`, which is what an export of small pictures would wait for.
"""

from pathlib import Path
from types import TracebackType
from typing import Self

BLOCK = 512
END = 20 * BLOCK  # tar files are padded to records of this size
_MOST = 8**11 - 1  # bytes in a member


def header(name: str, size: int) -> bytes:
    """Return the header of one member. Raises `ValueError` for a name or size that has no place."""
    path = name.encode("ascii")
    if not 0 < len(path) <= 100 or size > _MOST:
        raise ValueError(f"tar: {name!r} of {size} bytes has no ustar header")
    zero = b"0000000\0"
    owner, time = zero + zero, b"00000000000\0"
    before = path.ljust(100, b"\0") + b"0000644\0" + owner + b"%011o\0" % size + time
    after = b"0".ljust(101, b"\0") + b"ustar\x0000".ljust(8 + 247, b"\0")
    total = sum(before) + sum(after) + 8 * ord(" ")  # the checksum's own place counts as blanks
    return before + b"%06o\0 " % total + after


class Tar:
    """A tar file being written."""

    def __init__(self, path: Path) -> None:
        self._stream, self.size = path.open("wb", buffering=1 << 20), 0

    def add(self, name: str, data: bytes) -> None:
        """Append one member."""
        self._stream.write(header(name, len(data)))
        self._stream.write(data)
        self._stream.write(bytes(-len(data) % BLOCK))
        self.size += BLOCK + len(data) + -len(data) % BLOCK

    def close(self) -> None:
        """Write the end of the archive."""
        if not self._stream.closed:
            end = 2 * BLOCK
            self._stream.write(bytes(end + -(self.size + end) % END))
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
