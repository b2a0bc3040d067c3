"""Which part of a reply is the answer?

>>> final("<think>Two, no, three.</think>**Answer:** 3")
'3'
"""

import re
from dataclasses import dataclass

MARKER = re.compile(r"(?:answer\s*:|answer is\b:?)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer's own words. `marked`: the reply says which words these are."""

    text: str
    marked: bool = False
    why: str = ""  # why there is no text


def read(raw: str, *, markers: bool = True) -> Reading:
    """Find the answer in a reply. Without `markers` the whole reply is it, thinking left out."""
    text = raw.rpartition("</think>")[2]
    if "<think>" in text:
        return Reading("", why="truncated in <think>")
    text = re.sub(r"[*`]+", "", text).strip()
    if not text:
        return Reading("", why="empty")
    found = list(MARKER.finditer(text)) if markers else []
    if not found:
        return Reading(text)
    rest = text[found[-1].end() :].strip()
    return Reading(rest, marked=True, why="" if rest else "cut off before the answer")


def final(raw: str) -> str:
    """Return the answer's own words, or nothing."""
    return read(raw).text
