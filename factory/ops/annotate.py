"""Take over the questions that the source's annotation asks about an image.

    {op: annotate, tasks: [count, relation], share: 0.5}
    a sample with nine questions  ->  candidate.examples = two that are about counts and relations

`tasks` names tasks or families ("existence" stands for existence_random, existence_popular ...).
`share` keeps that part of them; `limit` keeps at most so many of one image, and then slices with a
`focus` weight are kept that much more often. A contrast pair is kept or left whole, also when its
members are questions about two images.
"""

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops.base import Context, Focus, Op, Outcome, Runnable, labels_of
from counterfactory.fingerprint import seed_for
from counterfactory.records import Candidate, Example, Reason


class Annotate(Op):
    """Copies annotated questions onto the candidate."""

    op: Literal["annotate"] = "annotate"
    tasks: tuple[str, ...] = Field(default=(), description="tasks to keep; empty: all")
    share: float = Field(default=1.0, gt=0, le=1, description="part of the questions to keep")
    limit: int = Field(default=0, ge=0, description="most questions of one image; 0: no limit")

    name: ClassVar[str] = "annotate"
    reads: ClassVar[tuple[str, ...]] = ("sample.examples",)
    writes: ClassVar[tuple[str, ...]] = ("examples", "slices")

    def setup(self, context: Context) -> Runnable:
        """Return the function that keeps questions."""

        def run(candidates: Sequence[Candidate]) -> list[Outcome]:
            return [self._one(candidate, context) for candidate in candidates]

        return run

    def _one(self, candidate: Candidate, context: Context) -> Outcome:
        def luck(example: Example) -> float:
            """Return a number in 0..1, the same for both members of a pair."""
            name = example.pair or f"{candidate.key}:{example.question}"
            return (seed_for(context.recipe_seed, "annotate", name) + 1) / (2**63 + 1)

        wanted = [
            e
            for e in candidate.sample.examples
            if _asked_for(e, self.tasks) and luck(e) <= self.share
        ]
        if self.limit:
            wanted = _first(wanted, self.limit, luck, context.focus)
        if not wanted:
            return candidate.rejected(
                self.name, Reason.NO_TARGET, metric="questions", value=0.0, threshold=1.0
            )
        names = dict.fromkeys([*candidate.slices, *(s for e in wanted for s in e.slices)])
        return candidate.with_(
            examples=candidate.examples + tuple(wanted),
            slices=tuple(names),
            ops=(*candidate.ops, self.name),
        )


def _asked_for(example: Example, tasks: tuple[str, ...]) -> bool:
    return not tasks or example.task in tasks or example.task.partition("_")[0] in tasks


def _first(
    examples: list[Example], limit: int, luck: Callable[[Example], float], focus: tuple[Focus, ...]
) -> list[Example]:
    """Return the `limit` luckiest in their old order; a weight of 3 is three times the luck."""
    weights = [(frozenset(labels_of(item.slice)), item.weight) for item in focus]

    def rank(example: Example) -> float:
        held = frozenset(example.slices)
        weight = max((weight for labels, weight in weights if labels <= held), default=1.0)
        return math.log(luck(example)) / weight

    kept: set[str] = set()
    for example in sorted(examples, key=rank, reverse=True):
        group = [
            e.question for e in examples if e is example or (e.pair and e.pair == example.pair)
        ]
        if len(kept.union(group)) <= limit:
            kept.update(group)
    return [example for example in examples if example.question in kept]
