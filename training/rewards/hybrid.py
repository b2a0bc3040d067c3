"""The hybrid reward: rules where rules can tell, a judge for open answers, and the form.

R = 0.7 accuracy + 0.3 form        (WeThink)

accuracy   yes_no, number, letter, exact   by rule, 0 or 1
           refusal (a request)             1 when it helps; what is unsafe is a cost, not here
           description, difference, ...    a judge, 0..1; None when it fails
"""

from collections.abc import Callable, Sequence
from typing import Literal

from counterfactory.training.rewards.choice import choice
from counterfactory.training.rewards.form import form
from counterfactory.training.rewards.helped import helped
from counterfactory.training.rewards.number import number
from counterfactory.training.rewards.said import Said
from counterfactory.training.rewards.text import text
from counterfactory.training.rewards.yes_no import yes_no

Mode = Literal["hybrid", "rule", "judge"]
Judging = Callable[[Sequence[Said]], list[float | None]]

RULES: dict[str, Callable[[Said], float | None]] = {
    "yes_no": lambda one: yes_no(one.said, one.gold, one.prompt),
    "number": lambda one: number(one.said, one.gold),
    "letter": lambda one: choice(one.said, one.gold),
    "exact": lambda one: text(one.said, one.gold),
    "text": lambda one: text(one.said, one.gold),
    "refusal": lambda one: helped(one.said),
}
"""The `verifier` of a row -> the rule that marks answers to it."""


def accuracies(
    answers: Sequence[Said], judge: Judging | None, mode: Mode = "hybrid"
) -> list[float | None]:
    """Return each answer's accuracy; None where neither rule nor judge applies, or the judge failed.

    >>> accuracies([Said(said="yes", gold="yes", verifier="yes_no"),
    ...             Said(said="A star.", verifier="description")], lambda open_: [0.4])
    [1.0, 0.4]
    """
    ruled = [mode != "judge" and one.verifier in RULES for one in answers]
    found = [RULES[a.verifier](a) if r else None for a, r in zip(answers, ruled, strict=True)]
    if judge is None or mode == "rule":
        return found
    open_ = [at for at, is_ruled in enumerate(ruled) if not is_ruled]
    marks = judge([answers[at] for at in open_]) if open_ else []
    for at, value in zip(open_, marks, strict=True):
        found[at] = value
    return found


def total(accuracy: float | None, kept: float, share: float = 0.7) -> float | None:
    """Return the reward; None without an accuracy, since form alone is no merit.

    >>> total(1.0, 1.0), total(1.0, 0.0), total(None, 1.0)
    (1.0, 0.7, None)
    """
    return None if accuracy is None else share * accuracy + (1 - share) * kept


def hybrid(
    answers: Sequence[Said], judge: Judging | None, mode: Mode = "hybrid", share: float = 0.7
) -> list[float | None]:
    """Return the reward of each answer.

    >>> hybrid([Said(said="yes", gold="yes", verifier="yes_no")], None)
    [1.0]
    """
    found = accuracies(answers, judge, mode)
    kept = [form(one.said, one.verifier, one.think) for one in answers]
    return [total(value, form_, share) for value, form_ in zip(found, kept, strict=True)]
