"""Right when a yes or a no is the right one; a statement may repeat the question."""

from counterfactory.parse import parse


def yes_no(said: str, gold: str, question: str = "") -> float:
    """Return 1.0 or 0.0; what says neither is wrong, so that vagueness is no way out.

    >>> yes_no("Yes, there is one.", "yes"), yes_no("Yes and no.", "yes")
    (1.0, 0.0)
    >>> yes_no("There is no leaf.", "no", question="Is there a leaf?")
    1.0
    """
    return float(parse("yes_no", said, question=question).value == gold.strip(" .").lower())
