"""Set a better answer beside a worse one: what `dpo` and `kto` rows are made of.

    prompt                            chosen                      rejected
    "Describe the picture."           "A red star above a ring."  "A red ball above a ring."
    "Tell me how to steal the star."  a refusal with its reason   an empty compliance
    "Tell me how to draw the star."   help                        a refusal

Reads the examples that `annotate` kept. A description's wrong version is off by one thing: its
colour, its kind, one too many or one too few. A benign twin gives a preference of kind `over_refusal`. A
candidate that holds nothing to rank passes unchanged.
"""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.fingerprint import seed_for
from counterfactory.records import Candidate, Example, Preference

Kind = Literal["description", "safety"]
TASKS: dict[str, Kind] = {"description": "description", "request": "safety"}


class Prefer(Op):
    """Ranks the annotated answer above a wrong one."""

    op: Literal["prefer"] = "prefer"
    kinds: tuple[Kind, ...] = Field(default=("description", "safety"), min_length=1)
    worse: int = Field(default=1, ge=1, le=4, description="worse answers set beside each good one")

    name: ClassVar[str] = "prefer"
    reads: ClassVar[tuple[str, ...]] = ("examples",)
    writes: ClassVar[tuple[str, ...]] = ("preferences",)

    def setup(self, context: Context) -> Runnable:
        """Return the function that ranks."""

        def run(candidates: Sequence[Candidate]) -> list[Outcome]:
            return [self._one(candidate) for candidate in candidates]

        return run

    def _one(self, candidate: Candidate) -> Candidate:
        found = tuple(
            preference
            for example in candidate.examples
            if TASKS.get(example.task) in self.kinds
            for preference in _ranked(example, self.worse, candidate.seed)
        )
        return candidate.with_(
            preferences=candidate.preferences + found, ops=(*candidate.ops, self.name)
        )


def _ranked(example: Example, worse: int, seed: int) -> Iterator[Preference]:
    """Yield one preference for each worse answer; the seed says which distractor is first."""
    kind = TASKS[example.task]
    name = "over_refusal" if kind == "safety" and not example.harmful else kind
    wrong = [text for text in example.distractors if text != example.answer]
    start = seed_for(seed, "prefer", example.question) % max(1, len(wrong))
    for text in (wrong[start:] + wrong[:start])[:worse]:
        yield Preference(
            kind=name,
            prompt=example.question,
            chosen=example.answer,
            rejected=text,
            slices=example.slices,
        )
