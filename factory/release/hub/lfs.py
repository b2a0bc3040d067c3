"""Routes of Git LFS, by which large files travel: batch, PUT, verify, download.

    POST /datasets/lab/edits.git/info/lfs/objects/batch     which contents are missing, and where they go
    PUT  /datasets/lab/edits.git/info/lfs/objects/OID?size=N&key=K

Clients send no token with the PUT, so its address carries a key that only this server can have made.
"""

import hashlib
import hmac
from typing import Any

from counterfactory.factory.release.hub import names
from counterfactory.factory.release.hub.files import content
from counterfactory.factory.release.hub.hub import Hub, require_content, require_write
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.wire import Reply, Request


def batch(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say where each content goes, or comes from; one that is here already needs no upload."""
    operation = request.json().get("operation", "upload")
    if operation not in ("upload", "download"):
        raise Refusal(400, "Malformed request: operation is neither upload nor download")
    if operation == "upload":
        require_write(request.user, repo.name)
    else:
        require_content(request.user, repo)
    action = _upload if operation == "upload" else _download
    told = []
    for wanted in request.listed("objects"):
        oid, size = oid_of(wanted), size_of(wanted)
        told.append({"oid": oid, "size": size, **action(hub, repo, request, oid, size)})
    reply = Reply.json({"transfer": "basic", "objects": told, "hash_algo": "sha256"})
    reply.headers["Content-Type"] = "application/vnd.git-lfs+json"
    return reply


def _upload(hub: Hub, repo: Repo, request: Request, oid: str, size: int) -> dict[str, Any]:
    here = repo.blobs.size(oid)
    if here == size:
        return {}
    if here is not None:
        return _error(422, f"This content has {here} bytes, not {size}")
    if size > hub.max_file:
        return _error(422, f"Too large: {size} bytes, this server takes {hub.max_file}")
    url, key = _objects(request, repo), _key(hub, repo.kind, repo.name, oid, str(size))
    upload = {"href": f"{url}/{oid}?size={size}&key={key}", "header": {}}
    return {"actions": {"upload": upload, "verify": {"href": f"{url}/verify", "header": {}}}}


def _download(hub: Hub, repo: Repo, request: Request, oid: str, size: int) -> dict[str, Any]:
    if repo.blobs.size(oid) is None:
        return _error(404, "Object does not exist")
    href = f"{_objects(request, repo)}/{oid}"
    return {"actions": {"download": {"href": href, "header": {}}}}


def put(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Keep a content if its digest and size are as announced."""
    length = request.headers.get("Content-Length", "0")
    limit = request.number("size", hub.max_file, most=hub.max_file)
    if int(length) > limit:
        raise Refusal(413, f"Too large: {length} bytes, {limit} are allowed here")
    repo.blobs.put(request.body, limit=limit, sha256=request.args["oid"])
    return Reply.json({})


def may_put(hub: Hub, kind: str, name: str, request: Request) -> bool:
    """Say whether a PUT goes to an address that `batch` has given."""
    wanted = _key(hub, kind, name, request.args["oid"], request.text("size"))
    found = request.text("key")
    return hmac.compare_digest(found.encode(), wanted.encode())


def verify(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say whether a content arrived."""
    asked = request.json()
    oid, size = oid_of(asked), size_of(asked)
    here = repo.blobs.size(oid)
    if here is None:
        raise Refusal(404, f"This content was not uploaded: {oid}")
    if here != size:
        raise Refusal(422, f"This content has {here} bytes, not {size}")
    return Reply.json({})


def download(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Send a content by its digest."""
    require_content(request.user, repo)
    oid = request.args["oid"]
    size = repo.blobs.size(oid)
    if size is None:
        raise Refusal(404, f"This content is not here: {oid}")
    return content(repo, oid, size, request, {"Content-Type": "application/octet-stream"})


def oid_of(wanted: dict[str, Any]) -> str:
    """Return the sha256 that a client names."""
    oid = wanted.get("oid")
    if not isinstance(oid, str) or not names.is_hex(oid, 64):
        raise Refusal(400, "Malformed request: oid is no sha256 of 64 hexadecimal digits")
    return oid


def size_of(wanted: dict[str, Any]) -> int:
    """Return the size in bytes that a client names."""
    size = wanted.get("size")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 10**15:
        raise Refusal(400, "Malformed request: size is no number of bytes")
    return size


def page_of(request: Request, repo: Repo) -> str:
    """Return the address of a repository's page, as clients name it."""
    prefix = "" if repo.kind == "models" else f"{repo.kind}/"
    return f"{request.base}/{prefix}{repo.name}"


def _objects(request: Request, repo: Repo) -> str:
    return f"{page_of(request, repo)}.git/info/lfs/objects"


def _error(code: int, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def _key(hub: Hub, kind: str, name: str, oid: str, size: str) -> str:
    text = f"{kind}/{name} {oid} {size}"
    return hmac.new(hub.shelf.secret, text.encode(), hashlib.sha256).hexdigest()
