"""Reading a commit as clients send it, a JSON object a line, and applying it to a list of files.

    {"key": "header", "value": {"summary": "Add rows", "parentCommit": "81b3..."}}
    {"key": "file", "value": {"path": "README.md", "content": "LS0t...", "encoding": "base64"}}
    {"key": "lfsFile", "value": {"path": "data/a.parquet", "algo": "sha256", "oid": "9f86...", "size": 123}}
    {"key": "deletedFile", "value": {"path": "old.txt"}}    {"key": "deletedFolder", "value": {"path": "data/"}}

Contents are kept while the lines are read, so a commit of many files needs the memory of one.
"""

import binascii
import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from counterfactory.factory.release.hub import names
from counterfactory.factory.release.hub.blobs import Blob, Blobs, git_id, pointer
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Commit, File, Files, Repo, now
from counterfactory.factory.release.hub.tree import parents

REGULAR_BYTES = 10 * 2**20
"""Files above this travel by LFS."""
LINE_BYTES = REGULAR_BYTES * 4 // 3 + 2**16
TITLE = 1000  # characters kept of a summary
MAX_CHANGES = 25_000  # in one commit, as the Hub has it
MAX_FILES = 100_000  # in one repository

Change = Callable[[dict[str, File]], None]
Put = Callable[[bytes], Blob]


@dataclass(slots=True)
class Wish:
    """What a client wants committed."""

    title: str = ""
    message: str = ""
    parent: str = ""
    """The head that the client saw, or its first 7 digits and more; empty when it does not care."""
    changes: list[Change] = field(default_factory=list)

    def apply(self, files: Files) -> Files:
        """Return the files after all changes. Raises `Refusal` when one cannot be made."""
        after = dict(files)
        for change in self.changes:
            change(after)
        return after


def on_top(repo: Repo, wish: Wish, head: str, author: str) -> str:
    """Keep the commit that a wish makes on top of another and return its id; no ref names it yet."""
    files = fitting(wish.apply(repo.files(head)))
    return repo.add(Commit(head, author, now(), wish.title, wish.message), files)


def fitting(files: Files) -> Files:
    """Return the files if a folder can hold them all. Raises `Refusal` when one is a folder of another."""
    for path in files:
        for folder in parents(path):
            if folder in files:
                raise Refusal(400, f"{folder!r} is a file and cannot hold {path!r} as well")
    if len(files) > MAX_FILES:
        raise Refusal(413, f"Too large: {len(files)} files, a repository may have {MAX_FILES}")
    return files


def read_wish(lines: Iterable[bytes], blobs: Blobs) -> Wish:
    """Read a commit and keep the contents in it. Raises `Refusal` for a malformed one."""
    with blobs.together() as put:
        return _read_wish(lines, blobs, put)


def _read_wish(lines: Iterable[bytes], blobs: Blobs, put: Put) -> Wish:
    wish, headers = Wish(), 0
    for number, line in enumerate(lines, 1):
        if number > MAX_CHANGES + 1:
            raise Refusal(413, f"Too large: a commit may have {MAX_CHANGES} changes")
        try:
            found = json.loads(line)
            key, value = found["key"], dict(found["value"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Refusal(
                400, f"Malformed commit: line {number} is no {{key, value}} in JSON"
            ) from None
        if key == "header":
            headers += 1
            _header(wish, value)
        elif key in _CHANGES:
            wish.changes.append(_CHANGES[key](value, blobs, put))
        else:
            raise Refusal(400, f"Malformed commit: line {number}: unknown key {str(key)[:40]!r}")
    if headers != 1:
        raise Refusal(400, f"Malformed commit: found {headers} headers, expected one")
    return wish


def _header(wish: Wish, value: dict[str, Any]) -> None:
    summary, parent = value.get("summary"), value.get("parentCommit") or ""
    if not isinstance(summary, str) or not summary.strip():
        raise Refusal(400, "Malformed commit: the header has no summary")
    if parent and not (
        isinstance(parent, str) and 7 <= len(parent) <= 40 and names.is_hex(parent, len(parent))
    ):
        raise Refusal(400, "Malformed commit: parentCommit is no commit id")
    wish.title, wish.parent = summary[:TITLE], parent
    wish.message = str(value.get("description") or "")


def _put(value: dict[str, Any], blobs: Blobs, put: Put) -> Change:
    path, content = names.file_path(value.get("path")), value.get("content")
    if value.get("encoding", "base64") != "base64" or not isinstance(content, str):
        raise Refusal(400, f"Malformed commit: {path}: expected its content in base64")
    try:
        data = b64decode(content, validate=True)
    except (binascii.Error, ValueError):
        raise Refusal(400, f"Malformed commit: {path}: its content is no base64") from None
    if len(data) > REGULAR_BYTES:
        raise Refusal(413, f"{path}: files above {REGULAR_BYTES} bytes travel by LFS")
    blob = put(data)
    return _set(path, File(blob.sha256, blob.size, blob.git, lfs=False))


def _put_large(value: dict[str, Any], blobs: Blobs, put: Put) -> Change:
    path, oid = names.file_path(value.get("path")), value.get("oid")
    if (
        not isinstance(oid, str)
        or not names.is_hex(oid, 64)
        or value.get("algo", "sha256") != "sha256"
    ):
        raise Refusal(400, f"Malformed commit: {path}: expected an oid of 64 hexadecimal digits")
    size = blobs.size(oid)
    if size is None:
        raise Refusal(400, f"{path}: its content {oid} was not uploaded")
    if value.get("size", size) != size:
        raise Refusal(400, f"{path}: has {size} bytes, the commit says {value['size']}")
    return _set(path, File(oid, size, git_id(pointer(oid, size)), lfs=True))


def _set(path: str, file: File) -> Change:
    return lambda files: files.__setitem__(path, file)


def _drop(value: dict[str, Any], blobs: Blobs, put: Put) -> Change:
    path = names.file_path(value.get("path"))

    def change(files: dict[str, File]) -> None:
        if files.pop(path, None) is None:
            raise _absent(path)

    return change


def _drop_folder(value: dict[str, Any], blobs: Blobs, put: Put) -> Change:
    path = names.file_path(str(value.get("path") or "").rstrip("/"))

    def change(files: dict[str, File]) -> None:
        inside = [name for name in files if name.startswith(f"{path}/")]
        for name in inside:
            del files[name]
        if not inside:
            raise _absent(path)

    return change


def _absent(path: str) -> Refusal:
    refusal = Refusal.missing_entry(path)
    refusal.message = f"A file with this name doesn't exist: {path}"
    return refusal


_CHANGES: dict[str, Callable[[dict[str, Any], Blobs, Put], Change]] = {
    "file": _put,
    "lfsFile": _put_large,
    "deletedFile": _drop,
    "deletedFolder": _drop_folder,
}
