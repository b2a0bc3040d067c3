"""Who may do what. Without tokens everybody may do everything; with them the Hub's rules hold.

    tokens.yaml:  - {user: ada, token: hf_aaa, orgs: [lab]}
                  - {user: bob, token: hf_bbb, role: read}

    access = Access.from_file(Path("tokens.yaml"))
    access.user("Bearer hf_aaa").may_write("lab")      ->  True

Tokens are kept as digests and stand in no log and in no message.
"""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from counterfactory.errors import UserError
from counterfactory.factory.release.hub import names
from counterfactory.factory.release.hub.refusal import Refusal

KEYS = {"user", "token", "orgs", "role"}
ROLES = ("write", "read")


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    """Empty for somebody without a token."""
    orgs: tuple[str, ...] = ()
    role: str = "write"
    everything: bool = False
    """On a server without tokens."""

    def may_see(self, namespace: str) -> bool:
        """Say whether private repositories of a namespace are visible."""
        return self.everything or namespace == self.name or namespace in self.orgs

    def may_write(self, namespace: str) -> bool:
        """Say whether repositories of a namespace may be changed."""
        return self.may_see(namespace) and self.role == "write"


NOBODY = User("", role="read")


@dataclass(frozen=True, slots=True)
class Access:
    """The users of a server, by the digest of their tokens; no users: an open server."""

    users: dict[str, User] = field(default_factory=dict)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a token file. Raises `UserError` naming the entry, never showing a token."""
        import yaml

        try:
            found = yaml.safe_load(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}; expected a list of users") from None
        except (yaml.YAMLError, UnicodeDecodeError):
            raise UserError(f"{path}: is no YAML, expected a list of {{user, token}}") from None
        if not isinstance(found, list) or not found:
            raise UserError(f"{path}: expected a list like '- {{user: ada, token: hf_...}}'")
        users: dict[str, User] = {}
        for number, entry in enumerate(found):
            digest, user = _user(f"{path}: entry {number + 1}", entry)
            if digest in users:
                raise UserError(f"{path}: entry {number + 1}: this token stands there twice")
            users[digest] = user
        return cls(users)

    def user(self, authorization: str | None) -> User:
        """Return who shows this header. Raises `Refusal` 401 for a token that is none."""
        kind, _, token = (authorization or "").partition(" ")
        if not self.users:
            return User("local", everything=True)
        if not token:
            return NOBODY
        found = self.users.get(_digest(token.strip())) if kind.lower() == "bearer" else None
        if found is None:
            raise Refusal(401, "Invalid credentials in Authorization header")
        return found


def _user(where: str, entry: Any) -> tuple[str, User]:
    if not isinstance(entry, dict) or not {"user", "token"} <= entry.keys() <= KEYS:
        raise UserError(f"{where}: expected the keys user and token, and perhaps orgs and role")
    orgs = entry.get("orgs") or []
    if not isinstance(orgs, list) or not all(isinstance(org, str) for org in orgs):
        raise UserError(f"{where}: orgs: expected a list of names")
    if (role := entry.get("role", "write")) not in ROLES:
        raise UserError(f"{where}: role: found {role!r}, expected write or read")
    if not isinstance(entry["token"], str) or len(entry["token"]) < 4:
        raise UserError(f"{where}: token: expected text of 4 characters or more")
    try:
        known = [names.repo_part(str(name)) for name in (entry["user"], *orgs)]
    except Refusal as refusal:
        raise UserError(f"{where}: {refusal.message}") from None
    return _digest(entry["token"]), User(known[0], tuple(known[1:]), role)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
