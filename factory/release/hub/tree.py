"""The files of a commit as folders: what the Hub lists for a tree and for single paths.

Tree(files).listing("data", recursive=False)   ->  [{"type": "directory", "path": "data/pairs", ...}, ...]
"""

import hashlib
from typing import Any

from counterfactory.factory.release.hub.blobs import pointer
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import File, Files, Repo


class Tree:
    """Files and the folders that they are in."""

    def __init__(self, files: Files) -> None:
        self.files = files
        digests: dict[str, Any] = {}
        for path, file in sorted(files.items()):
            for folder in parents(path):
                if folder not in digests:
                    digests[folder] = hashlib.sha1(usedforsecurity=False)
                digests[folder].update(f"{path}\0{file.git}\0".encode())
        self.folders = {path: digest.hexdigest() for path, digest in sorted(digests.items())}
        """Folder -> an id that stands for all below."""

    def listing(self, below: str, *, recursive: bool) -> list[dict[str, Any]]:
        """Return a folder's entries, folders first, sorted. Raises `Refusal` when it is no folder."""
        if below and below not in self.folders:
            raise Refusal.missing_entry(below)
        start = f"{below}/" if below else ""

        def wanted(path: str) -> bool:
            return path.startswith(start) and (recursive or "/" not in path[len(start) :])

        paths = [path for path in (*self.folders, *sorted(self.files)) if wanted(path)]
        return [entry for path in paths if (entry := self.entry(path))]

    def entry(self, path: str) -> dict[str, Any] | None:
        """Return what lies at a path; None when nothing does."""
        if file := self.files.get(path):
            return file_entry(path, file)
        if oid := self.folders.get(path):
            return {"type": "directory", "oid": oid, "size": 0, "path": path}
        return None


def file_entry(path: str, file: File) -> dict[str, Any]:
    """Return a file's entry."""
    told: dict[str, Any] = {"type": "file", "oid": file.git, "size": file.size, "path": path}
    if file.lfs:
        told["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer_size(file)}
    return told


def pointer_size(file: File) -> int:
    """Return the bytes of the pointer that git holds for a large file."""
    return len(pointer(file.sha256, file.size))


def parents(path: str) -> list[str]:
    """Return the folders of a path.

    >>> parents("data/pairs/a.parquet")
    ['data', 'data/pairs']
    """
    parts = path.split("/")[:-1]
    return ["/".join(parts[: n + 1]) for n in range(len(parts))]


def last_changes(repo: Repo, oid: str, paths: list[str]) -> dict[str, dict[str, str]]:
    """Return, for each file or folder, the commit that last changed it: {id, title, date}."""
    found: dict[str, dict[str, str]] = {}
    left = set(paths)
    for at, commit in repo.history(oid):
        here, before = repo.files(at), repo.files(commit.parent) if commit.parent else {}
        changed = {
            path for path in here.keys() | before.keys() if here.get(path) != before.get(path)
        }
        changed |= {folder for path in changed for folder in parents(path)}
        told = {"id": at, "title": commit.title, "date": commit.date}
        found |= dict.fromkeys(left & changed, told)
        left -= changed
        if not left:
            break
    return found
