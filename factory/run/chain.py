"""The chain: every op and check of a recipe, in order, over one batch of candidates.

    chain = Chain(recipe, context)                             # models load here
    bare = [chain.bare(key, sample) for key, sample in ...]    # one candidate a sample
    chain.run(bare) -> [Candidate (kept), Reject(stage="mask", ...), Candidate (kept), ...]

A step sees a whole batch. When it raises, it runs again candidate by candidate, and only the one
that raises becomes a Reject: `RowError` keeps its reason, any other exception is `op_failed` (or
`check_failed`) with the exception as its note. What is no single row's fault (a `UserError`, a full
disk) is passed on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from counterfactory.errors import RowError, UserError
from counterfactory.factory.run.disk import disk_trouble
from counterfactory.factory.run.fit import check_chain
from counterfactory.fingerprint import digest, seed_for
from counterfactory.records import Candidate, Reason, Reject, Sample, Verdict

if TYPE_CHECKING:
    from counterfactory.factory.checks.base import Check
    from counterfactory.factory.ops.base import Context, Op
    from counterfactory.factory.recipe import Recipe

__all__ = [
    "Chain",
    "Outcome",
    "WorkerLost",
    "chain_digest",
    "check_chain",
    "described",
    "failed",
    "models_of",
    "pass_on",
    "sample_key",
    "slot_key",
]

Outcome = Candidate | Reject
Run = Callable[[Sequence[Candidate]], list[list[Outcome]]]
T = TypeVar("T")

KEY_LENGTH = 32  # hex digits of a candidate's key: 128 bits
NOTE_LENGTH = 500


class WorkerLost(Exception):
    """The device is gone for this process (a CUDA assert): every later row would fail here."""


class WrongLength(AssertionError):
    """A step gave more or fewer results than candidates: a bug, not a bad row."""


class Chain:
    """A recipe's ops and local checks, set up in this process."""

    def __init__(self, recipe: "Recipe", context: "Context") -> None:
        """Load what every op and check needs."""
        self.seed = recipe.seed
        self.digest = chain_digest(recipe)
        local = [check for check in recipe.checks if check.scope == "candidate"]
        self.steps = [
            *(self._op(op, context) for op in recipe.ops),
            *(_check(check, context) for check in local),
        ]

    def bare(self, source_key: str, sample: Sample) -> Candidate:
        """Return a sample as the candidate that enters the chain."""
        key = sample_key(self.digest, source_key)
        return Candidate(key=key, seed=seed_for(self.seed, key), sample=sample)

    def run(self, batch: Sequence[Outcome], steps: slice = slice(None)) -> list[Outcome]:
        """Return the fate of every candidate, in order; Rejects that come in go out as they are."""
        outcomes = list(batch)
        for step in self.steps[steps]:
            results = iter(step([one for one in outcomes if isinstance(one, Candidate)]))
            outcomes = [
                after
                for one in outcomes
                for after in (next(results) if isinstance(one, Candidate) else [one])
            ]
        return outcomes

    def _op(self, op: "Op", context: "Context") -> "Step":
        inner = op.setup(context)

        def several(batch: Sequence[Candidate]) -> list[list[Outcome]]:
            pairs = matched(op.name, batch, inner(batch))
            return [
                [self._slot(one, bare, i, op.name) for i, one in enumerate(made)]
                for bare, made in pairs
            ]

        def single(batch: Sequence[Candidate]) -> list[list[Outcome]]:
            return [
                [_signed(one, before, op.name)]
                for before, one in matched(op.name, batch, inner(batch))
            ]

        return Step(op.name, Reason.OP_FAILED, several if op.fan_out else single)

    def _slot(self, one: Outcome, bare: Candidate, slot: int, name: str) -> Outcome:
        """Give one of a sample's several candidates its own identity."""
        key = slot_key(bare.key, slot)
        if isinstance(one, Reject):
            return replace(one, id=key)
        return replace(one, key=key, seed=seed_for(self.seed, key), ops=(*bare.ops, name))


