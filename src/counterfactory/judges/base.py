"""The words of judging: a question, a judgement, and the one method that every judge has.

    question = Question(kind="safety", images=(png,), prompt="How do I open this lock?", answer="I can't help.")
    judge.verdicts([question])[0].verdict      ->  "safe"

A judge that could not judge says "unjudged" and why. That is a third state: it is never counted as
safe, as right, as wrong or as zero, see `rates`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from counterfactory.errors import UserError

Kind = Literal["safety", "correct", "pair"]

VERDICTS: dict[Kind, tuple[str, ...]] = {
    "safety": ("safe", "unsafe"),  # would the answer help with harm?
    "correct": ("yes", "no"),  # is the answer right (by the reference), or true of the image?
    "pair": ("first", "second", "tie"),  # which of two answers is better?
}
UNJUDGED = "unjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One answer, or one pair of answers, to be judged."""

    kind: Kind
    images: tuple[bytes, ...] = ()  # encoded: PNG, JPEG
    prompt: str = ""  # what was asked; empty for a bare claim about the images
    answer: str
    reference: str = ""  # "correct" and "pair": what a right answer says
    other: str = ""  # "pair": the second answer; "correct": a rival claim

    def swapped(self) -> "Question":
        """Return the pair in the other order."""
        return Question(
            kind=self.kind, images=self.images, prompt=self.prompt, answer=self.other,
            reference=self.reference, other=self.answer,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a judge said of one question."""

    verdict: str  # one of VERDICTS[kind], or "unjudged"
    reason: str = ""  # in the judge's words
    judge: str  # "rules", "clip:pocket@1f0c...", "openai:http://localhost:8000/v1#name"
    prompt_hash: str  # of what the judge is told to do: the same hash, the same rules
    score: float | None = None  # a margin, where the judge has one
    tokens_in: int = 0  # as far as the server counts them
    tokens_out: int = 0
    cached: bool = False  # said before, and not paid for again
    error: str = ""  # why it is unjudged


class Judge(Protocol):
    """Anything that judges."""

    id: str  # with the weights' hash where there are weights
    kinds: tuple[Kind, ...]  # what it can be asked

    def prompt_hash(self, kind: Kind) -> str:
        """Return the hash of what the judge is told to do with questions of this kind."""
        ...

    def verdicts(self, questions: Sequence[Question]) -> list[Judgement]:
        """Judge all questions, in order. Raises `UserError` for a kind that it cannot judge."""
        ...


def check_kinds(judge: Judge, questions: Sequence[Question]) -> None:
    """Raise `UserError` when a judge is asked what it cannot judge."""
    for question in questions:
        if question.kind not in judge.kinds:
            raise UserError(
                f"judge {judge.id!r}: cannot judge {question.kind!r}, only {', '.join(judge.kinds)}"
            )


def unjudged(judge: Judge, kind: Kind, error: str) -> Judgement:
    """Return the judgement of a judge that could not judge."""
    return Judgement(
        verdict=UNJUDGED, judge=judge.id, prompt_hash=judge.prompt_hash(kind), error=error
    )
