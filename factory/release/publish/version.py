"""Which version a release becomes: `YYYY.MM.DD.N`, N the next that is free at the target.

>>> from datetime import date
>>> next_free(date(2026, 11, 21), ["2026.11.21.1", "2026.11.21.2", "v1"])
'2026.11.21.3'
"""

import re
from collections.abc import Iterable
from datetime import date

from counterfactory.errors import UserError

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_TAKEN = {"main", "master", "dev", "HEAD"}
_COMMIT = re.compile(r"[0-9a-f]{7,40}")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPO = re.compile(rf"{_PART}/{_PART}")


def next_free(day: date, taken: Iterable[str]) -> str:
    """Return the next version of a day."""
    start = f"{day.year}.{day.month:02d}.{day.day:02d}."
    numbers = [
        int(name.removeprefix(start))
        for name in taken
        if name.startswith(start) and name.removeprefix(start).isdecimal()
    ]
    return f"{start}{max(numbers, default=0) + 1}"


def checked_tag(name: str) -> str:
    """Return a tag that can be a version. Raises `UserError`."""
    wrong = not _TAG.fullmatch(name) or name in _TAKEN or ".." in name
    if wrong or name.endswith((".", ".lock")) or _COMMIT.fullmatch(name):
        raise UserError(
            f"--tag: found {name[:80]!r}, expected a name such as v1.0 or 2026.11.21.1: letters, "
            "digits, '.', '_' and '-', no branch and nothing that reads as a commit"
        )
    return name


def checked_repo(name: str) -> str:
    """Return the name of a repository. Raises `UserError`."""
    if not _REPO.fullmatch(name) or "--" in name or ".." in name or name.endswith(".git"):
        raise UserError(
            f"--to: found {name[:200]!r}, expected org/name: letters, digits, '-', '_' and '.'"
        )
    return name
