"""The judge that looks and cannot read: is a claim truer of the picture than its rival, for CLIP?

    judge = ClipJudge("pocket", margin=0.02)
    judge.verdicts([Question(kind="correct", images=(png,), answer="a red ball", other="a blue ball")])
    -> verdict "yes", score 0.11                     cosine of the claim less that of the rival

    correct   `answer` is a claim, `other` holds its rivals, one a line; within the margin of zero
              it is unjudged
    pair      which of two claims fits the picture better; within the margin it is a tie

A rival is needed: a cosine alone has no meaning. The pocket CLIP told a thing's colour or kind
from another one's in 233 of 240 cases on whole balanced scenes (margin 0). CLIPs count badly, hardly
tell left from right, and know nothing of harm.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from counterfactory.errors import RowError
from counterfactory.fingerprint import digest
from counterfactory.images import decode
from counterfactory.judges.base import Judgement, Kind, Question, check_kinds, unjudged
from counterfactory.models import Models, identify

if TYPE_CHECKING:
    from counterfactory.models.clip import Clip

BATCH = 64  # questions at a time: their pictures are held in memory


class ClipJudge:
    """Cosines decide."""

    kinds: tuple[Kind, ...] = ("correct", "pair")

    def __init__(self, model: str, *, margin: float = 0.0, models: Models | None = None) -> None:
        self.model, self.margin, self.models = model, margin, models or Models()
        self.id = f"clip:{model}@{identify('clip', model).revision[:12]}"

    def prompt_hash(self, kind: Kind) -> str:
        """Return the identity of what is compared."""
        return digest(["clip", kind, self.margin, 1])

    def verdicts(self, questions: Sequence[Question]) -> list[Judgement]:
        """Judge all questions, in order."""
        check_kinds(self, questions)
        found: list[Judgement] = []
        for start in range(0, len(questions), BATCH):
            found += self._batch(questions[start : start + BATCH])
        return found

    def _batch(self, questions: Sequence[Question]) -> list[Judgement]:
        clip = self.models.clip(self.model)
        problems = [_problem(question) for question in questions]
        pictures = []
        for index, question in enumerate(questions):
            if not problems[index]:
                try:
                    pictures.append(decode(question.images[0]))
                except RowError as error:
                    problems[index] = f"picture: {error.reason}"
        asked = [one for one, problem in zip(questions, problems, strict=True) if not problem]
        leads = iter(_leads(clip, pictures, asked) if asked else [])
        return [
            unjudged(self, one.kind, problem) if problem else self._judged(one, next(leads))
            for one, problem in zip(questions, problems, strict=True)
        ]

    def _judged(self, question: Question, lead: float) -> Judgement:
        if lead != lead:  # NaN: broken weights
            return unjudged(self, question.kind, "the model gave no number")
        win, lose = ("yes", "no") if question.kind == "correct" else ("first", "second")
        verdict = win if lead > self.margin else lose if lead < -self.margin else ""
        if not verdict and question.kind == "correct":
            return unjudged(self, question.kind, f"lead {lead:.3f} within the margin {self.margin}")
        return Judgement(
            verdict=verdict or "tie", reason=f"lead {lead:.3f}", score=round(lead, 6),
            judge=self.id, prompt_hash=self.prompt_hash(question.kind),
        )  # fmt: skip


def _problem(question: Question) -> str:
    if len(question.images) != 1:
        return f"needs one picture, found {len(question.images)}"
    if not question.answer.strip() or not _rivals(question):
        return "needs a claim and a rival claim"
    return ""


def _rivals(question: Question) -> list[str]:
    lines = [line.strip() for line in question.other.splitlines() if line.strip()]
    return lines if question.kind == "correct" else [" ".join(lines)] if lines else []


def _leads(clip: "Clip", pictures: Sequence[object], asked: Sequence[Question]) -> list[float]:
    """Return each claim's cosine less that of its best rival."""
    looks = clip.images(pictures)  # type: ignore[arg-type]
    texts = list(dict.fromkeys(text for one in asked for text in (one.answer, *_rivals(one))))
    rows = dict(zip(texts, clip.texts(texts), strict=True))
    return [
        float(look @ rows[one.answer] - max(look @ rows[rival] for rival in _rivals(one)))
        for look, one in zip(looks, asked, strict=True)
    ]
