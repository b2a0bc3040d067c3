"""Which option? A letter, or the text of exactly one option. Two letters, or letter against text: None.

letter(read("(A) is wrong, so (B)"), ("red", "blue"))        ->  "B"
letter(read("The ball is blue, not red."), ("red", "blue"))  ->  "B"
letter(read("A or B"), ("red", "blue"))                      ->  None, "more than one letter"
"""

import re
import string
from collections.abc import Sequence

from counterfactory.parse.answer import Reading
from counterfactory.parse.clean import plain, sentence_at, sentences
from counterfactory.parse.parsed import Parsed, unparsed
from counterfactory.parse.scan import in_digits
from counterfactory.parse.texts import normal
from counterfactory.parse.yes_no import yes_no

UNSAID = "ABCDEFGH"  # the letters when no options are given
_NAME = r"(?i:option|choice|letter|answer|statement|alternative)s?\s*[:#]?\s*"
_DENIED_AFTER = re.compile(
    r"[)\]\"', ]*(?:(?:and|or|nor|,|/)?[ (]*[A-H][)\]]?(?=[\s,])[ ,]*)*"
    r"(?:(?:(?!(?:it|the|this|that|there|because|since)\b)\w+ ){0,2}?(?:is|are|was|seems?|looks|can be|must be)\s+)?"
    r"(?:all |both |clearly |definitely |also |simply |just )*"
    r"(?:not\b|n't|wrong|incorrect|false|ruled out|eliminated|excluded|out\b|untrue|impossible|"
    r"(?:isn't|aren't|wasn't|doesn't|does not|can't|cannot)\b)",
    re.IGNORECASE,
)
_DENIED_BEFORE = re.compile(
    r"(?:\bnot|n't|\bcannot|\bneither|\bnor|\brules? out|\bruled out|\beliminat\w+|\bexclud\w+|\binstead of|"
    r"\brather than|\bexcept|\bthan)(?: be| in| at| on)?(?: the)?(?: option| choice| answer| letter)?\W*$|"
    r"(?:\b(?:angles?|triangle|point|vertex|line|segment|side|circle|arc)|[∠△⊙])\W*$",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:so|therefore|thus|hence|consequently|conclusion|choose|chose|pick|select|go with|"
    r"correct|right|best|final)\b",
    re.IGNORECASE,
)
_DOUBT = re.compile(
    r"\b(?:maybe|perhaps|possibly|not (?:\w+ )?(?:sure|certain)|unsure|uncertain|i guess|either|could be|"
    r"might be|hard to (?:say|tell)|(?:cannot|can't|can not|unable to|impossible to) (?:be )?"
    r"(?:tell|say|determin\w+|answer|know|choose)|(?:none|all|both|neither) of (?:the|these)|"
    r"(?:don't|do not) know|(?:if|whether|unless)\b[^.\n]*\banswer)\b",
    re.IGNORECASE,
)
_Found = tuple[str, int, int]  # letter, start, end


def letter(reading: Reading, options: Sequence[str] = ()) -> Parsed:
    """Return the letter of the option that is answered."""
    text = (reading.line if reading.marked else reading.text).strip()
    if not text:
        return unparsed(reading.why or "empty")
    letters = string.ascii_uppercase[: len(options)] or UNSAID
    whole = re.fullmatch(rf"\W*(?:{_NAME})?\W*([{letters}{letters.lower()}])\W*", text)
    if whole:
        return Parsed(whole[1].upper())
    found = [one for one in _mentions(text, letters) if not _denied(text, *one[1:])]
    if not found:
        return _from_text(text, options)
    one = _chosen(text, found, letters)
    if one is None:
        return unparsed("more than one letter")
    if _in_doubt(sentence_at(text, one[1]), options):
        return unparsed("in doubt")
    if _beside(text, one, options) - {one[0]}:
        return unparsed("letter and text disagree")
    return Parsed(one[0])


def _mentions(text: str, letters: str) -> list[_Found]:
    """Return the letters that are named as letters; "A ball" and "I" are words."""
    upper = "".join(c for c in letters if c not in "AI")
    either = f"[{letters}{letters.lower()}]"
    pattern = re.compile(
        rf"[(\[{{]({either})[)\]}}]|\b{_NAME}[\"'(]*({either})(?![\w'])|^\W*({either})[).:](?!\w)"
        + (rf"|(?<![A-Za-z0-9_'.])(?<![nN]/)([{upper}])(?![A-Za-z0-9_'])" if upper else "")
        + r"|(?<![A-Za-z0-9_'.])(?<![nN]/)(A)"
        r"(?=\s*(?:[.,;:!?)\"'\n—–]|$|(?:or|and|nor|is|because|since|as)\b|/|--?\s))",
        re.MULTILINE,
    )
    found = []
    for match in pattern.finditer(text):
        group = match.lastindex or 0
        found.append((match[group].upper(), match.start(group), match.end(group)))
    return [one for one in found if one[0] in letters]


