"""A short answer in words: lower case, no articles, no punctuation, no "It is ..." around it.

short_text(read("The star is **red**."))  ->  "red"
"""

import re

from counterfactory.parse.answer import Reading
from counterfactory.parse.clean import sentences
from counterfactory.parse.parsed import Parsed, unparsed

LONGEST = 12  # words of a short answer
_WORD = re.compile(r"-?\d+(?:[.,/:]\d+)*%?|[^\W_]+(?:'[^\W_]+)?")
_ARTICLES = {"a", "an", "the"}
_SPELLING = {
    "gray": "grey", "color": "colour", "colors": "colours", "colored": "coloured", "it's": "it is",
    "that's": "that is", "there's": "there is", "they're": "they are",
}  # fmt: skip
_LEAD = re.compile(
    r"^(?:(?:well|so|ok|okay|sure|yes|thus|therefore|hence)\s+)*(?:"
    r"(?:it|this|that|they|there|these|those|(?:one|both)(?: of them)?|its \w+|their \w+|(?:my )?answer)\s+"
    r"(?:is|are|was|were|looks?|appears? to be|seems? to be|would be|has|have)"
    r"|(?:i (?:can )?(?:see|think|believe)(?: it is| that)?)"
    r"|(?!(?:no|not|none|neither)\b)\w+(?: \w+){0,5}? (?:is|are|was|were|became|turned)"
    r")(?: now| coloured| called| of colour)? (?=\w)"
)
_TAIL = re.compile(
    r" (?:in|on|of) (?:this |second |first |that )?(?:picture|image|photo|scene|drawing|here)$|"
    r" (?:here|now|coloured|in colour|colour)$"
)
_CONCLUDES = re.compile(  # "There is exactly one sun. Its colour is yellow."
    r"(?:so |thus |therefore |hence )?,?\s*(?:its|their|the) (?:\w+ ){0,4}"
    r"(?:colou?r|size|shape|name|answer|kind)(?: of [\w ]{1,40})? (?:is|are) ",
    re.IGNORECASE,
)
_NAME = re.compile(r"^\W*(?:the )?(?:colou?r|size|shape|object|thing|name)\s*:\s*", re.IGNORECASE)
_REASON = re.compile(r"(?<=\w),? because\b.*", re.IGNORECASE | re.DOTALL)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|not (?:\w+ )?(?:sure|certain)|unsure|uncertain|i guess|either|"
    r"hard to (?:say|tell)|(?:cannot|can't|can not|unable to|impossible to) (?:be )?"
    r"(?:tell|say|determin\w+|answer|know|see)|(?:don't|do not) know|unknown|unclear)\b"
)


def normal(text: str) -> str:
    """Return lower-case words without articles and punctuation, in one spelling."""
    words = (_SPELLING.get(word, word) for word in _WORD.findall(text.lower()))
    return " ".join(word for word in words if word not in _ARTICLES)


def short_text(reading: Reading) -> Parsed:
    """Return a short answer's words; None when there are too many, or when it is in doubt."""
    parts = sentences(_NAME.sub("", reading.line if reading.marked else reading.text))
    if not parts:
        return unparsed(reading.why or "empty")
    text = normal(_REASON.sub("", parts[-1] if _CONCLUDES.match(parts[-1]) else parts[0]))
    if not text:
        return unparsed("empty")
    if _DOUBT.search(text):
        return unparsed("in doubt")
    bare = stripped(text)
    if len(bare.split()) > LONGEST:
        return unparsed("not a short answer")
    if re.fullmatch(r"\w+(?: \w+)? or \w+(?: \w+)?", bare):
        return unparsed("more than one answer")
    return Parsed(bare)


def stripped(text: str) -> str:
    """Return normal text without the words around the answer; stable when done twice."""
    while True:
        bare = _TAIL.sub("", _LEAD.sub("", text, count=1))
        if not bare or bare == text:
            return text
        text = bare


_FILLERS = {
    "it",
    "is",
    "are",
    "was",
    "but",
    "and",
    "while",
    "whereas",
    "its",
    "colour",
    "this",
    "one",
}


def core(text: str) -> str:
    """Return normal text without the small words between answers: "usually yellow here blue"."""
    return " ".join(word for word in text.split() if word not in _FILLERS)
