"""Gates before training: is a release worth learning from?

    found = check_release(Path("round-01/release/region-diff"), DataGates(), auditors=(by_model(vlm),))
    found.passed, found.reason
    ->  False, "region-diff is rejected: audit: 29.8 % of 600 labels are contradicted by most auditors ..."

Each gate looks at the rows themselves, not at what the manifest says of them, but for the yield. A gate
that has too few rows to say anything lets them pass and says so.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from counterfactory.loop.auditors import Auditor, by_captions
from counterfactory.loop.data_answers import leakage, top_answers, unsafe
from counterfactory.loop.data_audit import GATE as AUDIT
from counterfactory.loop.data_audit import audit
from counterfactory.loop.data_findings import DataFinding
from counterfactory.loop.data_rows import blank, conflicts, contamination, duplicates, yields
from counterfactory.loop.gate_settings import DataGates
from counterfactory.loop.told import Release, read_told

Gate = Callable[[Release, DataGates], list[DataFinding]]

GATES: dict[str, Gate] = {
    "yield": yields,
    "pictures": blank,
    "duplicates": duplicates,
    "conflicts": conflicts,
    "one answer": top_answers,
    "text-only leakage": leakage,
    "unsafe answers": unsafe,
}
"""Every gate but two: contamination takes the suite, the audit takes auditors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDecision:
    """What the gates say of one release."""

    release: str
    passed: bool
    reason: str  # one paragraph
    gates: tuple[DataFinding, ...]

    @property
    def audited(self) -> bool:
        """Say whether an auditor could tell anything of the labels, where there are any."""
        return all(one.n > 0 for one in self.gates if one.gate == AUDIT)

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return asdict(self)


def check_release(
    folder: Path,
    settings: DataGates | None = None,
    *,
    auditors: Sequence[Auditor] = (),
    suite: str = "pocket",
) -> DataDecision:
    """Judge a release folder for models that are measured on `suite`; its captions are an auditor, too.

    Raises `UserError` for no release.
    """
    settings = settings or DataGates()
    release = read_told(folder)
    found = [finding for gate in GATES.values() for finding in gate(release, settings)]
    found += contamination(release, settings, suite)
    found += audit(release, settings, (by_captions(folder), *auditors))
    failed = [one for one in found if not one.passed]
    return DataDecision(
        release=str(folder), passed=not failed,
        reason=_reason(folder.resolve().name, found, failed),
        gates=tuple(found),
    )  # fmt: skip


def _reason(name: str, found: list[DataFinding], failed: list[DataFinding]) -> str:
    if failed:
        told = "; ".join(f"{one.gate}: {one.why}" for one in failed)
        return f"{name} is rejected: {told}."
    silent = [one for one in found if one.value is None]
    rest = f"; {len(silent)} had too little to look at" if silent else ""
    return f"{name} passes: {len(found) - len(silent)} gates found nothing{rest}."
