"""Which part of a reply is the answer? Thinking is left out; "Answer:", `<answer>` and \\boxed{} say.

>>> final("<think>Two, no, three.</think>There are many. **Answer:** 3 stars")
'3 stars'
>>> read("<think>Let me count").why
'truncated in <think>'
"""

import re
from dataclasses import dataclass

from counterfactory.parse.clean import reply_only, spelled, unmarked

LONGEST = 3000  # characters of a reply in which an answer is looked for without a marker
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
    rf"|(?:correct|right|best|final|chosen) (?:option|choice|letter|statement|response|result)\s*"
    rf"{_IS}(?![a-z])"
    r"|(?:^|\n)\W*(?:final )?answer[*_\s]*\n"
    r"|(?:^|\n)####(?=\s*\S)"
    r"|答案(?:是|为|選|选)?|答え(?:は)?"
    r"|(?:antwort(?: lautet| ist)?|réponse(?: est)?|respuesta(?: es)?|resposta(?: é)?|risposta(?: è)?|ответ)"
    r"(?=\s*:|\s+\S)"
    r")[\s:：=*_\"'`]*",
    re.IGNORECASE,
)


_IF = re.compile(r"\b(?:if|whether|unless|otherwise)\b[^.!?\n]*$", re.IGNORECASE)  # before a marker
_CORRECTS = re.compile(r"\w\W+(?:wait|actually|sorry|i mean|rather|correction|no)\b")
_LEAD = re.compile(r"\b(?:so|the|an|final|my|correct|right|best|thus|therefore|hence|and|is)\b")


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
    if not markers:
        return _reading(unmarked(_tagged(text)[-1]), marked=False)
    answers = _tagged(text)
    if len(answers) > 2 and _differ(*answers[-2:]):
        return _nothing("two answers")
    return _pointed_at(answers[-1], tagged=len(answers) > 1)


def final(raw: str) -> str:
    """Return the answer's own words, or nothing."""
    found = read(raw)
    return found.line if found.marked else found.text


def _reading(text: str, marked: bool) -> Reading:
    return Reading(text, marked, "" if text.strip() else "empty")


def _nothing(why: str) -> Reading:
    return Reading("", marked=True, why=why)


def _pointed_at(text: str, tagged: bool) -> Reading:
    """Return what follows the last marker or stands in the last box, whichever comes later."""
    boxes = _boxed(text)
    if boxes and boxes[-1][2] is None:
        return _nothing("truncated in \\boxed")
    end = boxes[-1][1] if boxes else -1
    found = [
        m
        for m in _MARKER.finditer(text)
        if m.end() > end and not _IF.search(text[max(0, m.start() - 200) : m.start()])
    ]
    if boxes and (not found or not unmarked(text[found[-1].end() :])):
        if len(boxes) > 1 and boxes[-1][0] - boxes[-2][1] <= 12 and boxes[-1][2] != boxes[-2][2]:
            return _nothing("two answers")
        return _reading(unmarked(boxes[-1][2] or ""), marked=True)
    if not found:
        if len(text) > LONGEST and not tagged:
            return _nothing("long, and does not say which words are the answer")
        return _reading(unmarked(text), tagged)
    rest = text[found[-1].end() :]
    if len(found) > 1 and _differ(text[found[-2].end() : found[-1].start()], rest):
        return _nothing("two answers")
    rest = unmarked(rest).lstrip("\n:> ").rstrip('"}] \n')
    if not re.search(r"\w", rest):
        return _nothing("cut off before the answer")
    return (
        Reading(rest, marked=True) if len(rest.partition("\n")[0]) <= LONGEST else _nothing("long")
    )


def _differ(one: str, other: str) -> bool:
    """Say whether two answers in a row differ; "Wait, the answer is ..." corrects the first."""
    if len(one) > 60 or _CORRECTS.search(one.lower()):
        return False
    first, second = (
        _LEAD.sub(" ", re.sub(r"[\W_]+", " ", text[:200].lower())).split() for text in (one, other)
    )
    return 0 < len(first) <= 3 and first[:1] != second[:1]


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


def _tagged(text: str) -> list[str]:
    """Return the text and what each `<answer>` in it holds."""
    tags = list(_TAG.finditer(text))
    ends = [*(tag.start() for tag in tags[1:]), len(text)][: len(tags)]
    return [text, *(_TAG_END.split(text[t.end() : e])[0] for t, e in zip(tags, ends, strict=True))]


def _boxed(text: str) -> list[tuple[int, int, str | None]]:
    """Return (start, end, inside) of the last two \\boxed{}; inside is None when it never ends."""
    boxes = []
    for match in list(_BOX.finditer(text))[-2:]:
        depth, end = 1, match.end()
        while end < len(text) and depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        boxes.append((match.start(), end, None if depth else text[match.end() : end - 1]))
    return boxes
