"""Pull requests and discussions: a JSON file each, and for a pull request the ref `refs/pr/N`.

    number, oid = open_with(repo, wish, "main", "ada")      a pull request with one commit
    merge(repo, number, "ada")                              one new commit on main, "Add rows (#1)"

A merge goes file by file from where the two sides parted; a file that both changed differently is a
conflict. What is about to be merged is written down before the branch moves, so that a server killed
in between finds out at its next start whether it did.
"""

import json
from typing import Any

from counterfactory.factory.release.hub.committing import Wish, fitting, on_top
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import MAIN, Commit, Files, Repo, now
from counterfactory.factory.run.disk import sync, write_whole

Talk = dict[str, Any]


def numbers(repo: Repo) -> list[int]:
    """Return the numbers of all discussions, oldest first."""
    return sorted(int(path.stem) for path in (repo.folder / "discussions").glob("*.json"))


def load(repo: Repo, number: str) -> Talk:
    """Return a discussion. Raises `Refusal` when there is none."""
    path = repo.folder / "discussions" / f"{number}.json"
    if not (number.isascii() and number.isdecimal()) or not path.exists():
        raise Refusal(404, f"Discussion not found: {number[:20]}")
    return dict(json.loads(path.read_bytes()))


def save(repo: Repo, talk: Talk) -> None:
    """Write a discussion."""
    path = repo.folder / "discussions" / f"{talk['num']}.json"
    write_whole(path, json.dumps(talk, ensure_ascii=False).encode())
    sync(path.parent)


def start(
    repo: Repo, title: str, text: str, author: str, *, pull: bool = False, base: str = MAIN
) -> Talk:
    """Return a new discussion, not yet saved."""
    talk: Talk = {
        "num": max(numbers(repo), default=0) + 1, "title": title, "author": author,
        "createdAt": now(), "status": "draft" if pull else "open", "isPullRequest": pull,
        "base": base, "events": [],
    }  # fmt: skip
    if text:
        add_event(talk, "comment", author, comment(text))
    return talk


def add_event(talk: Talk, kind: str, author: str, data: dict[str, Any]) -> dict[str, Any]:
    """Append an event to a discussion and return it."""
    event = {
        "id": f"{talk['num']:06d}{len(talk['events']):018d}", "type": kind, "createdAt": now(),
        "author": {"name": author, "type": "user"}, "data": data,
    }  # fmt: skip
    talk["events"].append(event)
    return event


def comment(text: str) -> dict[str, Any]:
    """Return the data of a comment."""
    return {
        "edited": False,
        "hidden": False,
        "latest": {"raw": text, "html": "", "updatedAt": now()},
    }


def open_with(repo: Repo, wish: Wish, revision: str, author: str) -> tuple[int, str]:
    """Open a pull request that holds one commit; the caller holds the lock. Gives (number, commit id)."""
    base = revision.removeprefix("refs/heads/")
    head = repo.ref("heads", base)
    if head is None:
        raise Refusal.missing_revision(revision)
    talk = start(repo, wish.title, wish.message, author, pull=True, base=base)
    talk["status"] = "open"
    parted = repo.resolve(wish.parent) if wish.parent else head
    oid = on_top(repo, wish, parted, author)
    add_event(talk, "commit", author, {"subject": wish.title, "oid": oid})
    publish(repo, talk, oid)
    return talk["num"], oid


def publish(repo: Repo, talk: Talk, oid: str) -> None:
    """Make a new pull request known; without its JSON file a ref alone counts for nothing."""
    repo.move("pulls", str(talk["num"]), oid)
    save(repo, talk)


def require_open(repo: Repo, number: str) -> Talk:
    """Return a pull request that may still be committed to."""
    talk = load(repo, number)
    if not talk["isPullRequest"]:
        raise Refusal.missing_revision(f"refs/pr/{number}")
    if talk["status"] not in ("open", "draft"):
        raise Refusal(409, f"Pull request {number} is {talk['status']}")
    return talk


def merge(repo: Repo, number: str, author: str) -> Talk:
    """Merge a pull request into its branch; the caller holds the lock."""
    talk = require_open(repo, number)
    ours, theirs = repo.ref("heads", talk["base"]), repo.ref("pulls", number)
    if ours is None or theirs is None:
        raise Refusal(409, f"The branch {talk['base']} is gone")
    files, conflicts = merged(repo, ours, theirs)
    if conflicts:
        raise Refusal(409, f"Merge conflict in {', '.join(conflicts[:5])}")
    title = f"{talk['title']} (#{number})"
    oid = repo.add(Commit(ours, author, now(), title), fitting(files))
    talk["merging"] = oid
    save(repo, talk)
    repo.move("heads", talk["base"], oid)
    return _merged(repo, talk, author)


def _merged(repo: Repo, talk: Talk, author: str) -> Talk:
    talk |= {"status": "merged", "mergeCommitId": talk.pop("merging")}
    add_event(talk, "status-change", author, {"status": "merged"})
    save(repo, talk)
    return talk


def settle(repo: Repo) -> None:
    """After a kill: find out for each merge that was under way whether it happened."""
    for number in numbers(repo):
        talk = load(repo, str(number))
        if "merging" not in talk:
            continue
        head = repo.ref("heads", talk["base"])
        if any(oid == talk["merging"] for oid, _ in repo.history(head)):
            _merged(repo, talk, talk["author"])
        else:
            del talk["merging"]
            save(repo, talk)


def merged(repo: Repo, ours: str, theirs: str) -> tuple[Files, list[str]]:
    """Return the files that a merge gives, and the paths that both sides changed differently."""
    mine = {oid for oid, _ in repo.history(ours)}
    parted = next((oid for oid, _ in repo.history(theirs) if oid in mine), None)
    before = repo.files(parted) if parted else {}
    here, there = repo.files(ours), repo.files(theirs)
    files, conflicts = dict(here), []
    for path in sorted(before.keys() | there.keys()):
        old, new, kept = before.get(path), there.get(path), here.get(path)
        if new in (old, kept):
            continue
        if kept != old:
            conflicts.append(path)
        elif new is None:
            del files[path]
        else:
            files[path] = new
    return files, conflicts
