"""Routes that read files: tree, paths-info, resolve with ranges, LFS downloads."""

import re

from counterfactory.factory.release.hub import names, tree
from counterfactory.factory.release.hub.hub import Hub, require_content
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.wire import Part, Reply, Request

PAGE = 1000
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def listing(hub: Hub, repo: Repo, request: Request) -> Reply:
    """List a folder, in pages."""
    oid = repo.resolve(request.args["rev"])
    below = request.args.get("path", "").strip("/")
    if below:
        names.file_path(below)
    files = repo.commit(oid).files
    found = tree.listing(files, below, recursive=request.flag("recursive"))
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
    files = repo.commit(oid).files
    found = [tree.entry(files, path.strip("/")) for path in dict.fromkeys(paths)]
    told = [each for each in found if each]
    if str(asked.get("expand", "")).strip("[]'").lower() in ("1", "true"):
        _expand(repo, oid, told)
    return Reply.json(told)


def _expand(repo: Repo, oid: str, entries: list[dict[str, object]]) -> None:
    changed = tree.last_changes(repo, oid, [str(each["path"]) for each in entries])
    for each in entries:
        each["lastCommit"] = changed.get(str(each["path"]))


def resolve(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Send a file of a revision, or a part of it."""
    oid, path = repo.resolve(request.args["rev"]), request.args["path"]
    file = repo.commit(oid).files.get(path)
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
    if request.headers.get("If-None-Match") == tag:
        return Reply(304, b"", headers)
    return _content(repo, file.sha256, file.size, request, headers)


def download(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Send a large content by its digest, as Git LFS asks for it."""
    require_content(request.user, repo)
    oid = request.args["oid"]
    size = repo.blobs.size(oid)
    if size is None:
        raise Refusal(404, f"This content is not here: {oid}")
    return _content(repo, oid, size, request, {"Content-Type": "application/octet-stream"})


def _content(repo: Repo, oid: str, size: int, request: Request, headers: dict[str, str]) -> Reply:
    start, end = asked_range(request.headers.get("Range"), size)
    part = Part(repo.blobs.path(oid), start, end - start)
    if (start, end) == (0, size) and "Range" not in request.headers:
        return Reply(200, part, headers)
    if start >= end:
        raise Refusal(
            416,
            f"Range not satisfiable: the file has {size} bytes",
            headers={"Content-Range": f"bytes */{size}"},
        )
    return Reply(206, part, {**headers, "Content-Range": f"bytes {start}-{end - 1}/{size}"})


def asked_range(header: str | None, size: int) -> tuple[int, int]:
    """Return the first byte that is asked for and the one behind the last; (0, 0) when none can be given.

    Several ranges at once, and what is no range of bytes, count as the whole file.

    >>> asked_range("bytes=-4", 10)
    (6, 10)
    """
    found = _RANGE.fullmatch((header or "").replace(" ", ""))
    if not found or not any(found.groups()):
        return 0, size
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    end = min(int(last) + 1, size) if last else size
    return (int(first), end) if int(first) < end else (0, 0)
