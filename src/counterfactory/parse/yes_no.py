"""Yes or no? The word must stand there as an answer; a statement counts only if it repeats the question.

yes_no(read("Well, yes, there is one."))                       ->  "yes"
yes_no(read("There is no leaf."), "Is there a leaf here?")     ->  "no"
yes_no(read("There is a star."), "Is there a leaf here?")      ->  None, "neither yes nor no"
"""

import re

from counterfactory.parse.answer import Reading
from counterfactory.parse.clean import plain, sentences
from counterfactory.parse.parsed import Parsed, unparsed

_NO = (
    r"(?:absolutely|definitely|certainly|of course|clearly|obviously|probably|surely) not|not at all|not really|"
    r"(?:that|this|it)(?:'s| is) (?:not (?:true|correct|right|so)|false|incorrect|wrong)|not (?:true|correct)|"
    r"no|nope|nah|false|incorrect|negative|nein|non|нет|nee|não|いいえ|아니요|不是|没有|沒有|否|不"
)
_YES = (
    r"(?:that|this|it)(?:'s| is) (?:true|correct|right)|of course|yes|yeah|yep|yup|yea|affirmative|correct|true|"
    r"absolutely|definitely|certainly|indeed|oui|да|sí|sì|sim|ja|はい|예|네|是的|是|对|有"
)
_SUBJECT = (
    r"there|it|he|she|they|this|that|these|those|the|i|you|we|because|since|as|in|on|sir|please|its"
)
# after the word: punctuation, the end, or for yes and no a new clause without comma
_AFTER = r"(?:(?=\s*(?:[^\w\s'?-]|'(?!\w)|--?\s|$))|(?=[ \t]*\n))"
_WORD = (
    rf"(?P<no>(?:{_NO}){_AFTER}|no(?= (?:{_SUBJECT})\b))|"
    rf"(?P<yes>(?:{_YES}){_AFTER}|(?:yes|indeed)(?= (?:{_SUBJECT})\b))"
)
_PREFACE = (
    r"(?:(?:well|so|ok|okay|hmm+|umm?|uh|oh|ah|thus|therefore|hence|overall|finally|in (?:conclusion|summary|short)|"
    r"(?:based on|looking at|according to|judging by|from|in) [^.,!?\n]{1,60}|to answer (?:your|the) question|"
    r"(?:my|the|short) answer|answer|i(?:'d| would)? (?:think|believe|say|conclude)(?: that)?|that|"
    r"(?:it|that)(?:'s| is| would be) a(?: clear| definite)?|"
    r"the answer is)[,:]?\s+)*"
)
_HEAD = re.compile(rf"^[\W_]*{_PREFACE}[\"'(\[]*(?:{_WORD})", re.IGNORECASE)
_CLAUSE = re.compile(
    rf"(?:^|[.!?;:,\n(—–]\s*|\b(?:so|but|also|and|or|then|that|hence|thus|therefore)[,:]?\s+)[\"'(]*"
    rf"(?:(?P<no>no|nope|nah|否){_AFTER}|(?P<yes>yes|yeah|yep|yup){_AFTER})",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\b(?:yes|no)\b[\"']?\s*(?:and|or|/|&|but also|\||,)\s*[\"']?(?:yes|no)\b(?! \w+ (?:is|are)\b)",
    re.IGNORECASE,
)
_ECHO = re.compile(
    r"\(?\b(?:please )?(?:answer|respond|reply|say)(?: the question)?(?: only)?(?: with)?(?: only)?(?: a| either)*\s*"
    r"[\"']?yes[\"']?\s*(?:or|/)\s*[\"']?no[\"']?(?: only)?\)?[.:?!]?",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|probably|likely|unsure|uncertain|it depends|depending on|hard to (?:say|tell)|"
    r"(?:i'm|am|are|be) not (?:\w+ )?(?:sure|certain)|(?:can't|cannot|can not|could not|couldn't) (?:be )?"
    r"(?:say|tell|determin\w+|answer|know)\b|unable to|don't know|do not know|"
    r"unclear (?:if|whether)|(?:is|it's) unclear\s*[.,]|"
    r"maybe not|or (?:not|no)\b|i guess|not possible to|impossible to|might|may)\b",
    re.IGNORECASE,
)
_UNSURE = re.compile(
    r"\b(?:maybe|perhaps|possibly|unsure|uncertain|it depends|hard to (?:say|tell)|i guess|or (?:not|no)|"
    r"(?:i'm |am |^\W*)not (?:\w+ )?(?:sure|certain)(?!\s*(?:about|of|what)))\b",
    re.IGNORECASE,
)
_YES_BUT_NO = re.compile(
    r"^\W*(?:there (?:is|are) (?:no|not)\b|there (?:isn't|aren't)|(?:it|he|she|they|this|that|i) (?:\w+ not|\w+n't)\b)",
    re.IGNORECASE,
)
_NEGATION = {"no", "not", "never", "none", "cannot", "without", "neither", "nor"}
_ASKS = re.compile(r"\?$|^(?:please )?tell me (?:whether|if)\b", re.IGNORECASE)
_FILLER = set(
    "is are was were be been being do does did can could has have had there it a an the any some in on at to of "
    "picture image photo photograph scene drawing drawn here this that these those you i we one see seen show shows "
    "shown contain contains visible present would say tell me whether if true look looks looking stand stands located "
    "find side among things view hold holds".split()
)


def yes_no(reading: Reading, question: str = "") -> Parsed:
    """Return "yes" or "no"; None for both, neither, or a doubt."""
    text = _ECHO.sub(" ", reading.line if reading.marked else reading.text).strip()
    if not text:
        return unparsed(reading.why or "empty")
    if re.fullmatch(r"(?:(?:yes|no)\W+)+(?:yes|no)\W*", text, re.IGNORECASE):
        words = {word.lower() for word in re.findall(r"\w+", text)}
        return Parsed(words.pop()) if len(words) == 1 else _both()
    head = _HEAD.match(text)
    said = {_value(m) for m in _CLAUSE.finditer(text)}
    if _BOTH.search(text) and not (head and _both_is_a_list(text)):
        return unparsed("both yes and no")
    if head:
        return _headed(head, text, said, question)
    first = sentences(text)[0]
    repeated = _repeats(first, question)
    if repeated:
        return Parsed(repeated) if said <= {repeated} else unparsed("both yes and no")
    last = sentences(text)[-1]
    concluded = _HEAD.match(last) or _last(_CLAUSE, last)
    if concluded and not _DOUBT.search(last) and not _UNSURE.search(text):
        value = _value(concluded)
        before = sentences(text)[-2:-1]
        if not any(m and _value(m) != value for m in map(_HEAD.match, before)):
            return Parsed(value) if said <= {value} or len(sentences(text)) > 2 else _both()
    if _DOUBT.search(text) or _UNSURE.search(text):
        return unparsed("in doubt")
    if re.fullmatch(r"\W*none\W*", text, re.IGNORECASE):
        return Parsed("no")
    if len(said) == 1:
        return Parsed(said.pop())
    return _both() if said else unparsed("neither yes nor no")


def _both() -> Parsed:
    return unparsed("both yes and no")


def _both_is_a_list(text: str) -> bool:
    """Say whether "no, no" or "yes, yes" only repeats itself."""
    return not re.search(
        r"\byes\b\W*(?:and|or|/|&|but also|\||,)?\W*\bno\b|\bno\b\W*(?:and|or|/|&|but also|\||,)?\W*\byes\b",
        text,
        re.IGNORECASE,
    )


def _headed(head: re.Match[str], text: str, said: set[str], question: str) -> Parsed:
    """Judge a reply that begins with yes or no."""
    value, rest = _value(head), text[head.end() :]
    first = sentences(text)[0]
    if said - {value}:
        return _both()
    if _DOUBT.search(text[: head.start(value)]) or _UNSURE.search(first):
        return unparsed("in doubt")
    body = re.sub(r"^[\W_]+", "", rest)
    if value == "yes" and _YES_BUT_NO.match(body) and not _repeats(body, question) == "yes":
        return _both()
    repeated = _repeats((sentences(body) or [""])[0], question)
    if repeated and repeated != value:
        return _both()
    return Parsed(value)


def _value(match: re.Match[str]) -> str:
    return "no" if match["no"] else "yes"


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    found = list(pattern.finditer(text))
    return found[-1] if found else None


def _content(text: str) -> tuple[list[str], int]:
    """Return the words that carry meaning, singular, and how often they are negated."""
    words = re.findall(r"[^\W_]+(?:'\w+)?", plain(text).lower())
    negations = sum(word in _NEGATION or word.endswith("n't") for word in words)
    kept = []
    for word in words:
        if word in _NEGATION or word.endswith("n't") or word in _FILLER:
            continue
        word = re.sub(r"ves$", "f", word)
        kept.append(word if word.endswith("ss") else re.sub(r"(?<=x|s)es$|s$", "", word))
    return kept, negations


def _repeats(statement: str, question: str) -> str:
    """Return "yes" or "no" when the statement repeats the question, affirmed or denied once."""
    asked = next((s for s in sentences(question) if _ASKS.search(s)), "")
    wanted, denied = _content(asked)
    if not wanted or denied:
        return ""
    found, negations = _content(statement)
    if found != wanted or negations > 1 or statement.endswith("?") or _DOUBT.search(statement):
        return ""
    return "no" if negations else "yes"
