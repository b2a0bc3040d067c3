"""One repository on the disk: contents by digest, commits as JSON, refs as files that are replaced whole.

    repo.json                       what it is: kind, author, private, gated, when it was made
    blobs/9f/9f86d0...              contents
    commits/81b3....json            line 1: parent, author, date, title; line 2: every file. Named by its SHA-1
    heads/main.ref  tags/v1.ref     a commit id each; pulls/1.ref is what clients call refs/pr/1

A commit is written before a ref is moved to it, both with fsync: a server killed in between leaves the
old head and a commit that nothing names.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from counterfactory.factory.release.hub import names
from counterfactory.factory.release.hub.blobs import Blobs
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.run.disk import TEMPORARY, sync, write_whole

Where = Literal["heads", "tags", "pulls"]
MAIN = "main"


@dataclass(frozen=True, slots=True)
class File:
    """One file of a commit."""

    sha256: str
    size: int
    git: str
    """git's id: of the content, or of the pointer that stands for a large file."""
    lfs: bool


Files = Mapping[str, File]


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit, without its files."""

    parent: str | None
    author: str
    date: str
    title: str
    message: str = ""


def now() -> str:
    """Return the time as the Hub writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Repo:
    """A repository. Whoever changes refs holds `lock`."""

    def __init__(self, kind: str, name: str, folder: Path) -> None:
        self.kind, self.name, self.folder = kind, name, folder
        self.lock = threading.RLock()
        self.blobs = Blobs(folder)

    def tidy(self) -> None:
        """Forget what a killed server had begun to write; no other server may be at work."""
        self.blobs.make()
        for part in (".", "commits", "discussions", "heads", "tags", "pulls"):
            for left in (self.folder / part).glob(f"*{TEMPORARY}"):
                left.unlink()

    @property
    def about(self) -> dict[str, Any]:
        """Return what `repo.json` says."""
        try:
            found = json.loads((self.folder / "repo.json").read_bytes())
        except FileNotFoundError:
            raise Refusal.missing_repo(f"{self.kind}/{self.name}") from None
        return dict(found)

    def settle(self, changes: Mapping[str, Any]) -> None:
        """Change what `repo.json` says."""
        with self.lock:
            self._write("repo.json", json.dumps({**self.about, **changes}).encode())

    def commit(self, oid: str) -> Commit:
        """Return a commit by its whole id."""
        return _commit(self._path(oid))

    def files(self, oid: str) -> Files:
        """Return all files of a commit, by path, sorted."""
        return _files(self._path(oid))

    def add(self, commit: Commit, files: Files) -> str:
        """Keep a commit that no ref names yet, and return its id."""
        listed = {path: asdict(file) for path, file in sorted(files.items())}
        parts = [json.dumps(part, ensure_ascii=False).encode() for part in (asdict(commit), listed)]
        data = b"\n".join(parts)
        oid = hashlib.sha1(data, usedforsecurity=False).hexdigest()
        self._write(f"commits/{oid}.json", data)
        return oid

    def refs(self, where: Where) -> dict[str, str]:
        """Return the refs of one sort: name -> commit id, sorted."""
        files = sorted((self.folder / where).glob("*.ref"))
        return {names.ref_of_file(path.name): path.read_text() for path in files}

    def ref(self, where: Where, name: str) -> str | None:
        """Return the commit that a ref names."""
        try:
            return (self.folder / where / names.ref_file(name)).read_text()
        except (OSError, ValueError):  # absent, or no name that a file can have
            return None

    def move(self, where: Where, name: str, oid: str) -> None:
        """Let a ref name a commit; from here on it does, whatever happens to the server."""
        self._write(f"{where}/{names.ref_file(name)}", oid.encode())

    def drop(self, where: Where, name: str) -> None:
        """Forget a ref."""
        (self.folder / where / names.ref_file(name)).unlink()
        sync(self.folder / where)

    def resolve(self, revision: str) -> str:
        """Return the commit that a branch, tag, pull request or (part of a) commit id names."""
        if found := self.named(revision):
            return found
        if 7 <= len(revision) <= 40 and names.is_hex(revision, len(revision)):
            hits = list((self.folder / "commits").glob(f"{revision}*.json"))
            if len(hits) == 1:
                return hits[0].stem
        raise Refusal.missing_revision(revision)

    def named(self, revision: str) -> str | None:
        """Return the commit that a ref names, by its short or whole name."""
        for start, where in _REFS.items():
            if revision.startswith(start):
                return self.ref(where, revision.removeprefix(start))
        return self.ref("heads", revision) or self.ref("tags", revision)

    def history(self, oid: str | None) -> Iterator[tuple[str, Commit]]:
        """Yield a commit and its parents, newest first."""
        while oid:
            commit = self.commit(oid)
            yield oid, commit
            oid = commit.parent

    def _path(self, oid: str) -> Path:
        return self.folder / "commits" / f"{oid}.json"

    def _write(self, name: str, data: bytes) -> None:
        path = self.folder / name
        try:
            write_whole(path, data)
            sync(path.parent)
        except FileNotFoundError as error:
            raise Refusal.missing_repo(f"{self.kind}/{self.name}") from error


_REFS: dict[str, Where] = {"refs/heads/": "heads", "refs/tags/": "tags", "refs/pr/": "pulls"}


@lru_cache(maxsize=4096)
def _commit(path: Path) -> Commit:
    return Commit(**json.loads(_lines(path)[0]))


@lru_cache(maxsize=32)
def _files(path: Path) -> Files:
    return {name: File(**file) for name, file in json.loads(_lines(path)[1]).items()}


def _lines(path: Path) -> list[bytes]:
    data = path.read_bytes()
    if hashlib.sha1(data, usedforsecurity=False).hexdigest() != path.stem:
        raise ValueError(f"{path}: the commit is damaged: its digest is not its name")
    return data.split(b"\n")
