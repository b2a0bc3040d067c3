"""Files that are whole or absent, one build per folder, and disk trouble said in one line.

    with locked(work / "lock"), disk_errors(work):
        write_whole(work / "segments" / "000012.parquet", data)

A name that ends in `.tmp` is never read; what a killed build left of that kind is swept at the next
start.
"""

import errno
import fcntl
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from counterfactory.errors import UserError

TEMPORARY = ".tmp"

_REASONS = {
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file grew beyond the size that is allowed here",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "no permission to write here",
    errno.EPERM: "no permission to write here",
    errno.ENOTDIR: "a part of this path is a file, expected a folder",
    errno.EISDIR: "a folder of this name is in the way",
    errno.EEXIST: "a file of this name is in the way, expected a folder",
    errno.ENAMETOOLONG: "the name is too long",
}
_SQLITE = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EROFS,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
}
_UNWRITABLE = "the disk cannot be written (full, or faulty)"
_TORCH = re.compile(r"inline_container\S*\] .*(unexpected pos|failed writing)")


def disk_trouble(error: BaseException) -> str:
    """Return what is wrong with the disk in words, or "" when `error` is about something else."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0)
        if code & 0xFF == sqlite3.SQLITE_IOERR:
            return _UNWRITABLE
        return _REASONS.get(_SQLITE.get(code & 0xFF, 0), "")
    if isinstance(error, OSError):
        return _REASONS.get(error.errno or 0, "")
    return _of_weights(error)


def _of_weights(error: BaseException) -> str:
    """Return what safetensors or torch met while it saved weights: only its text tells."""
    if type(error).__name__ == "SafetensorError":
        found = re.search(r"\(os error (\d+)\)", str(error))
        return _REASONS.get(int(found[1]), "") if found else ""
    return _UNWRITABLE if isinstance(error, RuntimeError) and _TORCH.search(str(error)) else ""


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn a full or read-only disk into one line that names the folder."""
    try:
        yield
    except Exception as error:  # each library that writes has an error of its own
        if trouble := disk_trouble(error):
            raise UserError(
                f"{folder}: {trouble}; mend that and run the same command again to go on"
            ) from error
        raise


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that after any crash it is there whole or not at all."""
    temporary = path.with_name(path.name + TEMPORARY)
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(path: Path, what: str = "build", option: str = "--out") -> Iterator[None]:
    """Hold the lock file; the kernel frees it when this process ends, however it ends."""
    with path.open("a+") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            holder = stream.read().strip() or "unknown"
            raise UserError(
                f"{path.parent}: found another {what} at work here (process {holder}); "
                f"wait for it, or choose another {option}"
            ) from None
        stream.truncate(0)
        stream.write(f"{os.getpid()}\n")
        stream.flush()
        yield
