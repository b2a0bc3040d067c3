"""Routes of branches and tags. A tag, once made, names its commit for good: it can be removed, not moved."""

from typing import Any

from counterfactory.factory.release.hub import names, pulls
from counterfactory.factory.release.hub.hub import Hub
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import MAIN, Commit, Repo, Where, now
from counterfactory.factory.release.hub.wire import Reply, Request


def index(hub: Hub, repo: Repo, request: Request) -> Reply:
    """List every ref."""
    told: dict[str, Any] = {
        "branches": _refs(repo, "heads", "refs/heads/"),
        "tags": _refs(repo, "tags", "refs/tags/"),
        "converts": [],
    }
    if request.flag("include_prs"):
        known = set(map(str, pulls.numbers(repo)))
        found = _refs(repo, "pulls", "refs/pr/")
        told["pullRequests"] = [ref for ref in found if ref["name"] in known]
    return Reply.json(told)


def _refs(repo: Repo, where: Where, start: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{start}{name}", "targetCommit": oid}
        for name, oid in repo.refs(where).items()
    ]


def create_branch(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Make a branch, at another branch, tag or commit."""
    name, asked = names.ref_name(request.args["rev"], "branch"), request.json()
    with repo.lock:
        if repo.ref("heads", name):
            raise _exists(f"refs/heads/{name}")
        repo.move("heads", name, repo.resolve(str(asked.get("startingPoint") or MAIN)))
    return Reply.json({})


def delete_branch(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Remove a branch; never `main`."""
    name = names.ref_name(request.args["rev"], "branch")
    if name == MAIN:
        raise Refusal(403, f"The branch {MAIN} cannot be removed")
    return _delete(repo, "heads", name)


def create_tag(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Tag a revision."""
    asked = request.json()
    name = names.ref_name(asked.get("tag"), "tag")
    with repo.lock:
        oid = repo.resolve(request.args["rev"])
        if repo.ref("tags", name):
            raise _exists(f"refs/tags/{name}")
        repo.move("tags", name, oid)
    return Reply.json({})


def delete_tag(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Remove a tag."""
    return _delete(repo, "tags", names.ref_name(request.args["rev"], "tag"))


def squash(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Put one commit without a parent in place of a branch's history."""
    name, asked = names.ref_name(request.args["rev"], "branch"), request.json()
    with repo.lock:
        head = repo.ref("heads", name)
        if head is None:
            raise Refusal.missing_revision(name)
        title = str(asked.get("message") or f"Super-squash branch '{name}'")
        whole = Commit(None, request.user.name or "local", now(), title)
        repo.move("heads", name, repo.add(whole, repo.files(head)))
    return Reply.json({})


def _delete(repo: Repo, where: Where, name: str) -> Reply:
    with repo.lock:
        if not repo.ref(where, name):
            raise Refusal.missing_revision(name)
        repo.drop(where, name)
    return Reply.json({})


def _exists(ref: str) -> Refusal:
    return Refusal(409, f"Reference already exists: {ref}", "ReferenceExists")
