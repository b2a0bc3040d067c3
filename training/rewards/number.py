"""Right when the number has the right value, however it is written."""

from decimal import Decimal

from counterfactory.parse import parse


def number(said: str, gold: str) -> float:
    """Return 1.0 or 0.0; no number, or two, is wrong.

    >>> number("There are three.", "3"), number("The answer is 3.0", "3"), number("2 or 3", "3")
    (1.0, 1.0, 0.0)
    """
    found, wanted = parse("number", said).value, parse("number", gold).value
    if found is None or wanted is None:
        return 0.0
    return float(Decimal(found) == Decimal(wanted))
