"""The audit of labels: an ensemble says of some rows whether the picture bears the answer out.

    audit(release, DataGates(), [by_captions(folder), by_model(answerer)])
    ->  [DataFinding(gate="audit", passed=False, value=0.298, low=0.262, high=0.336, n=600, ...)]

A label is contradicted when more auditors deny than confirm it. Rows of which no auditor can tell
anything do not count. The lower end of the interval must not lie above the limit.
"""

from collections.abc import Sequence

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.stats import wilson
from counterfactory.loop.auditors import Auditor, Statement
from counterfactory.loop.data_findings import DataFinding, percent
from counterfactory.loop.data_rows import SHOWN
from counterfactory.loop.gate_settings import DataGates
from counterfactory.loop.told import OPEN, Release, Told

GATE = "audit"


def audit(release: Release, settings: DataGates, auditors: Sequence[Auditor]) -> list[DataFinding]:
    """Return the finding of the audit; nothing where there is no auditor, or no label."""
    rows = _drawn(release, settings)
    if not auditors or not rows:
        return []
    statements = _statements(release, rows)
    balance = np.zeros(len(rows), np.int64)
    voted = np.zeros(len(rows), np.bool_)
    for auditor in auditors:
        said = list(auditor(statements))
        if len(said) != len(rows):
            raise UserError(f"audit: {auditor}: found {len(said)} verdicts, expected {len(rows)}")
        votes = np.array([0 if one is None else 1 if one else -1 for one in said], np.int64)
        balance += votes
        voted |= votes != 0
    return [_finding(rows, balance < 0, voted, settings)]


def _statements(release: Release, rows: Sequence[Told]) -> list[Statement]:
    return [
        Statement(
            names=one.pictures, images=tuple(release.pictures[name] for name in one.pictures),
            question=one.question, answer=one.answer, verifier=one.verifier,
        )
        for one in rows
    ]  # fmt: skip


def _finding(rows: list[Told], denied: object, voted: object, settings: DataGates) -> DataFinding:
    wrong, known = np.asarray(denied), np.asarray(voted)
    n, bad = int(known.sum()), int(wrong.sum())
    if n < settings.least:
        return DataFinding(gate=GATE, passed=True, limit=settings.max_wrong, n=n)
    ends = wilson(bad, n)
    passed = ends.low <= settings.max_wrong
    why = (
        f"{percent(bad / n)} of {n} labels are contradicted by most auditors "
        f"(95 % interval {percent(ends.low)} to {percent(ends.high)})"
    )
    return DataFinding(
        gate=GATE, passed=passed, value=bad / n, limit=settings.max_wrong, n=n, low=ends.low,
        high=ends.high, why="" if passed else why,
        rows=tuple(rows[at].id for at in np.flatnonzero(wrong)[:SHOWN]),
    )  # fmt: skip


def _drawn(release: Release, settings: DataGates) -> list[Told]:
    """Draw rows whose answer can be right or wrong, from every view alike."""
    rows = [one for one in release.told if one.verifier not in (OPEN, "refusal") and one.pictures]
    chosen = np.random.default_rng(settings.seed).permutation(len(rows))[: settings.audit]
    return [rows[at] for at in sorted(chosen.tolist())]
