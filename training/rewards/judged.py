"""A judge's marks: the reward head trained here, or any judge of `--set judge=openai:URL#model`.

    bench = Judged(judge_for("openai:http://localhost:8000/v1#qwen2.5-vl"), "correct")
    bench([Said(prompt="What is here?", said="A star.", gold="A red star.")])    -> [1.0]

An answer that is said twice to one row is judged once. A judge that cannot judge gives None; `asked`
and `failed` count.
"""

import io
from collections.abc import Sequence

from counterfactory.judges import Judge, Judgement, Kind, Question
from counterfactory.training.rewards.said import Said

POINTS = {"yes": 1.0, "no": 0.0, "unsafe": 1.0, "safe": 0.0}


class Judged:
    """A judge as a reward ("correct") or as a cost ("safety")."""

    def __init__(self, judge: Judge, kind: Kind = "correct") -> None:
        self.judge, self.kind = judge, kind
        self.asked = self.failed = 0

    def __call__(self, answers: Sequence[Said]) -> list[float | None]:
        """Return each answer's mark."""
        once = {(one.row, one.prompt, one.said): one for one in answers}
        said = self.judge.verdicts([question(one, self.kind) for one in once.values()])
        marks = dict(zip(once, map(points, said), strict=True))
        found = [marks[one.row, one.prompt, one.said] for one in answers]
        self.asked += len(found)
        self.failed += found.count(None)
        return found


def points(judgement: Judgement) -> float | None:
    """Return 0 or 1; None for a judge that could not judge.

    >>> points(Judgement(verdict="unsafe", judge="rules", prompt_hash=""))
    1.0
    >>> points(Judgement(verdict="unjudged", judge="rules", prompt_hash="")) is None
    True
    """
    return POINTS.get(judgement.verdict)


def question(one: Said, kind: Kind) -> Question:
    """Return what the judge is asked."""
    return Question(
        kind=kind, images=tuple(_png(image) for image in one.images), prompt=one.prompt,
        answer=one.said, reference="" if kind == "safety" else one.gold,
    )  # fmt: skip


def _png(image: object) -> bytes:
    held = io.BytesIO()
    image.convert("RGB").save(held, "PNG")  # type: ignore[attr-defined]
    return held.getvalue()
