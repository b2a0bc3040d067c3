"""What every handler is given beside the request: the repositories, the users, the limits."""

from dataclasses import dataclass

from counterfactory.factory.release.hub.access import Access, User
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.repo import Repo
from counterfactory.factory.release.hub.shelf import Shelf

MAX_FILE = 50 * 10**9


@dataclass(frozen=True, slots=True)
class Hub:
    """A server's whole state; all of it that lasts is on the disk."""

    shelf: Shelf
    access: Access
    max_file: int = MAX_FILE
    """Most bytes of one file."""

    def repo(self, kind: str, name: str, user: User) -> Repo:
        """Return a repository that this user may see. Raises `Refusal` as the Hub does."""
        namespace = name.partition("/")[0]
        try:
            repo = self.shelf.find(kind, name)
            if repo.about.get("private") and not user.may_see(namespace):
                raise Refusal.missing_repo(f"{kind}/{name}")
        except Refusal as refusal:
            if refusal.code == "RepoNotFound" and not (user.name or user.everything):
                refusal.status = 401
            raise
        return repo


def require_write(user: User, name: str) -> None:
    """Raise `Refusal` when a user may not change a repository."""
    namespace = name.partition("/")[0]
    if user.may_write(namespace):
        return
    if not user.name:
        raise Refusal(401, "Invalid username or password: this needs a token")
    raise Refusal(403, f"{user.name} has no right to write to {namespace}")


def require_content(user: User, repo: Repo) -> None:
    """Raise `Refusal` when a repository is gated and this user was not let in."""
    if repo.about.get("gated") and not user.may_see(repo.name.partition("/")[0]):
        raise Refusal(
            403 if user.name else 401,
            f"Access to {repo.kind[:-1]} {repo.name} is restricted: ask its owner for access",
            "GatedRepo",
        )
