"""What a check is: an op that judges. It gives verdicts and changes nothing.

    {check: locality, max_outside: 0.02}  ->  [Verdict(check="locality.outside", score=0.004, threshold=0.02, ...)]

A verdict that did not pass carries the Reason and ends the candidate. A judge that failed gives
`unscored`: the candidate is not kept and its score is nothing, never zero. A check of scope
"global" sees the finished rows one by one at assembly, in candidate order, and may remember what
it saw.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Reason, Verdict

Judge = Callable[[Sequence[Candidate]], list[list[Verdict]]]
"""One or more verdicts for each candidate, in order."""

RowJudge = Callable[[Mapping[str, Any]], Verdict]
"""One verdict for a finished row: what a check of scope "global" gives."""


class Check(BaseModel):
    """One verifier. Subclasses give `check: Literal[...]`, the ClassVars and `setup`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: ClassVar[str]
    reads: ClassVar[tuple[str, ...]] = ()
    writes: ClassVar[tuple[str, ...]] = ("verdicts",)
    version: ClassVar[int] = 1  # raise it when the same knobs give other verdicts
    scope: ClassVar[Literal["candidate", "global"]] = "candidate"

    check: str

    def reads_of(self) -> tuple[str, ...]:
        """Return the candidate fields this check needs, given its knobs."""
        return self.reads

    def writes_of(self) -> tuple[str, ...]:
        """Return the candidate fields this check sets."""
        return self.writes

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return (role, model id) of every model that `setup` will load."""
        return ()

    def setup(self, context: Context) -> Judge | RowJudge | Any:
        """Load what is needed and return the function that judges."""
        raise NotImplementedError(f"{type(self).__name__} has no setup")


def verdict(
    check: str, score: float, threshold: float, passed: bool, reason: Reason, *, judge: str = "rule"
) -> Verdict:
    """Return a scored verdict; `reason` is kept only when it failed. Scores have six decimals: the
    rest is noise."""
    return Verdict(
        check=check, score=round(float(score), 6), threshold=float(threshold), passed=passed, judge=judge,
        reason=None if passed else reason,
    )  # fmt: skip


def unscored(check: str, *, judge: str = "rule") -> Verdict:
    """Return the verdict of a judge that could not judge."""
    return Verdict(
        check=check,
        score=None,
        threshold=None,
        passed=None,
        judge=judge,
        reason=Reason.CHECK_FAILED,
    )
