"""Which part of a reply is the answer? Thinking is left out; "Answer:", `<answer>` and \\boxed{} say.

>>> final("<think>Two, no, three.</think>There are many. **Answer:** 3 stars")
'3 stars'
>>> read("<think>Let me count").why
'truncated in <think>'
"""

import re
from dataclasses import dataclass

from counterfactory.parse.clean import reply_only, spelled, unmarked

_THINK = r"think(?:ing)?|thought|reasoning|seed:think"
_OPEN = re.compile(rf"<(?:{_THINK})>|◁think▷|<\|begin_of_thought\|>", re.IGNORECASE)
_CLOSE = re.compile(rf"</(?:{_THINK})>|◁/think▷|<\|end_of_thought\|>", re.IGNORECASE)
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)[^<]*<\|message\|>")
_TAG = re.compile(
    r"<(answer|conclusion|solution)>|<\|(?:begin_of_box|begin_of_solution)\|>", re.IGNORECASE
)
_TAG_END = re.compile(
    r"</(?:answer|conclusion|solution)>|<\|(?:end_of_box|end_of_solution)\|>", re.IGNORECASE
)
_BOX = re.compile(r"\\f?boxed\s*\{")
_IS = r"(?:is|would be|should be|must be|will be|was|=|:)"
_MARKER = re.compile(
    r"(?<![a-z])(?:"
    rf"answers?[*_\"'`)\s]*(?:(?:to|for) [^.:?\n]{{1,80}}?\s)?{_IS}(?![a-z])"
    rf"|(?:correct|right|best|final|chosen) (?:option|choice|letter|statement|response|result)\s*{_IS}(?![a-z])"
    r"|(?:^|\n)\W*(?:final )?answer[*_\s]*\n"
    r"|(?:^|\n)####(?=\s*\S)"
    r"|答案(?:是|为|選|选)?|答え(?:は)?"
    r"|(?:antwort(?: lautet| ist)?|réponse(?: est)?|respuesta(?: es)?|resposta(?: é)?|risposta(?: è)?|ответ)(?=\s*:|\s+\S)"
    r")[\s:：=*_\"'`]*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Reading:
    """The answer's own words. `marked`: the reply says which words these are."""

    text: str
    marked: bool = False
    why: str = ""  # why there is no text

    @property
    def line(self) -> str:
        """The first line; an answer that is marked ends there."""
        return self.text.partition("\n")[0].strip()


def read(raw: str, *, markers: bool = True) -> Reading:
    """Find the answer in a reply. Without `markers` the whole reply is it, thinking left out."""
    text, why = _after_thinking(raw)
    if why:
        return Reading("", why=why)
    text = spelled(reply_only(text))
    text, tagged = _tagged(text)
    if not markers:
        return _reading(unmarked(text), False)
    box = _boxed(text)
    if box is None:
        return Reading("", marked=True, why="truncated in \\boxed")
    start, inside = box
    found = [m for m in _MARKER.finditer(text) if m.end() > start]
    if inside and (not found or not unmarked(text[found[-1].end() :])):
        return _reading(unmarked(inside), True)
    if not found:
        return _reading(unmarked(text), tagged)
    rest = unmarked(text[found[-1].end() :]).lstrip("\n:-> ").rstrip('"}] \n')
    if not re.search(r"\w", rest):
        return Reading("", marked=True, why="cut off before the answer")
    return Reading(rest, marked=True)


def final(raw: str) -> str:
    """Return the answer's own words, or nothing."""
    found = read(raw)
    return found.line if found.marked else found.text


def _reading(text: str, marked: bool) -> Reading:
    return Reading(text, marked, "" if text.strip() else "empty")


def _after_thinking(raw: str) -> tuple[str, str]:
    """Return what follows the thinking, and why there is nothing."""
    channels = list(_CHANNEL.finditer(raw))
    if channels:
        if channels[-1][1] != "final":
            return "", "truncated in thinking"
        raw = raw[channels[-1].end() :]
    closes = list(_CLOSE.finditer(raw))
    rest = raw[closes[-1].end() :] if closes else raw
    if _OPEN.search(rest):
        return "", "truncated in <think>"
    return rest, "" if rest.strip() else "empty"


def _tagged(text: str) -> tuple[str, bool]:
    """Return what the last `<answer>` holds, or the text itself."""
    tags = list(_TAG.finditer(text))
    if not tags:
        return text, False
    return _TAG_END.split(text[tags[-1].end() :])[0], True


def _boxed(text: str) -> tuple[int, str] | None:
    """Return where the last \\boxed{} ends and what it holds; None when it never ends."""
    boxes = list(_BOX.finditer(text))
    if not boxes:
        return -1, ""
    depth, start = 1, boxes[-1].end()
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return i, text[start:i]
    return None
