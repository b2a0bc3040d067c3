"""All repositories below one folder: found, made, renamed and removed, each in one step.

    shelf = Shelf(Path("runs/hub"))
    repo = shelf.make("datasets", "lab/edits", private=True)
    shelf.find("datasets", "lab/edits").resolve("main")     ->  '81b3...'

Layout: `ROOT/datasets/lab/edits/...`; see `repo` for what a repository holds. A repository is made
aside and renamed into its place, so it is there whole or not at all.
"""

import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from uuid import uuid4

from counterfactory.factory.release.hub import names, pulls
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import MAIN, Commit, Repo, now
from counterfactory.factory.run.disk import locked, sync, write_whole

PARTS = ("blobs", "incoming", "commits", "heads", "tags", "pulls", "discussions")


class Shelf:
    """The folder that a server stands on; a lock file keeps a second server away."""

    def __init__(self, root: Path) -> None:
        self.root, self._aside = root, root / "aside"
        self._repos: dict[tuple[str, str], Repo] = {}
        self._lock = threading.Lock()
        self._open = ExitStack()
        for kind in names.KINDS:
            (root / kind).mkdir(parents=True, exist_ok=True)
        self._open.enter_context(locked(root / "lock", "hub", "--root"))
        shutil.rmtree(self._aside, ignore_errors=True)
        self._aside.mkdir(exist_ok=True)
        self.secret = self._secret()
        """What this server signs addresses with; kept, so that they outlive a restart."""
        for repo in self.all():
            repo.tidy()
            pulls.settle(repo)

    def close(self) -> None:
        """Let another server have the folder."""
        self._open.close()

    def all(self) -> Iterator[Repo]:
        """Yield every repository, sorted."""
        for path in sorted(self.root.glob("*/*/*/repo.json")):
            kind, space, name = path.parent.relative_to(self.root).parts
            if kind in names.KINDS:
                yield self._repo(kind, f"{space}/{name}")

    def find(self, kind: str, name: str) -> Repo:
        """Return a repository. Raises `Refusal` when there is none."""
        if not (self._folder(kind, name) / "repo.json").exists():
            raise Refusal.missing_repo(f"{kind}/{name}")
        return self._repo(kind, name)

    def make(self, kind: str, name: str, *, author: str, **about: Any) -> Repo:
        """Make a repository with one empty commit on `main`. Raises `Refusal` 409 when there is one."""
        repo = self._repo(kind, name)
        with repo.lock:
            if repo.folder.exists():
                raise Refusal(409, f"You already created this {kind[:-1]} repo: {name}")
            aside = Repo(kind, name, self._aside / uuid4().hex)
            for part in PARTS:
                (aside.folder / part).mkdir(parents=True)
            first = Commit(None, author, now(), "initial commit")
            aside.move("heads", MAIN, aside.add(first, {}))
            told = {"kind": kind, "author": author, "created": now(), **about}
            write_whole(aside.folder / "repo.json", json.dumps(told).encode())
            sync(aside.folder)
            self._place(aside.folder, repo.folder)
        return repo

    def remove(self, repo: Repo) -> None:
        """Remove a repository and all it holds."""
        with repo.lock:
            gone = self._aside / uuid4().hex
            repo.folder.rename(gone)
            sync(repo.folder.parent)
        shutil.rmtree(gone, ignore_errors=True)

    def rename(self, repo: Repo, name: str) -> Repo:
        """Give a repository another name."""
        to = self._repo(repo.kind, name)
        first, second = sorted((repo, to), key=lambda each: each.name)
        with first.lock, second.lock:
            if to.folder.exists():
                raise Refusal(409, f"A repository of this name exists: {name}")
            self._place(repo.folder, to.folder)
        return to

    def _secret(self) -> bytes:
        path = self.root / "secret"
        if not path.exists():
            os.close(os.open(path.with_name("secret.tmp"), os.O_CREAT | os.O_WRONLY, 0o600))
            write_whole(path, secrets.token_bytes(32))
        return path.read_bytes()

    def _place(self, source: Path, target: Path) -> None:
        target.parent.mkdir(exist_ok=True)
        source.rename(target)
        sync(target.parent)
        sync(target.parent.parent)

    def _repo(self, kind: str, name: str) -> Repo:
        """Return the one object of a repository, whether it exists or not."""
        folder = self._folder(kind, name)
        with self._lock:
            return self._repos.setdefault((kind, name), Repo(kind, name, folder))

    def _folder(self, kind: str, name: str) -> Path:
        return self.root / kind / names.repo_name(name)
