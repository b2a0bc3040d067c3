"""A parcel on its way: one commit onto the head, or a pull request where there are too many files.

    commit = send(remote, parcel, load)        ->  "81b3..."  the commit that holds exactly `load`

Nobody else's work is undone: when the head moved meanwhile, the commit is put onto the new head only
if none of this parcel's own files changed there. An answer that got lost is not a commit that got
lost: the head is looked at before anything is sent twice.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from counterfactory.errors import UserError
from counterfactory.factory.release import manifest
from counterfactory.factory.release.publish import trouble
from counterfactory.factory.release.publish.content import Content, holds
from counterfactory.factory.release.publish.parcel import Parcel
from counterfactory.factory.release.publish.remote import Remote, Stale, Standing

MOST_FILES = 90  # in one commit: the Hub gives up on a commit after a minute
_ROUNDS = 5  # times that a head may move under a commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the target shall hold after the commit."""

    files: Mapping[str, Content]
    stale: frozenset[str]  # files of the version before that are no more
    title: str
    text: str
    mark: str  # stands in the title of this content's pull request alone

    def owned(self, parcel: Parcel) -> Callable[[str], bool]:
        """Return which paths are this parcel's own."""
        return lambda path: path in self.files or path in self.stale or parcel.owns(path)


def difference(load: Load, tree: Mapping[str, str]) -> tuple[dict[str, Content], list[str]]:
    """Return the files to send to a tree, and those to remove from it."""
    new = {
        path: data
        for path, data in load.files.items()
        if path not in tree or not holds(tree[path], data)
    }
    return new, sorted(path for path in load.stale if path in tree)


def send(
    remote: Remote, parcel: Parcel, load: Load, standing: Standing,
    prove: Callable[[str], None],
) -> str:  # fmt: skip
    """Bring the target to hold `load`; return the commit, proven by `prove`."""
    new, gone = difference(load, standing.tree)
    if len(new) + len(gone) > MOST_FILES:
        return _by_pull_request(remote, parcel, load, standing, prove)
    commit = _onto_head(remote, parcel, load, standing)
    prove(commit)
    return commit


def _onto_head(remote: Remote, parcel: Parcel, load: Load, standing: Standing) -> str:
    """Commit; follow the head where it moved without touching what is ours."""
    at = standing
    for _ in range(_ROUNDS):
        try:
            return _commit(remote, load, at)
        except Stale:
            now = remote.standing()
            if _arrived(load, now):
                return now.head
            _untouched(remote, parcel, load, at, now)
            at = now
    raise UserError(
        f"{remote.repo}: its head moved {_ROUNDS} times while this was sent; run the same command again"
    )


def _commit(remote: Remote, load: Load, at: Standing) -> str:
    """Send one commit onto a head. Raises `Stale` when the head is elsewhere, for whatever reason."""
    new, gone = difference(load, at.tree)

    def attempt() -> str:
        try:
            return remote.commit(new, gone, parent=at.head, title=load.title, text=load.text)
        except UserError:
            raise
        except Exception as error:
            if trouble.status_of(error) == 412:
                raise Stale from None
            if trouble.passes(error) and remote.standing().head != at.head:
                raise Stale from None  # perhaps by this very commit, its answer lost
            raise

    return remote.waiting("commit", attempt)


def _by_pull_request(
    remote: Remote, parcel: Parcel, load: Load, standing: Standing, prove: Callable[[str], None]
) -> str:
    """Fill a pull request in several commits, prove it, merge it; one that was begun is gone on with."""
    number = remote.pull_request(load.mark, standing.head)
    if number is None:
        first = dict(islice(difference(load, standing.tree)[0].items(), MOST_FILES))
        number = _opened(remote, load, first, standing)
    branch = f"refs/pr/{number}"
    for new, gone in _portions(load, remote.tree(branch)):
        _onto_branch(remote, load, branch, new, gone)
    prove(remote.head_of(branch))
    now = remote.standing()
    if now.head != standing.head:
        try:
            _untouched(remote, parcel, load, standing, now)
        except UserError:
            remote.close(number, "The release's own files changed on main meanwhile.")
            raise
    remote.merge(number)
    after = remote.standing()
    if not _arrived(load, after):
        raise UserError(
            f"{remote.repo}: pull request {number} was merged, but {after.head[:12]} does not hold what "
            "was sent; it has no tag: look at its history, then run the same command again"
        )
    return after.head


def _opened(remote: Remote, load: Load, files: Mapping[str, Content], at: Standing) -> str:
    def attempt() -> str:
        if found := remote.pull_request(load.mark, at.head):
            return found
        try:
            return remote.commit(
                files, [], parent=at.head, title=load.title, text=load.text, as_pull_request=True
            )
        except Exception as error:
            if trouble.status_of(error) == 412:
                raise UserError(
                    f"{remote.repo}: its head moved while this was sent; run the same command again"
                ) from error
            raise

    return remote.waiting("open a pull request", attempt)


def _onto_branch(
    remote: Remote, load: Load, branch: str, new: Mapping[str, Content], gone: Sequence[str]
) -> None:
    def attempt() -> None:
        head = remote.head_of(branch)
        tree = remote.tree(head)
        left = {p: data for p, data in new.items() if p not in tree or not holds(tree[p], data)}
        away = [path for path in gone if path in tree]
        if left or away:
            remote.commit(
                left, away, parent=head, title=load.title, text=load.text, revision=branch
            )

    remote.waiting("commit", attempt)


def _portions(
    load: Load, tree: Mapping[str, str]
) -> Iterator[tuple[dict[str, Content], list[str]]]:
    """Yield what is left to do in portions; what tells the version comes last."""
    new, gone = difference(load, tree)
    names = [*sorted(new, key=lambda p: (p == manifest.NAME, p)), *gone]
    for at in range(0, len(names), MOST_FILES):
        part = names[at : at + MOST_FILES]
        yield {p: new[p] for p in part if p in new}, [p for p in part if p not in new]


def _arrived(load: Load, now: Standing) -> bool:
    """Say whether a head holds all of the load, and nothing that it replaces."""
    new, gone = difference(load, now.tree)
    return not new and not gone


def _untouched(remote: Remote, parcel: Parcel, load: Load, before: Standing, now: Standing) -> None:
    """Raise `UserError` when someone changed a file that is this parcel's own."""
    owned = load.owned(parcel)
    for path in sorted(set(before.tree) | set(now.tree)):
        if owned(path) and before.tree.get(path) != now.tree.get(path):
            raise UserError(
                f"{remote.repo}: {path} was changed there by someone else while this was sent (head "
                f"{now.head[:12]}); run the same command again to publish on top of it"
            )
