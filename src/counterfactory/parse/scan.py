"""Finds the numbers of a text and works out what a calculation says its result is.

scan("There are 4 things. 4 - 1 = 3.").shown   ->  "There are ⟦0⟧ things. ⟦3⟧."
"""

import re
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction

from counterfactory.parse.number_words import SCALES, SPOKEN, spoken

_HUGE = 30  # digits; a longer number is no answer
_UNIT = (
    r"(?:[mck]?m|k?g|mg|lbs?|ft|in|inch(?:es)?|ml|l|s|secs?|h|hrs?|min|deg|degrees?|percent|meters?|metres?|"
    r"units?|px|°?[CF]|Pa|[NVW]|Hz|USD|EUR|GB|MB)"
)
_MASKS = (  # digits that answer nothing: labels, ordinals, times, ratios, names such as B2
    re.compile(
        r"\b(?:image|picture|figure|fig|step|option|question|example|part|page|row|column|line|photo)s?\.?\s*#?\d+\b",
        re.IGNORECASE,
    ),
    re.compile(r"(?<=[a-zA-Z])\s?\^\s?\{?\d\}?"),
    re.compile(r"(?<![\d.])\d{1,12}(?:\.\d{1,12})?\s?(?=√|\\sqrt\b|π|\\?pi\b)"),
    re.compile(r"(?:√|\\sqrt\b)\s?[({]?\s?\d+(?:\.\d+)?"),
    re.compile(
        r"\b(?:after|if|when|by|once)\b[^,.;:\n=]*?(?:remov|subtract|tak|add|eras|put)\w*[^,.;:\n=]*",
        re.IGNORECASE,
    ),
    re.compile(r"\b\d+(?:st|nd|rd|th)\b"),
    re.compile(r"\b\d+(?::\d+)+\b"),
    re.compile(r"\b\d+(?:\.\d+){2,}\b|\b\d{4}-\d\d-\d\d\b"),
    re.compile(r"(?<![\w.])(?=\w*[^\W\d])(?!\d+(?:\.\d+)?e[+-]?\d+\b)\w*\d\w*", re.IGNORECASE),
    re.compile(
        r"\b(?:(?:the|this|that|each|every|any|another|which|no|other|some)(?: \w+)? one|"
        r"(?:red|green|blue|yellow|white|brown|purple|black|orange|pink|gr[ae]y|small|large|big) one|"
        r"one(?= (?:of|another|by|can|could|might|would|may|sees|has)\b))\b",
        re.IGNORECASE,
    ),
)
_ITEM = re.compile(r"^[ \t]*\(?\d{1,2}[.)](?=\s+\S)", re.MULTILINE)
_TOKEN = re.compile(
    r"\\frac\s*\{\s*(?P<top>-?\d+(?:\.\d+)?)\s*\}\s*\{\s*(?P<under>\d+(?:\.\d+)?)\s*\}|\\frac(?P<t>\d)(?P<u>\d)"
    r"|(?<![\w.,/])(?P<whole>\d+)\s+(?P<part>\d+/\d+)(?![\w/])"
    r"|(?<![\w./])(?P<slash>\d+ ?/ ?\d+)(?![\w/])"
    r"|(?<![\w.])(?P<digits>\d{1,3}(?:[,']\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:e(?P<e>[+-]?\d{1,9})|\s*[x*]\s*10\s*\^\s*\{?(?P<ten>[+-]?\d{1,3})\}?)?(?!\w|\.\d)"
    rf"(?:\s+(?P<scale>{'|'.join(SCALES)})\b)?"
    rf"|(?P<words>{SPOKEN})",
    re.IGNORECASE,
)
_MINUS = re.compile(r"(?:(?:^|[\s=(:,\[{])-|\b(?:minus|negative)\s+)$", re.IGNORECASE)
_N = r"⟦\d+⟧"
_THING = r"(?:\s+(?!plus|minus|times|divided|is\b|and\b|or\b|equal|makes|gives|leaves|x\b)[^\W\d⟦⟧]+(?:\^\S)?){0,3}"
_OPERATOR = r"\s*(?:[-+*/^–]|\b(?:plus|minus|times|divided by|x)\b)\s*"
_EQUATION = re.compile(
    rf"[(\[]?{_N}{_THING}[)\]]?(?:{_OPERATOR}[(\[]?{_N}{_THING}[)\]]?)+\s*,?\s*"
    rf"(?:=|\b(?:is equal to|is|equals?|makes|gives|leaves|that (?:is|leaves|makes))\b)\s*(?={_N})",
    re.IGNORECASE,
)
_SAME = re.compile(rf"{_N}{_THING}\s*=\s*(?={_N})", re.IGNORECASE)
_OPEN = re.compile(
    rf"{_N}{_THING}[)\]]?{_OPERATOR}[(\[]?{_N}|{_N},{_N}|\bbetween\s+{_N}|{_N}\s+to\s+{_N}",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Scan:
    """A text's numbers."""

    shown: str  # the text with ⟦i⟧ where number i stands, calculations replaced by their results
    values: dict[int, Fraction]  # of the numbers that are left in `shown`
    spans: dict[int, tuple[int, int]]  # where they stood in `text`
    text: str
    unfinished: frozenset[int]  # those in a range, or in a calculation that states no result


def scan(text: str) -> Scan:
    """Find the numbers of a text."""
    text = (
        re.sub(rf"(?<=\d)(?={_UNIT}\b)|(?<=\d)(?=%)", " ", text).replace("⟦", " ").replace("⟧", " ")
    )
    masked = text
    if len(_ITEM.findall(masked)) > 1:
        masked = _ITEM.sub(_blank, masked)
    for pattern in _MASKS:
        masked = pattern.sub(_blank, masked)
    values: dict[int, Fraction] = {}
    spans: dict[int, tuple[int, int]] = {}
    shown, end = "", 0
    for match in _TOKEN.finditer(masked):
        value = _value(match)
        if value is None:
            continue
        shown += masked[end : match.start()]
        start, end = match.span()
        if minus := _MINUS.search(shown):
            if not re.search(rf"{_N}{_THING}\s*$", shown[: minus.start()]):
                head = minus[0][0] if minus[0][0] in " =(:,[{\n\t" else ""
                shown, value, start = (
                    shown[: minus.start()] + head,
                    -value,
                    start - len(minus[0]) + len(head),
                )
        shown += f"⟦{len(values)}⟧"
        spans[len(values)] = (start, end)
        values[len(values)] = value
    shown = _SAME.sub("", _EQUATION.sub("", shown + masked[end:]))
    left = {int(i) for i in re.findall(r"⟦(\d+)⟧", shown)}
    values = {i: value for i, value in values.items() if i in left}
    unfinished = {int(i) for match in _OPEN.finditer(shown) for i in re.findall(r"\d+", match[0])}
    return Scan(shown, values, spans, text, frozenset(unfinished))


def _blank(match: re.Match[str]) -> str:
    return "~" * len(match[0])


def _value(match: re.Match[str]) -> Fraction | None:
    """Return the value of a token; None for a division by zero or an absurd size."""
    if len(match[0]) > _HUGE + 20:
        return None
    if match["words"]:
        return spoken(match["words"])
    if match["digits"]:
        power = int(match["e"] or match["ten"] or 0)
        if abs(power) > _HUGE or len(match["digits"]) > _HUGE:
            return None
        scale = SCALES.get((match["scale"] or "").lower(), 1)
        return Fraction(re.sub("[,']", "", match["digits"])) * Fraction(10) ** power * scale
    whole = Fraction(match["whole"] or 0)
    top, _, under = (match["part"] or match["slash"] or "").partition("/")
    top, under = top or match["top"] or match["t"], under or match["under"] or match["u"]
    return whole + Fraction(top) / Fraction(under) if Fraction(under) else None


def decimal(value: Fraction) -> str:
    """Return a fraction as a decimal: exact where that ends, else with 12 digits."""
    with localcontext() as context:
        context.prec = 200
        exact = Decimal(value.numerator) / Decimal(value.denominator)
        if Fraction(exact) != value:
            exact = exact.quantize(Decimal(1).scaleb(-12))
        text = f"{exact:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def in_digits(text: str) -> str:
    """Return lower-case words with numbers as decimals: "three stars, 5cm" -> "3 stars, 5 cm"."""
    seen = scan(text)
    text = seen.text
    for i in sorted(seen.values, reverse=True):
        start, end = seen.spans[i]
        text = f"{text[:start]}{decimal(seen.values[i])}{text[end:]}"
    return text
