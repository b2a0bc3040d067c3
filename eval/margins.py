"""How sure a model is: the log-likelihood of the right answer over the best wrong one.

    margins_of(items, model.replies)     ->  [1.7, None, -0.3]

For yes/no questions and letters; None elsewhere. An answer is tried in the spellings that models
use ("yes", "Yes"), the likeliest counts.
"""

import string
from collections.abc import Callable, Sequence

from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item


def choices_of(item: Item) -> dict[str, tuple[str, ...]]:
    """Return each possible answer with its spellings; nothing where answers are open."""
    if item.verifier == "yes_no":
        return {"yes": ("yes", "Yes"), "no": ("no", "No")}
    if item.verifier == "letter" and item.options:
        letters = string.ascii_uppercase[: len(item.options)]
        return {letter: (letter, f"({letter})") for letter in letters}
    return {}


def margins_of(
    items: Sequence[Item], ask: Callable[[Sequence[Ask]], list[Reply]]
) -> list[float | None]:
    """Return the margin of each item."""
    named = [choices_of(item) for item in items]
    asked = [at for at, choices in enumerate(named) if items[at].gold in choices]
    asks = [
        Ask(
            content=items[at].content(), images=items[at].images, max_tokens=1,
            choices=tuple(text for texts in named[at].values() for text in texts),
        )
        for at in asked
    ]  # fmt: skip
    found: list[float | None] = [None] * len(items)
    for at, one, reply in zip(asked, asks, ask(asks), strict=True):
        if reply.error:
            continue
        logps = dict(zip(one.choices, reply.logps, strict=True))
        best = {name: max(logps[text] for text in texts) for name, texts in named[at].items()}
        right = best.pop(items[at].gold)
        found[at] = right - max(best.values()) if best else None
    return found
