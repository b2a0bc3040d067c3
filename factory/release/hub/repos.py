"""Routes of whole repositories: made, removed, renamed, described, listed."""

from typing import Any

from counterfactory.factory.release.hub import names, tree
from counterfactory.factory.release.hub.cards import header_of
from counterfactory.factory.release.hub.hub import Hub, require_write
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import MAIN, Repo
from counterfactory.factory.release.hub.wire import Reply, Request

CARD_BYTES = 2**20
LIST = 1000


def create(hub: Hub, request: Request) -> Reply:
    """Make a repository."""
    asked = request.json()
    kind, name = _kind(asked), _name(asked, request)
    require_write(request.user, name)
    private = asked.get("visibility") == "private" or asked.get("private") is True
    told = {"url": _url(request, kind, name), "name": name}
    extra = {"sdk": str(asked["sdk"])} if asked.get("sdk") else {}
    author = request.user.name or "local"
    try:
        repo = hub.shelf.make(kind, name, author=author, private=private, gated=False, **extra)
    except Refusal as refusal:
        refusal.more |= told
        raise
    return Reply.json({**told, "id": repo.name, "private": private})


def delete(hub: Hub, request: Request) -> Reply:
    """Remove a repository."""
    asked = request.json()
    kind, name = _kind(asked), _name(asked, request)
    repo = hub.repo(kind, name, request.user)
    require_write(request.user, name)
    hub.shelf.remove(repo)
    return Reply.json({})


def move(hub: Hub, request: Request) -> Reply:
    """Give a repository another name."""
    asked = request.json()
    kind, name, to = _kind(asked), str(asked.get("fromRepo")), str(asked.get("toRepo"))
    repo = hub.repo(kind, name, request.user)
    require_write(request.user, name)
    require_write(request.user, to)
    hub.shelf.rename(repo, to)
    return Reply.json({"url": _url(request, kind, to)})


def settings(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Change who may see a repository."""
    asked = request.json()
    changes: dict[str, Any] = {}
    if "visibility" in asked or "private" in asked:
        changes["private"] = asked.get("visibility") == "private" or asked.get("private") is True
    if "gated" in asked:
        if asked["gated"] not in (False, "auto", "manual"):
            raise Refusal(400, "gated: expected false, 'auto' or 'manual'")
        changes["gated"] = asked["gated"]
    repo.settle(changes)
    return Reply.json(changes)


def info(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Describe a repository at a revision."""
    return Reply.json(_about(repo, repo.resolve(request.args.get("rev", MAIN)), request))


def auth_check(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say that this user may see (or write to) the repository: reaching this is enough."""
    return Reply.json({})


def index(hub: Hub, request: Request) -> Reply:
    """List repositories, by name."""
    author, search = request.text("author"), request.text("search").lower()
    found = []
    for repo in hub.shelf.all():
        namespace = repo.name.partition("/")[0]
        if repo.kind != request.args["kind"] or (author and author != namespace):
            continue
        if search not in repo.name.lower():
            continue
        if repo.about.get("private") and not request.user.may_see(namespace):
            continue
        found.append(_short(repo))
    return Reply.json(found[: request.number("limit", LIST, most=LIST)])


def _short(repo: Repo) -> dict[str, Any]:
    about = repo.about
    return {
        "_id": repo.name, "id": repo.name, "author": repo.name.partition("/")[0],
        "private": bool(about.get("private")), "gated": about.get("gated", False), "disabled": False,
        "downloads": 0, "likes": 0, "tags": [], "createdAt": about["created"],
        **({"modelId": repo.name} if repo.kind == "models" else {}),
        **({"sdk": about["sdk"]} if "sdk" in about else {}),
    }  # fmt: skip


def _about(repo: Repo, oid: str, request: Request) -> dict[str, Any]:
    files, date = repo.files(oid), repo.commit(oid).date
    siblings = [{"rfilename": path} for path in files]
    if request.flag("blobs"):
        siblings = [_sibling(path, file) for path, file in files.items()]
    told = {**_short(repo), "sha": oid, "lastModified": date, "siblings": siblings}
    card = files.get("README.md")
    if card and card.size <= CARD_BYTES:
        header, _ = header_of(repo.blobs.path(card.sha256).read_bytes().decode(errors="replace"))
        if isinstance(header, dict):
            told["cardData"] = header
            tags = header.get("tags")
            told["tags"] = [str(tag) for tag in tags] if isinstance(tags, list) else []
    return told


def _sibling(path: str, file: Any) -> dict[str, Any]:
    told = {"rfilename": path, "size": file.size, "blobId": file.git}
    if file.lfs:
        size = tree.pointer_size(file)
        told["lfs"] = {"sha256": file.sha256, "size": file.size, "pointerSize": size}
    return told


def _kind(asked: dict[str, Any]) -> str:
    kind = f"{asked.get('type') or 'model'}s"
    if kind not in names.KINDS:
        raise Refusal(400, f"type: found {kind[:-1][:40]!r}, expected model, dataset or space")
    return kind


def _name(asked: dict[str, Any], request: Request) -> str:
    name = str(asked.get("name") or "")
    space = asked.get("organization") or request.user.name
    if not asked.get("organization") and "/" in name:
        space, _, name = name.partition("/")
    if not space:
        raise Refusal(401, "Invalid username or password: this needs a token")
    return names.repo_name(f"{space}/{name}")


def _url(request: Request, kind: str, name: str) -> str:
    return f"{request.base}/{'' if kind == 'models' else f'{kind}/'}{name}"
