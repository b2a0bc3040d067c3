"""What an op is: frozen knobs, what it reads and writes, and a `setup` that gives a function over
batches.

    {op: mask, model: pocket, pad: 4}  ->  Mask(model="pocket", pad=4).setup(context)  ->  run(candidates)

An op's knobs are the fields of its class and the keys of its YAML item. `setup` runs once per
worker and is the only place where weights load; the function it returns gives, for each candidate
of a batch and in the same order, a changed copy or the Reject that ends it. An op that raises
`RowError` for one row loses that row only: the engine runs a failed batch again row by row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from counterfactory.models import Models
from counterfactory.records import Candidate, Pixels, Reject

Outcome = Candidate | Reject
Runnable = Callable[[Sequence[Candidate]], list[Outcome]]
"""One outcome for each candidate, in order."""

FanOutRunnable = Callable[[Sequence[Candidate]], list[list[Outcome]]]
"""Several outcomes for each bare candidate, in order: what `propose` gives."""


_LABEL = r"(task|attribute|kind|colour|relation|edit):[a-z0-9_ -]+"


class Focus(BaseModel):
    """One slice to make more of: `{slice: "kind:sun", weight: 3}`, or labels that must hold together:
    `{slice: "task:existence & kind:leaf", weight: 2}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slice: str = Field(pattern=rf"^{_LABEL}( & {_LABEL})*$")
    weight: float = Field(default=1.0, gt=0)


def labels_of(name: str) -> tuple[str, ...]:
    """Return the labels of a focus slice: "task:count & kind:sun" has two."""
    return tuple(name.split(" & "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a worker gives every op and check at setup."""

    recipe_seed: int
    focus: tuple[Focus, ...]
    models: Models  # loads each model once in this process
    workdir: Path  # relative paths in a recipe start here


class Op(BaseModel):
    """One step of the chain. Subclasses give `op: Literal[...]`, the ClassVars and `setup`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ()
    version: ClassVar[int] = 1  # raise it when the same knobs give other results
    fan_out: ClassVar[bool] = False  # true: `setup` gives a FanOutRunnable

    op: str

    def reads_of(self) -> tuple[str, ...]:
        """Return the candidate fields this op needs, given its knobs."""
        return self.reads

    def writes_of(self) -> tuple[str, ...]:
        """Return the candidate fields this op sets, given its knobs."""
        return self.writes

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return (role, model id) of every model that `setup` will load."""
        return ()

    def setup(self, context: Context) -> Runnable | FanOutRunnable | Any:
        """Load what is needed and return the function over batches."""
        raise NotImplementedError(f"{type(self).__name__} has no setup")


def counterfactual(candidate: Candidate, step: str) -> Pixels:
    """Return image_b. Raises when the chain has not made one, or one of another size."""
    made = candidate.image_b
    if made is None:
        raise ValueError(f"{step}: found a candidate without image_b, expected an edit before it")
    if made.shape != candidate.image_a.shape:
        raise ValueError(
            f"{step}: found pictures of {candidate.image_a.shape} and {made.shape}, expected one size"
        )
    return made
