"""A judge looks at what the row will say: is each caption, or each answer, true of its picture?

    {check: judge, judge: "openai:http://localhost:8000/v1#qwen2.5-vl", ask: [captions, answers]}

    image A, "a yellow sun and a ball"     yes
    image B, "a blue moon and a ball"      no      -> judged_untrue

The judges are those of evaluation (`counterfactory.judges`): CLIP, a local model, a served one. What
a judge could not judge is unscored: the candidate is not kept, and no zero is noted. Judging is the
dearest check, so it stands last.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from counterfactory.errors import UserError
from counterfactory.factory.checks.base import Check, Judge, unscored, verdict
from counterfactory.factory.ops.base import Context, counterfactual
from counterfactory.images import png
from counterfactory.judges import UNJUDGED, Judgement, Question, judge_for, model_of, parts_of
from counterfactory.records import Candidate, Reason, Verdict

Text = Literal["captions", "answers", "difference"]
DIFFERENCE = "What is different in the second picture?"


class Judged(Check):
    """Ask a judge about the texts of a pair."""

    name: ClassVar[str] = "judge"
    version: ClassVar[int] = 1

    check: Literal["judge"] = "judge"
    judge: str = Field(
        description="clip:MODEL[#margin], local:MODEL[#line] or openai:URL#model", min_length=1
    )
    ask: tuple[Text, ...] = Field(
        default=("captions",), min_length=1, description="which texts must be true"
    )
    concurrency: int = Field(default=8, ge=1, le=256, description="questions at once to a server")
    timeout: float = Field(default=60.0, gt=0, description="seconds a server has for one answer")

    @field_validator("judge")
    @classmethod
    def _is_one(cls, judge: str) -> str:
        try:
            form, _, _ = parts_of(judge)
        except UserError as error:
            raise ValueError(str(error)) from None
        if form == "rules":
            raise ValueError("rules see no picture: expected clip:, local: or openai:")
        return judge

    def reads_of(self) -> tuple[str, ...]:
        """Return the texts and their pictures."""
        texts = {
            "captions": ("caption_a", "caption_b"),
            "answers": ("question", "answer_a", "answer_b"),
            "difference": ("difference",),
        }
        return ("image_a", "image_b", *(field for ask in self.ask for field in texts[ask]))

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the judge's model."""
        return model_of(self.judge)

    def setup(self, context: Context) -> Judge:
        """Open the judge and return the function over batches."""
        served: dict[str, Any] = {"concurrency": self.concurrency, "timeout": self.timeout}
        options = served if self.judge.startswith("openai:") else {}
        judge = judge_for(self.judge, models=context.models, **options)

        def run(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            asked = [self._questions(one) for one in batch]
            found = iter(judge.verdicts([question for some in asked for _, question in some]))
            return [[_verdict(name, next(found)) for name, _ in some] for some in asked]

        return run

    def _questions(self, one: Candidate) -> list[tuple[str, Question]]:
        """Return (check, question) for each text."""
        a, b = png(one.image_a), png(counterfactual(one, "judge"))
        found = []
        for ask in self.ask:
            if ask == "difference":
                found.append(("judge.difference", _correct((a, b), DIFFERENCE, one.difference)))
                continue
            asked, text_a, text_b = (
                ("", one.caption_a, one.caption_b)
                if ask == "captions"
                else (one.question, one.answer_a, one.answer_b)
            )
            found.append((f"judge.{ask}_a", _correct((a,), asked, text_a, text_b)))
            found.append((f"judge.{ask}_b", _correct((b,), asked, text_b, text_a)))
        return found


def _correct(images: tuple[bytes, ...], asked: str, text: str, rival: str = "") -> Question:
    return Question(kind="correct", images=images, prompt=asked, answer=text, other=rival)


def _verdict(name: str, said: Judgement) -> Verdict:
    if said.verdict == UNJUDGED:
        return unscored(name, judge=said.judge)
    true = said.verdict == "yes"
    return verdict(name, float(true), 1.0, true, Reason.JUDGED_UNTRUE, judge=said.judge)
