"""What lies in a hub's folder, looked at without the server: every digest is recomputed.

assert problems(root) == []
"""

import hashlib
import json
from pathlib import Path


def problems(root: Path) -> list[str]:
    """Return what is damaged, missing or left over in a hub's folder."""
    return [line for about in sorted(root.glob("*/*/*/repo.json")) for line in _of(about.parent)]


def _of(repo: Path) -> list[str]:
    found = [f"left over: {path}" for path in (repo / "incoming").iterdir()]
    found += [f"left over: {path}" for path in repo.rglob("*.tmp")]
    for blob in (repo / "blobs").glob("*/*"):
        if hashlib.sha256(blob.read_bytes()).hexdigest() != blob.name:
            found.append(f"damaged: {blob}")
    commits = {path.stem: path.read_bytes() for path in (repo / "commits").glob("*.json")}
    for oid, data in commits.items():
        if hashlib.sha1(data).hexdigest() != oid:
            found.append(f"damaged: commit {oid}")
            continue
        for path, file in json.loads(data.split(b"\n")[1]).items():
            blob = repo / "blobs" / file["sha256"][:2] / file["sha256"]
            if not blob.exists() or blob.stat().st_size != file["size"]:
                found.append(f"missing: {path} of {oid}")
    for where in ("heads", "tags", "pulls"):
        for ref in (repo / where).glob("*.ref"):
            if ref.read_text() not in commits:
                found.append(f"names nothing: {ref}")
    return found
