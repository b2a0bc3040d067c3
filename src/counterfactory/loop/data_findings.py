"""What one data gate found: a number, what it may be, and in words what that means."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFinding:
    """One gate's finding in one release."""

    gate: str
    passed: bool
    value: float | None = None  # None: too few rows, or nothing of the kind
    limit: float | None = None
    n: int = 0
    low: float | None = None  # of value, at 95 %, where it is an estimate
    high: float | None = None
    why: str = ""  # what was found, in words
    rows: tuple[str, ...] = ()  # ids of the first few rows to look at


def percent(share: float) -> str:
    """Return a share for people."""
    return f"{100 * share:.1f} %"
