"""What the server says no with: an HTTP status, the code by which clients choose their exception, a line.

    raise Refusal.missing_repo("datasets/lab/edits")    ->  404, X-Error-Code: RepoNotFound
    raise Refusal(412, "main is at 81b3..., not at 11aa...: someone else has committed")

A refusal changes nothing on the disk.
"""

from typing import Self


class Refusal(Exception):
    """A request that is not carried out; `message` is for the person behind the client."""

    def __init__(self, status: int, message: str, code: str = "") -> None:
        super().__init__(message)
        self.status, self.message, self.code = status, message, code
        self.headers: dict[str, str] = {}
        self.more: dict[str, object] = {}
        """What stands in the JSON body beside the message."""

    @classmethod
    def missing_repo(cls, name: str, status: int = 404) -> Self:
        """Say that there is no such repository, or none that this user may see."""
        return cls(status, f"Repository not found: {name}", "RepoNotFound")

    @classmethod
    def missing_revision(cls, revision: str) -> Self:
        """Say that a revision names nothing."""
        return cls(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    @classmethod
    def missing_entry(cls, path: str) -> Self:
        """Say that a revision holds no such file or folder."""
        return cls(404, f"Entry not found: {path}", "EntryNotFound")
