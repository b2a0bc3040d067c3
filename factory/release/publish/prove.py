"""Proves a commit before it is tagged: every file by its digest, every row by loading it.

prove(parcel, remote, "81b3...", place)        ->  1437 rows compared; or `Unproven`
"""

import json
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish.content import holds
from counterfactory.factory.release.publish.loaded_back import Unproven, rows_as_sent
from counterfactory.factory.release.publish.parcel import Parcel
from counterfactory.factory.release.publish.remote import Remote
from counterfactory.fingerprint import digest_file

LARGE = 2 * 2**30  # bytes of a model that are downloaded once more to be sure


def prove(parcel: Parcel, remote: Remote, commit: str, place: Path) -> int:
    """Return how many rows were compared. Raises `Unproven` when the commit is not what was sent."""
    _files(parcel, remote, commit, place / commit)
    if not parcel.configs:
        return _weights(parcel, remote, commit, place / commit)
    return remote.waiting(
        "load back", lambda: rows_as_sent(remote.repo, commit, parcel.folder, parcel.configs)
    )


def told(error: Unproven, remote: Remote, commit: str) -> UserError:
    """Return the one line for a commit that is not what was sent."""
    return UserError(
        f"{remote.repo}: commit {commit[:12]} is not what was sent: {error}; it has no tag and is no "
        "version: look at what else writes there, then run the same command again"
    )


def _files(parcel: Parcel, remote: Remote, commit: str, place: Path) -> None:
    """Hold every file of the commit against the manifest that stands in it, and against the folder."""
    tree = remote.tree(commit)
    promised = manifest.listed(_manifest(parcel, remote, commit, place))
    for path, data in parcel.kept.items():
        if path not in tree:
            raise Unproven(f"{path} is missing")
        if not holds(tree[path], data):
            raise Unproven(f"{path} holds something else")
    for path in sorted(set(promised) - set(parcel.kept)):
        if path not in tree:
            raise Unproven(f"{path} is missing")
        if digest_file(remote.fetch(path, commit, place)) != promised[path]["sha256"]:
            raise Unproven(f"{path} holds something else")
    for path in sorted(tree):
        if parcel.owns(path) and path not in promised and path != manifest.NAME:
            raise Unproven(f"{path} is none of its files")


def _weights(parcel: Parcel, remote: Remote, commit: str, place: Path) -> int:
    """Download the files of a model and hold them against its run; no rows are compared.

    Of large ones the digest that the Hub keeps of each file has to do.
    """
    if sum(file.stat().st_size for file in parcel.kept.values()) > LARGE:
        return 0
    for path, data in parcel.kept.items():
        if digest_file(remote.fetch(path, commit, place)) != digest_file(data):
            raise Unproven(f"{path} holds something else once it is downloaded")
    return 0


def _manifest(parcel: Parcel, remote: Remote, commit: str, place: Path) -> dict[str, Any]:
    path = remote.fetch(manifest.NAME, commit, place)
    try:
        held = json.loads(path.read_bytes())
        sealed = manifest.sealed(held) == held
    except (ValueError, TypeError, AttributeError):
        held, sealed = {}, False
    if not sealed or held.get("content") != parcel.content:
        raise Unproven(f"{manifest.NAME} holds something else")
    return dict(held)
