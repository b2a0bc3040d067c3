"""Routes that read files: tree, paths-info, resolve with ranges."""

import re
from functools import lru_cache

from counterfactory.factory.release.hub import names
from counterfactory.factory.release.hub.hub import Hub, require_content
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.tree import Tree, last_changes
from counterfactory.factory.release.hub.wire import Part, Reply, Request

PAGE = 1000
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def listing(hub: Hub, repo: Repo, request: Request) -> Reply:
    """List a folder, in pages."""
    oid = repo.resolve(request.args["rev"])
    below = request.args.get("path", "").strip("/")
    if below:
        names.file_path(below)
    found = tree_of(repo, oid).listing(below, recursive=request.flag("recursive"))
    start = request.number("cursor", 0, most=10**9)
    size = max(1, request.number("limit", PAGE, most=PAGE))
    shown, headers = found[start : start + size], {}
    if len(found) > start + size:
        more = f"recursive={request.text('recursive')}&expand={request.text('expand')}"
        where = f"{request.base}{request.path}?{more}&limit={size}&cursor={start + size}"
        headers["Link"] = f'<{where}>; rel="next"'
    if request.flag("expand"):
        _expand(repo, oid, shown)
    return Reply.json(shown, headers=headers)


def paths_info(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Tell what lies at single paths; those where nothing lies are left out."""
    oid, asked = repo.resolve(request.args["rev"]), request.form()
    paths = asked.get("paths", [])
    paths = [paths] if isinstance(paths, str) else paths
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise Refusal(400, "Malformed request: paths is no list of texts")
    here = tree_of(repo, oid)
    found = [here.entry(path.strip("/")) for path in dict.fromkeys(paths)]
    told = [each for each in found if each]
    if str(asked.get("expand", "")).strip("[]'").lower() in ("1", "true"):
        _expand(repo, oid, told)
    return Reply.json(told)


@lru_cache(maxsize=8)
def tree_of(repo: Repo, oid: str) -> Tree:
    """Return the folders of a commit; a long listing asks for them page by page."""
    return Tree(repo.files(oid))


def _expand(repo: Repo, oid: str, entries: list[dict[str, object]]) -> None:
    changed = last_changes(repo, oid, [str(each["path"]) for each in entries])
    for each in entries:
        each["lastCommit"] = changed.get(str(each["path"]))


def resolve(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Send a file of a revision, or a part of it."""
    oid, path = repo.resolve(request.args["rev"]), request.args["path"]
    file = repo.files(oid).get(path)
    if file is None:
        refusal = Refusal.missing_entry(path)
        refusal.headers["X-Repo-Commit"] = oid
        raise refusal
    require_content(request.user, repo)
    tag = f'"{file.sha256 if file.lfs else file.git}"'
    headers = {"ETag": tag, "X-Repo-Commit": oid, "Accept-Ranges": "bytes"}
    headers["Content-Type"] = "application/octet-stream"
    headers["Content-Disposition"] = "attachment"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Access-Control-Expose-Headers"] = "X-Repo-Commit,ETag,X-Linked-Size,X-Linked-Etag"
    if file.lfs:
        headers |= {"X-Linked-Etag": tag, "X-Linked-Size": str(file.size)}
    return content(repo, file.sha256, file.size, request, headers)


def content(repo: Repo, oid: str, size: int, request: Request, headers: dict[str, str]) -> Reply:
    """Send a content, or the part of it that the request's Range names."""
    wanted = request.headers.get("Range")
    if wanted and request.headers.get("If-Range", headers.get("ETag")) != headers.get("ETag"):
        wanted = None
    asked = asked_range(wanted, size)
    if asked is None:
        return Reply(200, Part(repo.blobs.path(oid), 0, size), headers)
    start, end = asked
    if start >= end:
        refusal = Refusal(416, f"Range not satisfiable: the file has {size} bytes")
        refusal.headers["Content-Range"] = f"bytes */{size}"
        raise refusal
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Reply(206, Part(repo.blobs.path(oid), start, end - start), headers)


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the first byte that is asked for and the one behind the last; None for the whole file.

    What is no range of bytes, and several ranges at once, count as the whole file. A range that holds
    no byte of the file comes back empty: (10, 10).

    >>> asked_range("bytes=-4", 10)
    (6, 10)
    """
    found = _RANGE.fullmatch(header or "")
    if not found or not any(found.groups()):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return min(int(first), size), min(int(last) + 1, size) if last else size
