"""Pairs are asked in both orders: a judge that follows the place and not the answer has said nothing.

first in one order, second in the other    ->  the same answer won twice: it is better
first in both, second in both              ->  tie
one order unjudged                         ->  unjudged
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from counterfactory.judges.base import UNJUDGED, Judgement, Question

OTHER = {"first": "second", "second": "first"}


def both_orders(
    questions: Sequence[Question], ask: Callable[[list[Question]], list[Judgement]]
) -> list[Judgement]:
    """Return one judgement for each question; a pair is asked twice, both orders in one call."""
    plan: list[Question] = []
    for question in questions:
        plan.append(question)
        if question.kind == "pair":
            plan.append(question.swapped())
    said = iter(ask(plan))
    return [
        merged(next(said), next(said)) if question.kind == "pair" else next(said)
        for question in questions
    ]


def merged(one: Judgement, two: Judgement) -> Judgement:
    """Return what two orders of the same pair say together; `two` is the swapped order."""
    verdict, reason = "tie", one.reason
    if UNJUDGED in (one.verdict, two.verdict):
        verdict = UNJUDGED
    elif one.verdict in OTHER and OTHER[one.verdict] == two.verdict:
        verdict = one.verdict
    elif one.verdict != two.verdict or one.verdict in OTHER:
        reason = f"the orders disagree: {one.verdict}, then {two.verdict}"
    return replace(
        one, verdict=verdict, reason=reason, error=one.error or two.error,
        score=None if one.score is None or two.score is None else (one.score - two.score) / 2,
        tokens_in=one.tokens_in + two.tokens_in, tokens_out=one.tokens_out + two.tokens_out,
        cached=one.cached and two.cached,
    )  # fmt: skip
