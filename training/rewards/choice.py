"""Right when the chosen option is: its letter, or its text."""

from collections.abc import Sequence

from counterfactory.parse import parse


def choice(said: str, gold: str, options: Sequence[str] = ()) -> float:
    """Return 1.0 or 0.0. `gold` is a letter; the texts behind the letters are `options`.

    >>> choice("**Answer:** (B)", "B"), choice("blue", "B", ["red", "blue"]), choice("A or B", "B")
    (1.0, 1.0, 0.0)
    """
    return float(parse("letter", said, options=options).value == gold.strip("() .").upper())
