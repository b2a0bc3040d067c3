"""One answer that is to be rewarded, with what its row says about a right one.

Said(prompt="Is there a leaf?", said="yes", gold="no", verifier="yes_no")
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A prompt, what the model said to it, and the row's columns."""

    said: str
    prompt: str = ""
    gold: str = ""
    verifier: str = "exact"
    harmful: bool = False
    think: bool = False  # steps were asked for
    row: int = -1  # which row it answers
    images: tuple[Any, ...] = field(default=(), repr=False)  # PIL


def words(talk: Sequence[Mapping[str, Any]]) -> str:
    """Return what the last message of a talk says, as text.

    >>> words([{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Why?"}]}])
    'Why?'
    """
    content = talk[-1]["content"]
    if isinstance(content, str):
        return content
    return " ".join(str(part["text"]) for part in content if part["type"] == "text")
