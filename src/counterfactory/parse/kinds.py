"""The kinds of answers: parse("number", "There are three.") -> Parsed("3")."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical value, or None and why there is none."""

    value: str | None
    why: str = ""


KINDS = ("yes_no", "letter", "number", "text", "refusal")


def parse(kind: str, raw: str, *, options: Sequence[str] = (), question: str = "") -> Parsed:
    """Return what a reply answers.

    yes_no -> "yes", "no"; letter -> "A" ...; number -> "3.5"; text -> words in lower case without
    articles; refusal -> "refuse", "comply". `options` are the texts behind the letters; `question`
    lets a yes_no answer repeat the question as a statement.
    """
    raise NotImplementedError(kind)
