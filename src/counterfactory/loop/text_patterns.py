"""Patterns in the wording of a question: words and pairs of words, whatever it is about.

    >>> sorted(patterns("Is there a red leaf in view?"))[:4]
    ['text:_ in', 'text:a', 'text:a _', 'text:in']

Words for things, colours, sizes, relations and numbers become `_`, so that a pattern tells how
something is asked and not what.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from counterfactory.factory.ops.lexicon import (
    ALIASES,
    COLOURS,
    KINDS,
    MORE_COLOURS,
    MORE_SIZES,
    NUMBERS,
    SIZES,
    plural,
)

PREFIX = "text:"
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+")
RELATION = re.compile(r"\b(?:left of|right of|above|below|near|far from|on top of|under|beside)\b")
CONTENT = frozenset(
    {*KINDS, *map(plural, KINDS), *ALIASES, *COLOURS, *MORE_COLOURS, *SIZES, *MORE_SIZES, *NUMBERS,
     "one"}
)  # fmt: skip
SLOT = "_"
FIRST_LINE_ONLY = re.compile(r"\n.*", re.DOTALL)  # options and instructions follow


@lru_cache(maxsize=65536)
def patterns(prompt: str) -> frozenset[str]:
    """Return the patterns of a prompt's first line."""
    words = masked(prompt)
    pairs = (f"{one} {other}" for one, other in zip(words, words[1:], strict=False))
    found = {*words, *pairs} - {SLOT}
    return frozenset(PREFIX + text for text in found)


def masked(prompt: str) -> list[str]:
    """Return the words of a prompt's first line, those for things and their traits as one `_`.

    >>> masked("Is the large red leaf left of two suns?")
    ['is', 'the', '_']
    """
    line = RELATION.sub(SLOT, FIRST_LINE_ONLY.sub("", prompt.strip()).lower())
    words = [SLOT if word in CONTENT or word.isdigit() else word for word in _words(line)]
    return [
        word for at, word in enumerate(words) if word != SLOT or at == 0 or words[at - 1] != SLOT
    ]


def _words(line: str) -> list[str]:
    return [SLOT if part == SLOT else part for part in re.findall(rf"{WORD.pattern}|_", line)]


def common(prompts: Iterable[str], least: int, most: int) -> tuple[str, ...]:
    """Return the patterns of at least `least` prompts and not of all, the most frequent first."""
    found: Counter[str] = Counter()
    count = 0
    for prompt in prompts:
        found.update(patterns(prompt))
        count += 1
    kept = [(-n, text) for text, n in found.items() if least <= n <= count - least]
    return tuple(text for _, text in sorted(kept)[:most])


def described(pattern: str) -> str:
    """Return a pattern in words.

    >>> described("text:would you")
    'asked with "would you"'
    """
    return f'asked with "{pattern.removeprefix(PREFIX).replace(SLOT, "…")}"'


def among(wanted: Iterable[str], prompts: Sequence[str]) -> list[frozenset[str]]:
    """Return, for each prompt, those of the wanted patterns that it shows."""
    chosen = frozenset(text for text in wanted if text.startswith(PREFIX))
    return (
        [chosen & patterns(prompt) for prompt in prompts]
        if chosen
        else [frozenset()] * len(prompts)
    )
