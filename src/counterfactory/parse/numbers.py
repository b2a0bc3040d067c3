"""Which number? Digits of any script, words, fractions; units and percent left out.

    number(read("There are twenty-one stars."))          ->  "21"
    number(read("4 - 1 = 3"))                            ->  "3"
    number(read("3 red ones and 2 blue ones"))           ->  None, "several numbers"

Of several numbers one is the answer when the reply leads with it ("3, because 4 - 1 = 3"), spells
it out ("3 stars: 2 red, 1 blue") or concludes with it ("So 3 are left.").
"""

import re

from counterfactory.parse.answer import Reading
from counterfactory.parse.clean import sentences
from counterfactory.parse.number_words import written_in_hanzi
from counterfactory.parse.parsed import Parsed, unparsed
from counterfactory.parse.scan import Scan, decimal, scan

_BOUND_BEFORE = re.compile(
    r"(?:\b(?:at least|at most|more than|less than|fewer than|greater than|up to|almost|nearly|not|"
    r"maybe|perhaps|possibly|probably|between|either)|n't|[<>≤≥±])\s*(?:be )?(?:exactly |just |only )?$",
    re.IGNORECASE,
)
_BOUND_AFTER = re.compile(
    r"\s*(?:\w+\s+)?(?:\+|or (?:so|more|less|fewer)\b|±|\?)|\s*(?:or|to)\s*$", re.IGNORECASE
)
_DOUBT = re.compile(
    r"\b(?:not (?:\w+ )?(?:sure|certain)|unsure|uncertain|i guess|hard to (?:say|tell)|maybe|perhaps|"
    r"(?:cannot|can't|can not|unable to|impossible to) (?:be )?(?:tell|say|determin\w+|answer|know|count|see)|"
    r"(?:don't|do not) know|unclear)\b",
    re.IGNORECASE,
)
_NOTHING = (
    r"(?:no|none|not any)\b(?! (?:more|fewer|less|idea|answer|clue|way|information|one|problem))"
)
_ZERO = re.compile(
    rf"\W*(?:none(?: of (?:them|these))?|nothing|{_NOTHING}(?: \w+){{1,6}}|"
    rf"(?:there (?:is|are|were|would be|will be)|(?:i|we|you) (?:can )?(?:see|count|find)|it has|"
    rf"the (?:picture|image|scene) (?:shows|has|contains)) {_NOTHING}[^,;.:\n]*|"
    r"(?:none|nothing) (?:is|are|would be|will be)? ?(?:left|remains?))\W*",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"^\W*(?:so|therefore|thus|hence|in total|total|altogether|in all|this makes|that leaves|this leaves|"
    r"finally|as a result|this gives|we get)\b|^\W*that makes ⟦\d+⟧\W*$|\b(?:in total|altogether|in all)\W*$",
    re.IGNORECASE,
)
_N = r"⟦(\d+)⟧"
_WORDS = r"(?: [^\W\d⟦⟧]+(?:\^\S)?){0,4}"
_SEVERAL = re.compile(rf"{_N}{_WORDS[:-5]}{{1,4}}(?:,|,? and) {_N} ")  # "1 star and 1 ring"
_STARTS = re.compile(rf"\W*{_N}\s*(?:[.;:!(\n—–]|$|,(?!\s*(?:(?:and|or)\b\s*)?⟦))")
_FIRST_LINE = re.compile(rf"\W*{_N}{_WORDS}[ .!]*\n")
_MARKED = re.compile(
    rf"[^⟦\n]{{0,80}}{_N}{_WORDS}\s*(?:[.;:!(\n]|$|,?\s*(?:because|since|as|so|which|i\.e|after|when)\b)"
)
_ELABORATED = re.compile(
    r"\W*(?:there (?:is|are)|(?:i|we|you) (?:can )?(?:count|see|have)|(?:in )?(?:the|this) (?:image|picture|scene)"
    r"(?:,? there are| shows| contains| has)?)?\s*(?:exactly|only|a total of)?\s*"
    rf"{_N}[^⟦⟧.,;\n]*(?:\(|: ?)(?!\s*(?:or|maybe|not|perhaps)\b)",
    re.IGNORECASE,
)


def number(reading: Reading) -> Parsed:
    """Return the number that is answered, as a decimal without trailing zeros."""
    text = reading.line if reading.marked else reading.text
    if not text:
        return unparsed(reading.why or "empty")
    if _ZERO.fullmatch(text):
        return Parsed("0")
    hanzi = written_in_hanzi(text)
    if hanzi is not None:
        return Parsed(str(hanzi))
    seen = scan(text)
    if not seen.values:
        return unparsed("no number")
    if _DOUBT.search(text):
        return unparsed("in doubt")
    chosen = _chosen(seen, reading.marked)
    if chosen in seen.unfinished:
        return unparsed("a range, or a calculation without its result")
    if chosen is None:
        return unparsed("several numbers")
    mark = f"⟦{chosen}⟧"
    before, _, after = seen.shown.partition(mark)
    if _BOUND_BEFORE.search(before) or _BOUND_AFTER.match(after):
        return unparsed("a bound, not a number")
    return Parsed(decimal(seen.values[chosen]))


def _chosen(seen: Scan, marked: bool) -> int | None:
    """Return which of the numbers is the answer."""
    first = min(seen.values, key=lambda i: seen.shown.index(f"⟦{i}⟧"))
    shown = seen.shown
    if len(set(seen.values.values())) == 1:
        return None if _SEVERAL.search(shown) else first
    last = sentences(shown)[-1]
    ending = [int(i) for i in re.findall(_N, last)]
    alone = re.fullmatch(rf"\W*{_N}\W*", last)
    for pattern in (_MARKED,) if marked else (_STARTS, _FIRST_LINE, _ELABORATED):
        if match := pattern.match(shown):
            if alone and len(sentences(shown)) > 1 and not _same(seen, int(match[1]), ending[0]):
                return None  # begins with one number and ends with another
            return int(match[1])
    if (
        ending
        and (alone or _CONCLUDES.search(last))
        and all(_same(seen, i, ending[0]) for i in ending)
    ):
        return ending[0]
    return None


def _same(seen: Scan, one: int, other: int) -> bool:
    return seen.values[one] == seen.values[other]
