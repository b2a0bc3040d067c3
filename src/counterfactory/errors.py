"""What can go wrong, named after who can mend it.

    UserError    the user must change something: one clear line, exit code 2, no traceback
    Reject       one candidate is not good enough: `records.Reject`, counted and kept
    anything else is a bug and keeps its traceback

Example: `raise UserError("recipe.yaml:7: source.kind: found 'wrld', expected one of world, folder,
hub")`.
"""

import difflib
from collections.abc import Iterable


class UserError(Exception):
    """Bad input. The message names the file, the field, what was found and what would be right."""


class NothingToLearn(UserError):
    """A training whose data teaches this model nothing; a loop goes on without it."""


class Diverged(UserError):
    """A training whose loss or gradient is no finite number; a loop goes on without it."""


class RowError(Exception):
    """One candidate cannot go on; ops raise it to reject a single row with a reason of their own.

    `reason` is a `records.Reason`; metric, value and threshold say by how much.
    """

    def __init__(
        self,
        reason: str,
        *,
        metric: str = "",
        value: float | None = None,
        threshold: float | None = None,
    ) -> None:
        super().__init__(f"{reason} {metric}={value} threshold={threshold}")
        self.reason, self.metric, self.value, self.threshold = reason, metric, value, threshold


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'steps'?)", or nothing when no known word is near."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
