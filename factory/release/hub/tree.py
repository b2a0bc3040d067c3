"""The files of a commit as folders: what the Hub lists for a tree, for single paths, for one file.

listing(commit, "data", recursive=False)   ->  [{"type": "directory", "path": "data/pairs", ...}, ...]
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from counterfactory.factory.release.hub.blobs import pointer
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import File, Repo


def listing(files: Mapping[str, File], below: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Return the entries of a folder, folders first, sorted. Raises `Refusal` for a folder that is none."""
    start = f"{below}/" if below else ""
    inside = {path: file for path, file in files.items() if path.startswith(start)}
    if below and not inside:
        raise Refusal.missing_entry(below)
    folders = {
        folder for path in inside for folder in parents(path) if len(folder) > len(below)
    } - {below}
    if not recursive:
        folders = {folder for folder in folders if "/" not in folder[len(start) :]}
        inside = {path: file for path, file in inside.items() if "/" not in path[len(start) :]}
    listed = [folder_entry(files, folder) for folder in sorted(folders)]
    return listed + [file_entry(path, inside[path]) for path in sorted(inside)]


def entry(files: Mapping[str, File], path: str) -> dict[str, Any] | None:
    """Return one path's entry; None when nothing is there."""
    if path in files:
        return file_entry(path, files[path])
    if any(name.startswith(f"{path}/") for name in files):
        return folder_entry(files, path)
    return None


def file_entry(path: str, file: File) -> dict[str, Any]:
    """Return a file's entry."""
    told: dict[str, Any] = {"type": "file", "oid": file.git, "size": file.size, "path": path}
    if file.lfs:
        told["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": pointer_size(file)}
    return told


def folder_entry(files: Mapping[str, File], path: str) -> dict[str, Any]:
    """Return a folder's entry; its id is a digest of all below."""
    inside = sorted((name, file.git) for name, file in files.items() if name.startswith(f"{path}/"))
    oid = hashlib.sha1(repr(inside).encode(), usedforsecurity=False).hexdigest()
    return {"type": "directory", "oid": oid, "size": 0, "path": path}


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
    open_paths = {path: "" for path in paths}
    for at, commit in repo.history(oid):
        before = repo.commit(commit.parent).files if commit.parent else {}
        told = {"id": at, "title": commit.title, "date": commit.date}
        for path in list(open_paths):
            if _state(commit.files, path) != _state(before, path):
                found[path] = told
                del open_paths[path]
        if not open_paths:
            break
    return found


def _state(files: Mapping[str, File], path: str) -> object:
    if path in files:
        return files[path]
    return {name: file for name, file in files.items() if name.startswith(f"{path}/")}
