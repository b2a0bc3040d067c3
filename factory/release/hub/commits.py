"""Routes of commits: what is to be sent how, the commit itself, the list of commits."""

from base64 import b64decode
from typing import Any

from counterfactory.factory.release.hub import names, pulls
from counterfactory.factory.release.hub.committing import (
    LINE_BYTES,
    REGULAR_BYTES,
    Wish,
    on_top,
    read_wish,
)
from counterfactory.factory.release.hub.hub import Hub
from counterfactory.factory.release.hub.lfs import page_of, size_of
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.wire import Reply, Request

LARGE = tuple(
    ".7z .arrow .avi .bin .bz2 .ckpt .ftz .gif .gz .h5 .jpeg .jpg .joblib .lz4 .mds .mlmodel .model "
    ".mp3 .mp4 .msgpack .npy .npz .onnx .ot .parquet .pb .pickle .pkl .png .pt .pth .rar .safetensors "
    ".tar .tflite .tgz .wasm .wav .webm .webp .xz .zip .zst".split()
)
"""Endings that travel by LFS whatever their size, as in the Hub's own .gitattributes."""


def preupload(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say how each file is to be sent, and what lies at its path now."""
    files = request.listed("files")
    here = repo.files(repo.resolve(request.args["rev"]))
    told = []
    for file in files:
        path, size = names.file_path(file.get("path")), size_of(file)
        large = size > 0 and (
            path.lower().endswith(LARGE) or size > REGULAR_BYTES or _binary(file.get("sample"))
        )
        oid = (here[path].sha256 if here[path].lfs else here[path].git) if path in here else None
        mode = "lfs" if large else "regular"
        told.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return Reply.json({"files": told})


def commit(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Commit to a branch, or open a pull request with the commit."""
    wish = read_wish(request.lines(LINE_BYTES), repo.blobs)
    revision, author = request.args["rev"], request.user.name or "local"
    told: dict[str, Any] = {"success": True, "hookOutput": ""}
    with repo.lock:
        if request.flag("create_pr"):
            number, oid = pulls.open_with(repo, wish, revision, author)
            told["pullRequestUrl"] = f"{page_of(request, repo)}/discussions/{number}"
        else:
            oid = commit_to(repo, wish, revision, author)
    told |= {"commitOid": oid, "commitUrl": f"{page_of(request, repo)}/commit/{oid}"}
    return Reply.json(told)


def commit_to(repo: Repo, wish: Wish, revision: str, author: str) -> str:
    """Put a commit on top of a branch or of an open pull request; the caller holds the lock."""
    if revision.startswith("refs/pr/"):
        number = revision.removeprefix("refs/pr/")
        pulls.require_open(repo, number)
        where, name = "pulls", number
    else:
        where, name = "heads", revision.removeprefix("refs/heads/")
    head = repo.ref(where, name)  # type: ignore[arg-type]
    if head is None:
        repo.resolve(revision)  # a tag or a commit is there, but nothing can be put on top of it
        raise Refusal(400, f"{revision} is no branch: commits go on top of a branch")
    if wish.parent and not head.startswith(wish.parent):
        raise Refusal(
            412,
            f"{name} is at {head}, not at {wish.parent}: a commit has happened since. "
            "Please refresh and try again.",
        )
    oid = on_top(repo, wish, head, author)
    repo.move(where, name, oid)  # type: ignore[arg-type]
    return oid


def history(hub: Hub, repo: Repo, request: Request) -> Reply:
    """List the commits of a revision, newest first, in pages."""
    page = request.number("p", 0, most=10**6)
    size = max(1, request.number("limit", 1000, most=1000))
    told: list[dict[str, Any]] = []
    rest = repo.history(repo.resolve(request.args["rev"]))
    for number, (oid, each) in enumerate(rest):
        if number >= (page + 1) * size:
            link = f'<{request.base}{request.path}?p={page + 1}&limit={size}>; rel="next"'
            return Reply.json(told, headers={"Link": link})
        if number >= page * size:
            told.append({
                "id": oid, "title": each.title, "message": each.message, "date": each.date,
                "authors": [{"user": each.author}],
            })  # fmt: skip
    return Reply.json(told)


def _binary(sample: object) -> bool:
    """Say whether the first bytes of a file hold a NUL, as git tells binary files."""
    if not isinstance(sample, str):
        return False
    try:
        return b"\0" in b64decode(sample)
    except ValueError:
        raise Refusal(400, "Malformed request: sample is no base64") from None
