"""Right when a word or a few words are the gold answer's, without articles and case."""

from counterfactory.parse import parse, read
from counterfactory.parse.texts import core, normal


def text(said: str, gold: str) -> float:
    """Return 1.0 or 0.0.

    >>> text("The star.", "star"), text("a red star", "star"), text("So the answer is green.", "green")
    (1.0, 0.0, 1.0)
    """
    wanted = core(normal(gold))
    if core(normal(read(said).line)) == wanted:
        return 1.0
    found = parse("text", said).value
    return float(found is not None and core(found) == wanted)