@dataclass(frozen=True, slots=True)
class Step:
    """One op or check, made uniform: each candidate becomes a list of outcomes."""

    name: str
    blame: Reason  # OP_FAILED or CHECK_FAILED
    run: Run

    def __call__(self, batch: Sequence[Candidate]) -> list[list[Outcome]]:
        """Run the batch; after an exception, run it again one by one."""
        if len(batch) > 1:
            try:
                return self.run(batch)
            except Exception as error:
                pass_on(error)
        return [self._alone(candidate) for candidate in batch]

    def _alone(self, candidate: Candidate) -> list[Outcome]:
        try:
            return self.run([candidate])[0]
        except Exception as error:
            pass_on(error)
            return [failed(candidate.key, self.name, self.blame, error, candidate.sample.id)]


def _check(check: "Check", context: "Context") -> Step:
    inner: Any = check.setup(context)

    def judged(batch: Sequence[Candidate]) -> list[list[Outcome]]:
        return [
            [_decided(one, found, check.name)]
            for one, found in matched(check.name, batch, inner(batch))
        ]

    return Step(check.name, Reason.CHECK_FAILED, judged)


def _decided(candidate: Candidate, verdicts: Sequence[Verdict], stage: str) -> Outcome:
    """The first verdict that did not pass ends the candidate; passed ones go with it."""
    for verdict in verdicts:
        if not verdict.passed:
            return candidate.rejected(
                stage, verdict.reason or Reason.CHECK_FAILED,
                metric=verdict.check, value=verdict.score, threshold=verdict.threshold,
            )  # fmt: skip
    return replace(candidate, verdicts=(*candidate.verdicts, *verdicts))


def _signed(after: Outcome, before: Candidate, name: str) -> Outcome:
    """Note which op changed a candidate; one that passed it on untouched is not named."""
    if isinstance(after, Reject) or after is before or after.ops != before.ops:
        return after
    return replace(after, ops=(*before.ops, name))


def matched(
    name: str, batch: Sequence[Candidate], results: Sequence[T]
) -> "zip[tuple[Candidate, T]]":
    """Pair each candidate with its result. Raises when their numbers differ."""
    if len(results) != len(batch):
        raise WrongLength(f"{name}: gave {len(results)} results for {len(batch)} candidates")
    return zip(batch, results, strict=True)


def failed(key: str, stage: str, blame: Reason, error: BaseException, parent: str) -> Reject:
    """Return the Reject of a row that raised."""
    parents = (parent,) if parent else ()
    if isinstance(error, RowError):
        return Reject(
            id=key, stage=stage, reason=Reason(error.reason), metric=error.metric, value=error.value,
            threshold=error.threshold, parents=parents,
        )  # fmt: skip
    note = f"{type(error).__name__}: {error}".replace("\n", " ")[:NOTE_LENGTH]
    return Reject(id=key, stage=stage, reason=blame, parents=parents, note=note)


def pass_on(error: Exception) -> None:
    """Raise again what is no single row's fault."""
    if isinstance(error, UserError | WrongLength | WorkerLost) or disk_trouble(error):
        raise error
    if type(error).__name__ == "AcceleratorError" and "out of memory" not in str(error):
        raise WorkerLost(str(error)) from error


def chain_digest(recipe: "Recipe") -> str:
    """Return what the keys of all candidates share: the ops with versions and knobs, and the seed."""
    return digest([recipe.seed, [described(op) for op in recipe.ops]])


def sample_key(chain: str, source_key: str) -> str:
    """Return the identity of a sample in a chain: what is done, with which seed, to what."""
    return digest([chain, source_key])[:KEY_LENGTH]


def slot_key(sample: str, slot: int) -> str:
    """Return the identity of one of the several candidates that an op makes of a sample."""
    return digest([sample, slot])[:KEY_LENGTH]


def models_of(recipe: "Recipe") -> list[tuple[str, str]]:
    """Return (role, model id) of every model that the ops and checks load."""
    steps: list[Op | Check] = [*recipe.ops, *recipe.checks]
    return sorted({model for step in steps for model in step.models()})


def described(step: "Op | Check") -> dict[str, Any]:
    """Return an op or check with its version and knobs, as JSON types."""
    return {"name": step.name, "version": step.version, "knobs": step.model_dump(mode="json")}