def _denied(text: str, start: int, end: int) -> bool:
    return bool(_DENIED_BEFORE.search(text[:start]) or _DENIED_AFTER.match(text[end:]))


def _chosen(text: str, found: list[_Found], letters: str) -> _Found | None:
    """Return the one letter that is meant: the only one, the concluding one, or the leading one."""
    if len({one[0] for one in found}) == 1:
        return found[0]
    if re.match(r"[)\]}.,\s]*(?:because|since|as)\b", text[found[0][2] :]):
        return found[0]
    last = sentences(text)[-1]
    begin = text.rindex(last)
    ending = [one for one in found if one[1] >= begin]
    cue = list(_CONCLUDES.finditer(last))
    for group in (ending, [one for one in ending if cue and one[1] > begin + cue[-1].start()]):
        if cue and len({one[0] for one in group}) == 1:
            return group[-1]
    if re.fullmatch(rf"\W*(?:{_NAME})?\W*[{letters}]\W*", last) and len(sentences(text)) > 2:
        return ending[-1]
    listed = {m[1].upper() for m in re.finditer(r"(?:^|[\s(])([A-Za-z])[).:](?=\s)", text)}
    leads = re.fullmatch(rf"[\W_]*(?:{_NAME})?\W*", text[: found[0][1]])
    other_first = [one for one in found[1:] if one[1] < _end_of_first(text)]
    if leads and len(listed & set(letters)) < 2 and not other_first:
        return found[0]
    return None


def _end_of_first(text: str) -> int:
    """Return where the first sentence that is more than a letter ends."""
    parts = sentences(text)
    first = parts[0] if len(parts[0]) > 4 or len(parts) == 1 else parts[1]
    reason = re.search(r"\b(?:because|since|as)\b", first)
    return text.index(first) + (reason.start() if reason else len(first))


def _from_text(text: str, options: Sequence[str]) -> Parsed:
    """Return the letter of the only option whose text is repeated."""
    said = _repeated(text, options)
    if len(said) > 1:
        return unparsed("more than one option")
    if not said:
        return unparsed("no letter")
    return unparsed("in doubt") if _in_doubt(text, options) else Parsed(said.pop())


def _in_doubt(text: str, options: Sequence[str]) -> bool:
    """Say whether a text doubts; "None of the above" may be an option."""
    found = _DOUBT.search(text)
    return found is not None and not any(found[0].lower() in one.lower() for one in options)


def _keys(options: Sequence[str]) -> dict[str, str]:
    """Return option text -> letter; texts that two options share are left out."""
    keys = [_key(plain(option)) for option in options]
    return {
        key: string.ascii_uppercase[i] for i, key in enumerate(keys) if key and keys.count(key) == 1
    }


def _key(text: str) -> str:
    return in_digits(normal(text))


def _repeated(text: str, options: Sequence[str]) -> set[str]:
    """Return the letters of the options whose text is repeated and not denied."""
    keys = _keys(options)
    if set(keys) == {"yes", "no"}:
        said = yes_no(Reading(text)).value
        return {keys[said]} if said else set()
    left, found = f" {_key(text)} ", set()
    for key in sorted(keys, key=len, reverse=True):
        pattern = re.compile(rf"(?<= ){re.escape(key)}(?= )")
        if any(not _DENIED_BEFORE.search(left[: m.start()]) for m in pattern.finditer(left)):
            found.add(keys[key])
        left = pattern.sub("\x00", left)
    return found


def _beside(text: str, one: _Found, options: Sequence[str]) -> set[str]:
    """Return the letter of the option whose text stands directly after or before a letter."""
    after = f"{_key(text[one[2] :].partition(chr(10))[0])} "
    before = f" {_key(text[: one[1]].rpartition(chr(10))[2])}"
    keys = sorted(_keys(options).items(), key=lambda item: -len(item[0]))
    for key, said in keys:
        if after.startswith(f"{key} ") or (
            text[one[1] - 1 : one[1]] == "(" and before.endswith(f" {key}")
        ):
            return {said}
    return set()
