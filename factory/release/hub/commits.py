"""Routes that write files: preupload, LFS batch, PUT and verify, commit; and the list of commits."""

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
    files = _listed(request.json(), "files")
    here = repo.commit(repo.resolve(request.args["rev"])).files
    told = []
    for file in files:
        path, size = names.file_path(file.get("path")), _size(file)
        large = size > 0 and (
            path.lower().endswith(LARGE) or size > REGULAR_BYTES or _binary(file.get("sample"))
        )
        oid = (here[path].sha256 if here[path].lfs else here[path].git) if path in here else None
        mode = "lfs" if large else "regular"
        told.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
    return Reply.json({"files": told})


def batch(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say where each large content goes; one that is here already needs no upload."""
    asked = request.json()
    if asked.get("operation", "upload") not in ("upload", "download"):
        raise Refusal(400, "Malformed request: operation is neither upload nor download")
    told = [_action(hub, repo, request, each, asked) for each in _listed(asked, "objects")]
    return Reply.json(
        {"transfer": "basic", "objects": told, "hash_algo": "sha256"},
        headers={"Content-Type": "application/vnd.git-lfs+json"},
    )


def _action(
    hub: Hub, repo: Repo, request: Request, wanted: dict[str, Any], asked: dict[str, Any]
) -> dict[str, Any]:
    oid, size = wanted.get("oid"), _size(wanted)
    if not isinstance(oid, str) or not names.is_hex(oid, 64):
        raise Refusal(400, "Malformed request: oid is no sha256")
    here = repo.blobs.size(oid)
    told: dict[str, Any] = {"oid": oid, "size": size}
    url = f"{request.base}{_prefix(repo)}{repo.name}.git/info/lfs/objects"
    if asked.get("operation", "upload") == "download":
        if here is None:
            return {**told, "error": {"code": 404, "message": "Object does not exist"}}
        return {**told, "actions": {"download": {"href": f"{url}/{oid}", "header": {}}}}
    if size > hub.max_file:
        message = f"Too large: {size} bytes, this server takes {hub.max_file}"
        return {**told, "error": {"code": 422, "message": message}}
    if here == size:
        return told
    if here is not None:
        return {**told, "error": {"code": 422, "message": f"This content has {here} bytes"}}
    upload = {"href": f"{url}/{oid}?size={size}", "header": {}}
    return {
        **told,
        "actions": {"upload": upload, "verify": {"href": f"{url}/verify", "header": {}}},
    }


def put(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Keep a large content, if its digest and size are as announced."""
    oid = request.args["oid"]
    limit = (
        request.number("size", hub.max_file, most=hub.max_file)
        if request.text("size")
        else hub.max_file
    )
    length = request.headers.get("Content-Length", "0")
    if length.isdecimal() and int(length) > limit:
        raise Refusal(413, f"Too large: {length} bytes, {limit} are allowed here")
    repo.blobs.put(request.body, limit=limit, sha256=oid)
    return Reply.json({})


def verify(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say whether a content arrived."""
    asked = request.json()
    oid = asked.get("oid")
    if not isinstance(oid, str) or not names.is_hex(oid, 64):
        raise Refusal(400, "Malformed request: oid is no sha256")
    size = repo.blobs.size(oid)
    if size is None:
        raise Refusal(404, f"This content was not uploaded: {oid}")
    if size != _size(asked):
        raise Refusal(422, f"This content has {size} bytes, not {asked.get('size')}")
    return Reply.json({})


def commit(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Commit to a branch, or open a pull request with the commit."""
    wish = read_wish(request.lines(LINE_BYTES), repo.blobs)
    revision, author = request.args["rev"], request.user.name or "local"
    told: dict[str, Any] = {"success": True, "hookOutput": ""}
    with repo.lock:
        if request.flag("create_pr"):
            number, oid = pulls.open_with(repo, wish, revision, author)
            told["pullRequestUrl"] = f"{_page(request, repo)}/discussions/{number}"
        else:
            oid = commit_to(repo, wish, revision, author)
    told |= {"commitOid": oid, "commitUrl": f"{_page(request, repo)}/commit/{oid}"}
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
    oid = repo.add(on_top(repo, wish, head, author))
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


def _listed(asked: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = asked.get(key)
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise Refusal(400, f"Malformed request: {key} is no list of objects")
    return found


def _size(file: dict[str, Any]) -> int:
    size = file.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise Refusal(400, "Malformed request: size is no whole number from 0 on")
    return size


def _binary(sample: object) -> bool:
    """Say whether the first bytes of a file hold a NUL, as git tells binary files."""
    from base64 import b64decode

    if not isinstance(sample, str):
        return False
    try:
        return b"\0" in b64decode(sample)
    except ValueError:
        raise Refusal(400, "Malformed request: sample is no base64") from None


def _prefix(repo: Repo) -> str:
    return "/" if repo.kind == "models" else f"/{repo.kind}/"


def _page(request: Request, repo: Repo) -> str:
    return f"{request.base}{_prefix(repo)}{repo.name}"
