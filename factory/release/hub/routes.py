"""Which request goes where: one table of method, address, right and handler.

    GET /datasets/lab/edits/resolve/main/data/a.parquet     ->  files.resolve, for who may read
    POST /api/datasets/lab/edits/commit/main                ->  commits.commit, for who may write

Addresses are matched while they are still percent-encoded, so a slash inside a name never splits it.
"""

import re
from collections.abc import Callable
from typing import Literal, NamedTuple
from urllib.parse import unquote_to_bytes

from counterfactory.factory.release.hub import account, commits, files, lfs, refs, repos, talks
from counterfactory.factory.release.hub.hub import Hub, require_write
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.wire import Reply, Request

Right = Literal["read", "write", "key"]
"""What a request needs; "key": the right to write, or the key of an address that was given."""

Plain = Callable[[Hub, Request], Reply]
OnRepo = Callable[[Hub, Repo, Request], Reply]

NAME = r"(?P<space>[^/]+)/(?P<name>[^/]+)"
API = rf"/api/(?P<kind>models|datasets|spaces)/{NAME}"
WEB = rf"/(?:(?P<kind>datasets|spaces)/)?{NAME}"
REV = r"(?P<rev>refs/(?:pr|heads|tags)/[^/]+|[^/]+)"
OID = r"(?P<oid>[0-9a-f]{64})"
TALK = rf"{API}/discussions/(?P<number>[0-9]+)"

PLAIN: tuple[tuple[str, str, Plain], ...] = (
    ("GET", "/api/whoami-v2", account.whoami),
    ("POST", "/api/validate-yaml", account.validate_yaml),
    ("POST", "/api/repos/create", repos.create),
    ("DELETE", "/api/repos/delete", repos.delete),
    ("POST", "/api/repos/move", repos.move),
    ("GET", "/api/(?P<kind>models|datasets|spaces)", repos.index),
)

ON_REPO: tuple[tuple[str, str, Right, OnRepo], ...] = (
    ("GET", API, "read", repos.info),
    ("GET", rf"{API}/revision/{REV}", "read", repos.info),
    ("PUT", rf"{API}/settings", "write", repos.settings),
    ("GET", rf"{API}/auth-check", "read", repos.auth_check),
    ("GET", rf"{API}/auth-check/write", "write", repos.auth_check),
    ("GET", rf"{API}/refs", "read", refs.index),
    ("POST", rf"{API}/branch/{REV}", "write", refs.create_branch),
    ("DELETE", rf"{API}/branch/{REV}", "write", refs.delete_branch),
    ("POST", rf"{API}/tag/{REV}", "write", refs.create_tag),
    ("DELETE", rf"{API}/tag/{REV}", "write", refs.delete_tag),
    ("POST", rf"{API}/super-squash/{REV}", "write", refs.squash),
    ("GET", rf"{API}/tree/{REV}(?:/(?P<path>.*))?", "read", files.listing),
    ("POST", rf"{API}/paths-info/{REV}", "read", files.paths_info),
    ("POST", rf"{API}/preupload/{REV}", "write", commits.preupload),
    ("POST", rf"{API}/commit/{REV}", "write", commits.commit),
    ("GET", rf"{API}/commits/{REV}", "read", commits.history),
    ("GET", rf"{API}/discussions", "read", talks.index),
    ("POST", rf"{API}/discussions", "write", talks.create),
    ("GET", TALK, "read", talks.details),
    ("POST", rf"{TALK}/comment", "write", talks.comment),
    ("POST", rf"{TALK}/status", "write", talks.status),
    ("POST", rf"{TALK}/title", "write", talks.title),
    ("POST", rf"{TALK}/merge", "write", talks.merge),
    ("GET", rf"{API}/xet-(?:read|write)-token/{REV}", "read", account.no_xet),
    ("GET", rf"{WEB}/resolve/{REV}/(?P<path>.+)", "read", files.resolve),
    ("POST", rf"{WEB}\.git/info/lfs/objects/batch", "read", lfs.batch),
    ("POST", rf"{WEB}\.git/info/lfs/objects/verify", "write", lfs.verify),
    ("PUT", rf"{WEB}\.git/info/lfs/objects/{OID}", "key", lfs.put),
    ("GET", rf"{WEB}\.git/info/lfs/objects/{OID}", "read", lfs.download),
)


class Route(NamedTuple):
    """One line of the tables above, compiled."""

    method: str
    address: re.Pattern[str]
    right: Right
    plain: Plain | None
    on_repo: OnRepo | None


ROUTES = [
    *(
        Route(method, re.compile(address), "read", handler, None)
        for method, address, handler in PLAIN
    ),
    *(
        Route(method, re.compile(address), right, None, handler)
        for method, address, right, handler in ON_REPO
    ),
]


def answer(hub: Hub, request: Request) -> Reply:
    """Answer a request. Raises `Refusal`."""
    wanted = "GET" if request.method == "HEAD" else request.method
    for route in ROUTES:
        if route.method == wanted and (match := route.address.fullmatch(request.path)):
            break
    else:
        raise Refusal(404, f"This server does not know {request.method} {request.path[:300]}")
    request.args = {key: _decoded(value) for key, value in match.groupdict().items() if value}
    request.user = hub.access.user(request.headers.get("Authorization"))
    if route.plain:
        return route.plain(hub, request)
    assert route.on_repo
    kind = request.args.get("kind", "models")
    name = f"{request.args['space']}/{request.args['name']}"
    if route.right == "key" and lfs.may_put(hub, kind, name, request):
        return route.on_repo(hub, hub.shelf.find(kind, name), request)
    repo = hub.repo(kind, name, request.user)
    if route.right != "read":
        require_write(request.user, name)
    return route.on_repo(hub, repo, request)


def _decoded(text: str) -> str:
    try:
        return unquote_to_bytes(text).decode()
    except UnicodeDecodeError:
        raise Refusal(400, "Malformed request: the address is no UTF-8") from None
