"""What every parser returns."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Parsed:
    """A canonical value, or None and why there is none."""

    value: str | None
    why: str = ""


def unparsed(why: str) -> Parsed:
    """Return no value, with the reason."""
    return Parsed(None, why)
