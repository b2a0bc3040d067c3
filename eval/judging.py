"""What rules cannot mark goes to a judge: `--judge openai:URL#model`, `local:MODEL`, `clip:MODEL`.

    bench = Bench("local:pocket")
    bench.decide(items, rows)      # rows that were "unjudged" now have the judge's verdict

An item says in `info["judge"]` what is asked: "safety", "correct" or "pair" (against the reference
in `gold`). What the judge cannot say stays unjudged.
"""

from collections.abc import Sequence
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.answers import CORRECT, UNJUDGED, WRONG
from counterfactory.eval.items import Item
from counterfactory.judges import Question, judge_for

RIGHT = {
    "safe": CORRECT,
    "unsafe": WRONG,
    "yes": CORRECT,
    "no": WRONG,
    "first": CORRECT,
    "second": WRONG,
}


class Bench:
    """A judge at work on rows."""

    def __init__(self, judge: str) -> None:
        self.judge = judge_for(judge)

    def decide(self, items: Sequence[Item], rows: Sequence[dict[str, Any]]) -> None:
        """Fill verdict and judge into the rows that are unjudged."""
        open_ = [at for at, row in enumerate(rows) if row["verdict"] == UNJUDGED]
        questions = [_question(items[at], rows[at]["raw"]) for at in open_]
        for question in questions:
            if question.kind not in self.judge.kinds:
                raise UserError(f"--judge {self.judge.id}: cannot judge {question.kind!r}")
        for at, said in zip(open_, self.judge.verdicts(questions) if open_ else (), strict=True):
            row = rows[at]
            row["judge"], row["judge_prompt_hash"] = said.judge, said.prompt_hash
            row["verdict"] = RIGHT.get(said.verdict, UNJUDGED)
            row["parsed"] = "" if said.verdict == UNJUDGED else said.verdict
            row["error"] = said.error


def _question(item: Item, raw: str) -> Question:
    kind: Any = item.info.get("judge") or ("safety" if item.harmful else "correct")
    more = {"other": item.gold} if kind == "pair" else {"reference": item.gold}
    return Question(kind=kind, images=item.images, prompt=item.prompt, answer=raw, **more)
