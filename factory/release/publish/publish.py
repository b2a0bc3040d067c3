"""Publish: look at the target, send, prove, tag.

    publish(Path("runs/region-diff"), "org/region-diff", tag="v1")

The same content published twice does nothing the second time.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.release.publish.changes import MOST
from counterfactory.factory.release.publish.client import answers_within
from counterfactory.factory.release.publish.content import Content
from counterfactory.factory.release.publish.loaded_back import Unproven
from counterfactory.factory.release.publish.parcel import Edition, Parcel, open_parcel
from counterfactory.factory.release.publish.prove import prove, told
from counterfactory.factory.release.publish.remote import Remote, Standing
from counterfactory.factory.release.publish.send import Load, send
from counterfactory.factory.release.publish.target import Past, look_back
from counterfactory.factory.release.publish.trouble import Patience
from counterfactory.factory.release.publish.version import checked_repo, checked_tag, next_free
from counterfactory.factory.run.disk import disk_errors

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version that is there, proven and tagged."""

    repo: str
    commit: str
    tag: str
    url: str
    verified: bool  # in this run; false where the same content was there already
    kind: str  # release, model or suite
    new: bool  # whether this run made the version
    rows: int  # compared in this run
    private: bool


def publish(
    folder: Path, to: str, *, tag: str = "", public: bool = False, gated: bool = False,
    evaluations: Sequence[Path] = (), releases: Sequence[str] = (),
    patience: Patience | None = None, say: Say = lambda line: None,
) -> Published:  # fmt: skip
    """Publish the folder of a release, a model or a suite; return where it is.

    Raises `UserError` for everything that the user must mend; the target is then as it was, or holds a
    commit without a tag that the same command goes on with.
    """
    repo = checked_repo(to)
    wanted = checked_tag(tag) if tag else ""
    allowed = patience or Patience()
    with answers_within(allowed.answer), _workplace() as place:
        parcel = open_parcel(folder, evaluations=evaluations, releases=releases)
        remote = Remote(repo, parcel.repo_type, allowed)
        found = _publish(parcel, remote, wanted, place, say)
        if gated:
            remote.settle(gated="auto")
        if public and found.private:
            remote.settle(private=False)
            found = replace(found, private=False)
    return found


@contextmanager
def _workplace() -> Iterator[Path]:
    """Give a folder for what is downloaded, thrown away at the end."""
    with tempfile.TemporaryDirectory(prefix="counterfactory-publish-") as place:
        with disk_errors(Path(place)):
            yield Path(place)


def _publish(parcel: Parcel, remote: Remote, wanted: str, place: Path, say: Say) -> Published:
    standing = remote.standing()
    if not standing.head:
        say(f"{remote.repo}: new, private")
        remote.create(private=True)
        standing = remote.standing()
        if not standing.head:
            raise UserError(
                f"{remote.repo}: the Hub at {remote.endpoint} does not show it, though it is there or was "
                "just made; expected a token that may see it: `hf auth login`, or HF_TOKEN"
            )
    past = look_back(remote, standing, parcel, place / "past")
    there = _there(parcel, standing, past, wanted, remote.repo)
    if there and there in standing.tags:
        return _result(parcel, remote, standing, standing.tags[there], there, rows=None, new=False)
    if there:
        say(f"{remote.repo}: proving {standing.head[:12]}, sent by an earlier run")
        try:
            rows = prove(parcel, remote, standing.head, place)
        except (
            Unproven
        ) as error:  # someone changed it since: what is sent now is a version of its own
            say(f"{remote.repo}: {standing.head[:12]} is not what was sent ({error})")
        else:
            remote.tag(there, standing.head)
            return _result(parcel, remote, standing, standing.head, there, rows=rows, new=True)
    version = wanted or next_free(_today(), [*standing.tags, *_versions(past)])
    load = _load(parcel, remote, standing, past, version, place)
    say(f"{remote.repo}: sending {version}, {len(load.files)} files")
    commit, rows = _sent(parcel, remote, load, standing, place, say)
    remote.tag(version, commit)
    return _result(parcel, remote, standing, commit, version, rows=rows, new=True)


def _sent(
    parcel: Parcel, remote: Remote, load: Load, standing: Standing, place: Path, say: Say
) -> tuple[str, int]:
    """Send and prove; return the commit and how many rows were compared."""
    rows: list[int] = []

    def proven(commit: str) -> None:
        say(f"{remote.repo}: proving {commit[:12]}")
        try:
            rows.append(prove(parcel, remote, commit, place))
        except Unproven as error:
            raise told(error, remote, commit) from error

    return send(remote, parcel, load, standing, proven), rows[-1]


def _there(parcel: Parcel, standing: Standing, past: Past, wanted: str, repo: str) -> str:
    """Return the version that this content is already, tagged or at the head; "" when it is none."""
    if wanted in standing.tags and wanted:
        if past.of(wanted) != parcel.content:
            raise UserError(
                f"--tag: found {wanted!r} at {repo} already, at commit {standing.tags[wanted][:12]} with "
                "other content; tags are never moved, give another"
            )
        return wanted
    for number, one in enumerate(past.history):
        version = str(one.get("version", ""))
        tagged = version in standing.tags
        if one.get("content") == parcel.content and (tagged or number == 0):
            if not wanted or wanted == version:
                return version
    return ""


def _load(
    parcel: Parcel, remote: Remote, standing: Standing, past: Past, version: str, place: Path
) -> Load:
    """Return what the target shall hold."""
    changes = _changes(parcel, remote, standing, past, place) if past.manifest else ""
    edition = Edition(
        repo=remote.repo, version=version, published=_now(), history=past.history,
        changes=changes, changelog=past.changelog,
    )  # fmt: skip
    files: dict[str, Content] = {**parcel.kept, **parcel.written(edition)}
    stale = {p for p in standing.tree if (p in past.listed or parcel.owns(p)) and p not in files}
    mark = f"({parcel.content[:12]})"
    return Load(
        files=files, stale=frozenset(stale), mark=mark,
        title=f"Publish {parcel.name} {version} {mark}", text=changes,
    )  # fmt: skip


def _changes(parcel: Parcel, remote: Remote, standing: Standing, past: Past, place: Path) -> str:
    """Return what differs from the version at the head; large ones are compared by their counts."""
    folder = place / "before"
    folder.mkdir()
    paths = [path for path in parcel.wanted(past.manifest) if path in standing.tree]
    if sum(past.sizes.get(path, 0) for path in paths) <= MOST:
        for path in paths:
            remote.fetch(path, standing.head, folder)
    return parcel.changes(folder, past.manifest)


def _result(
    parcel: Parcel, remote: Remote, standing: Standing, commit: str, tag: str, *,
    rows: int | None, new: bool,
) -> Published:  # fmt: skip
    return Published(
        repo=remote.repo, commit=commit, tag=tag, url=remote.url(tag), verified=rows is not None,
        kind=parcel.kind, new=new, rows=rows or 0, private=standing.private,
    )  # fmt: skip


def _versions(past: Past) -> list[str]:
    return [str(one.get("version", "")) for one in past.history]


def _today() -> Any:
    return datetime.now(UTC).date()


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
