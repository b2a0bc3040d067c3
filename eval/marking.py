"""Is an answer right? One function a verifier: item and raw reply in, mark out.

    mark(item, "There are two of them.")  ->  Mark(verdict="correct", parsed="2", parse_ok=True)

What cannot be read is `unparsed`: never right, never guessed, counted apart.
"""

from collections.abc import Callable
from dataclasses import dataclass

from counterfactory.eval.items import Item


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of one answer; the numbers are for descriptions."""

    verdict: str  # answers.VERDICTS
    parsed: str  # canonical; empty when unparsed
    parse_ok: bool
    n_mention: int | None = None  # objects mentioned, with repeats
    n_hall: int | None = None  # of these, objects that are not there
    n_found: int | None = None  # different objects that are there and were mentioned
    n_gold: int | None = None  # different objects that are there
    n_words: int | None = None
    why: str = ""  # why it was not parsed


Verifier = Callable[[Item, str], Mark]
VERIFIERS: dict[str, Verifier] = {}


def mark(item: Item, raw: str) -> Mark:
    """Mark one reply with the item's own verifier."""
    return VERIFIERS[item.verifier](item, raw)
