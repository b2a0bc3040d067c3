"""The chain: what an exception costs, what a verdict decides, and what makes an identity."""

import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import pytest

from counterfactory.errors import RowError, UserError
from counterfactory.factory.checks.base import Check, unscored, verdict
from counterfactory.factory.ops.base import Op
from counterfactory.factory.run.chain import Chain, WrongLength
from counterfactory.factory.run.maker import context_of
from counterfactory.records import Candidate, Reason, Reject, Verdict

sys.path.append(str(Path(__file__).parents[1] / "crash"))
from engine_toys import Paint, Propose, Toys


class Wild(Op):
    """Does to each candidate what `acts` says of its number."""

    op: Literal["wild"] = "wild"
    name: ClassVar[str] = "wild"
    acts: ClassVar[dict[int, Any]] = {}
    calls: ClassVar[list[int]] = []

    def setup(self, context: Any) -> Any:
        def run(batch: Sequence[Candidate]) -> list[Any]:
            Wild.calls.append(len(batch))
            return [self.act(one) for one in batch]

        return run

    def act(self, one: Candidate) -> Any:
        act = self.acts.get(int(one.sample.source_id.rpartition(":")[2]))
        if isinstance(act, Exception):
            raise act
        return one if act is None else act(one)


class Judge(Check):
    """Gives each candidate the verdicts that `verdicts` holds, or raises."""

    check: Literal["judge"] = "judge"
    name: ClassVar[str] = "judge"
    verdicts: ClassVar[Any] = []

    def setup(self, context: Any) -> Any:
        def run(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            if isinstance(self.verdicts, Exception):
                raise self.verdicts
            return [list(self.verdicts) for _ in batch]

        return run


def run(
    ops: tuple[Op, ...] = (), checks: tuple[Check, ...] = (), n: int = 4, seed: int = 0
) -> list[Any]:
    recipe: Any = SimpleNamespace(ops=ops, checks=checks, seed=seed, focus=())
    chain = Chain(recipe, context_of(recipe, Path(".")))
    opened = Toys(n=n).open(Path("."), 0)
    return chain.run([chain.bare(opened.key(i), opened.load(i)) for i in range(n)])


def wild(**acts: Any) -> Wild:
    Wild.acts, Wild.calls = {int(name[1:]): act for name, act in acts.items()}, []
    return Wild()


def test_an_exception_costs_its_row_and_no_other() -> None:
    outcomes = run((wild(n2=ValueError("no\nmask")),))
    assert [isinstance(one, Candidate) for one in outcomes] == [True, True, False, True]
    lost = outcomes[2]
    assert (lost.stage, lost.reason, lost.note) == ("wild", Reason.OP_FAILED, "ValueError: no mask")
    assert Wild.calls == [4, 1, 1, 1, 1]


def test_a_row_error_keeps_its_reason_and_numbers() -> None:
    error = RowError(Reason.MASK_TOO_SMALL, metric="area", value=0.001, threshold=0.01)
    lost = run((wild(n0=error),))[0]
    found = (lost.reason, lost.metric, lost.value, lost.threshold, lost.note)
    assert found == (Reason.MASK_TOO_SMALL, "area", 0.001, 0.01, "")


@pytest.mark.parametrize("error", [UserError("no such model"), OSError(28, "No space left")])
def test_what_no_row_can_escape_is_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        run((wild(n1=error),))


def test_an_op_that_loses_a_candidate_is_a_bug_with_a_name() -> None:
    class Loses(Wild):
        def setup(self, context: Any) -> Any:
            return lambda batch: list(batch)[1:]

    with pytest.raises(WrongLength, match="wild: gave 3 results for 4 candidates"):
        run((Loses(),))


def test_a_rejected_candidate_keeps_its_place_and_meets_no_later_step() -> None:
    first = wild(n1=lambda one: one.rejected("wild", Reason.NO_SPACE))
    outcomes = run((first, Paint()))
    assert [isinstance(one, Reject) for one in outcomes] == [False, True, False, False]
    assert outcomes[1].reason == Reason.NO_SPACE
    assert outcomes[2].image_b is not None


def test_a_check_that_raises_leaves_its_candidates_unscored() -> None:
    Judge.verdicts = RuntimeError("server gone")
    lost = run(checks=(Judge(),))[0]
    assert (lost.reason, lost.note, lost.value) == (
        Reason.CHECK_FAILED,
        "RuntimeError: server gone",
        None,
    )


def test_an_unscored_verdict_is_not_kept_and_is_no_zero() -> None:
    Judge.verdicts = [unscored("judge.clip")]
    lost = run(checks=(Judge(),))[0]
    assert (lost.reason, lost.metric, lost.value) == (Reason.CHECK_FAILED, "judge.clip", None)


def test_the_first_failed_verdict_ends_a_candidate() -> None:
    Judge.verdicts = [
        verdict("judge.a", 0.9, 0.5, True, Reason.NOTHING_CHANGED),
        verdict("judge.b", 0.1, 0.5, False, Reason.OUTSIDE_CHANGED),
        verdict("judge.c", 0.1, 0.5, False, Reason.DUPLICATE),
    ]
    lost = run(checks=(Judge(),))[0]
    found = (lost.stage, lost.reason, lost.metric, lost.value, lost.threshold)
    assert found == ("judge", Reason.OUTSIDE_CHANGED, "judge.b", 0.1, 0.5)


def test_passed_verdicts_go_with_the_candidate() -> None:
    Judge.verdicts = [verdict("judge.a", 0.9, 0.5, True, Reason.NOTHING_CHANGED)]
    kept = run(checks=(Judge(), Judge()))[0]
    assert [one.check for one in kept.verdicts] == ["judge.a", "judge.a"]


def test_every_slot_of_a_sample_has_an_identity_of_its_own() -> None:
    outcomes = run((Propose(slots=3),))
    keys = [one.id if isinstance(one, Reject) else one.key for one in outcomes]
    assert len(set(keys)) == len(keys) == 12
    seeds = [one.seed for one in outcomes if isinstance(one, Candidate)]
    assert len(set(seeds)) == len(seeds)


def test_an_op_signs_what_it_changes() -> None:
    outcomes = run((wild(n1=lambda one: one.with_(caption_a="seen")),))
    assert [one.ops for one in outcomes] == [(), ("wild",), (), ()]


class Wilder(Wild):
    version: ClassVar[int] = 2


@pytest.mark.parametrize(
    "other", [(Wilder(), 0), (Paint(), 0), (Wild(), 1)], ids=["version", "op", "seed"]
)
def test_a_key_changes_with_the_ops_and_the_seed(other: tuple[Op, int]) -> None:
    wild()
    op, seed = other
    assert run((Wild(),))[0].key == run((Wild(),))[0].key
    assert run((Wild(),))[0].key != run((op,), seed=seed)[0].key


def test_a_key_does_not_change_with_the_checks() -> None:
    Judge.verdicts = []
    assert run()[0].key == run(checks=(Judge(),))[0].key
