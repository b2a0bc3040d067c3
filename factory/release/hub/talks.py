"""Routes of pull requests and discussions."""

import difflib
from typing import Any

from counterfactory.factory.release.hub import pulls
from counterfactory.factory.release.hub.committing import TITLE
from counterfactory.factory.release.hub.hub import Hub
from counterfactory.factory.release.hub.pulls import Talk
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import MAIN, Repo
from counterfactory.factory.release.hub.wire import Reply, Request

PAGE = 10
DIFF_BYTES = 2**16


def index(hub: Hub, repo: Repo, request: Request) -> Reply:
    """List discussions, newest first, in pages."""
    talks = [pulls.load(repo, str(number)) for number in reversed(pulls.numbers(repo))]
    wanted, status, author = request.text("type"), request.text("status"), request.text("author")
    talks = [
        talk
        for talk in talks
        if (wanted in ("", "all") or talk["isPullRequest"] == (wanted == "pull_request"))
        and (status in ("", "all") or (talk["status"] in ("open", "draft")) == (status == "open"))
        and author in ("", talk["author"])
    ]
    start = request.number("p", 0, most=10**6) * PAGE
    shown = [_about(repo, talk) for talk in talks[start : start + PAGE]]
    return Reply.json({"discussions": shown, "count": len(talks), "start": start})


def details(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Tell all of one discussion."""
    talk = pulls.load(repo, request.args["number"])
    told = {**_about(repo, talk), "events": talk["events"]}
    if talk["isPullRequest"]:
        conflicts, diff = _compared(repo, talk)
        changes = {"base": f"refs/heads/{talk['base']}"}
        if "mergeCommitId" in talk:
            changes["mergeCommitId"] = talk["mergeCommitId"]
        told |= {"changes": changes, "filesWithConflicts": conflicts, "diff": diff}
    return Reply.json(told)


def create(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Open a discussion, or a pull request without a commit."""
    asked = request.json()
    title, pull = asked.get("title"), bool(asked.get("pullRequest"))
    if not isinstance(title, str) or not title.strip():
        raise Refusal(400, "Malformed request: title is empty")
    text = str(asked.get("description") or "")
    with repo.lock:
        talk = pulls.start(repo, title[:TITLE], text, _author(request), pull=pull)
        if pull:
            pulls.publish(repo, talk, repo.resolve(MAIN))
        else:
            pulls.save(repo, talk)
    return Reply.json({"num": talk["num"], "pullRequest": pull})


def comment(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Say something."""
    text = request.json().get("comment")
    if not isinstance(text, str) or not text.strip():
        raise Refusal(400, "Malformed request: comment is empty")
    with repo.lock:
        talk = pulls.load(repo, request.args["number"])
        event = pulls.add_event(talk, "comment", _author(request), pulls.comment(text))
        pulls.save(repo, talk)
    return Reply.json({"newMessage": event})


def status(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Open or close."""
    asked = request.json()
    wanted = asked.get("status")
    if wanted not in ("open", "closed"):
        raise Refusal(400, "Malformed request: status is neither open nor closed")
    with repo.lock:
        talk = pulls.load(repo, request.args["number"])
        if talk["status"] == "merged":
            raise Refusal(409, "This pull request is merged")
        _say(talk, asked, request)
        talk["status"] = wanted
        event = pulls.add_event(talk, "status-change", _author(request), {"status": wanted})
        pulls.save(repo, talk)
    return Reply.json({"newStatus": event})


def title(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Give a discussion another title."""
    wanted = request.json().get("title")
    if not isinstance(wanted, str) or not wanted.strip():
        raise Refusal(400, "Malformed request: title is empty")
    with repo.lock:
        talk = pulls.load(repo, request.args["number"])
        data = {"from": talk["title"], "to": wanted[:TITLE]}
        talk["title"] = data["to"]
        event = pulls.add_event(talk, "title-change", _author(request), data)
        pulls.save(repo, talk)
    return Reply.json({"newTitle": event})


def merge(hub: Hub, repo: Repo, request: Request) -> Reply:
    """Merge a pull request."""
    asked = request.json()
    with repo.lock:
        talk = pulls.merge(repo, request.args["number"], _author(request))
        if _say(talk, asked, request):
            pulls.save(repo, talk)
    return Reply.json({"mergeCommitId": talk["mergeCommitId"]})


def _say(talk: Talk, asked: dict[str, Any], request: Request) -> bool:
    text = asked.get("comment")
    if isinstance(text, str) and text.strip():
        pulls.add_event(talk, "comment", _author(request), pulls.comment(text))
        return True
    return False


def _author(request: Request) -> str:
    return request.user.name or "local"


def _about(repo: Repo, talk: Talk) -> dict[str, Any]:
    keys = ("num", "title", "createdAt", "status", "isPullRequest")
    told = {key: talk[key] for key in keys}
    told["author"] = {"name": talk["author"], "type": "user"}
    return told | {"repo": {"name": repo.name, "type": repo.kind[:-1]}}


def _compared(repo: Repo, talk: Talk) -> tuple[list[str] | bool, str]:
    """Return the conflicts of a pull request with its branch, and its difference as text."""
    ours, theirs = repo.ref("heads", talk["base"]), repo.ref("pulls", str(talk["num"]))
    if ours is None or theirs is None:
        return False, ""
    _, conflicts = pulls.merged(repo, ours, theirs)
    if "mergeCommitId" in talk:
        return False, ""
    before, there = repo.files(ours), repo.files(theirs)
    lines: list[str] = []
    for path in sorted(before.keys() | there.keys()):
        if before.get(path) == there.get(path) or path in conflicts:
            continue
        old, new = _text(repo, before.get(path)), _text(repo, there.get(path))
        lines.append(f"diff --git a/{path} b/{path}")
        if old is None or new is None:
            lines.append("Binary or large files differ")
        else:
            lines += difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", lineterm="")
    return conflicts or False, "\n".join(lines) + ("\n" if lines else "")


def _text(repo: Repo, file: Any) -> list[str] | None:
    """Return a small file's lines; none for no file; None when it is not to be shown."""
    if file is None:
        return []
    if file.lfs or file.size > DIFF_BYTES:
        return None
    try:
        return str(repo.blobs.path(file.sha256).read_bytes().decode()).splitlines()
    except UnicodeDecodeError:
        return None
