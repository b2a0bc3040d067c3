"""Numbers as words: SPOKEN finds "twenty-one" in a text, spoken("twenty-one") -> 21."""

import re
from fractions import Fraction

_UNITS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
}  # fmt: skip
_TEENS = {
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15,
    "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90,
}  # fmt: skip
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
_VALUES = _UNITS | _TEENS | _TENS | {"zero": 0, "dozen": 12, "a": 1, "single": 1, "oh": 0}
_HANZI = {char: i for i, char in enumerate("零一二三四五六七八九十")} | {"〇": 0, "两": 2, "兩": 2}

_unit, _teen, _ten = ("|".join(words) for words in (_UNITS, _TEENS, _TENS))
_below_100 = rf"(?:(?:{_ten})(?:[- ](?:{_unit}))?|(?:{_teen})|(?:{_unit}))"
_below_1000 = rf"(?:(?:(?:{_unit}|a) hundred)(?:(?: and)? {_below_100})?|{_below_100})"
_digit_words = rf"(?:{_unit}|zero|oh)"
SPOKEN = (
    rf"\b(?:(?:{_below_1000}|a) thousand(?:,?(?: and)? {_below_1000})?|{_below_1000}|zero|(?:a )?dozen|a single)"
    rf"(?: point(?: {_digit_words})+)?\b(?! (?:hundred|thousand|million|billion|dozen)\b)"
)


def spoken(words: str) -> Fraction:
    """Return the value of number words that SPOKEN matches."""
    whole, _, after = words.lower().replace("-", " ").replace(",", "").partition(" point ")
    total = part = 0
    for word in whole.split():
        if word == "hundred":
            part *= 100
        elif word == "thousand":
            total, part = total + 1000 * part, 0
        elif word in ("dozen", "single"):
            part = _VALUES[word]
        else:
            part += _VALUES.get(word, 0)
    digits = "".join(str(_VALUES[word]) for word in after.split())
    return Fraction(total + part) + (Fraction(int(digits), 10 ** len(digits)) if digits else 0)


def written_in_hanzi(text: str) -> int | None:
    """Return the value of an answer such as "三" or "十二个"; None when it is anything else."""
    match = re.fullmatch(
        r"\W*([零〇一二两兩三四五六七八九]?)(十?)([一二三四五六七八九]?)[个個只隻颗顆つ张張]?\W*",
        text,
    )
    if not match or not any(match.groups()):
        return None
    tens, ten, units = match.groups()
    if ten:
        return 10 * (_HANZI[tens] if tens else 1) + (_HANZI[units] if units else 0)
    return None if tens and units else _HANZI[tens or units]
