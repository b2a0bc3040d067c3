"""The kinds of answers, and the one function that reads them all.

>>> parse("number", "There are three.")
Parsed(value='3', why='')
"""

from collections.abc import Callable, Sequence

from counterfactory.parse.answer import read
from counterfactory.parse.letters import letter
from counterfactory.parse.numbers import number
from counterfactory.parse.parsed import Parsed
from counterfactory.parse.refusals import refusal
from counterfactory.parse.texts import short_text
from counterfactory.parse.yes_no import yes_no

_PARSERS: dict[str, Callable[[str, Sequence[str], str], Parsed]] = {
    "yes_no": lambda raw, options, question: yes_no(read(raw), question),
    "letter": lambda raw, options, question: letter(read(raw), options),
    "number": lambda raw, options, question: number(read(raw)),
    "text": lambda raw, options, question: short_text(read(raw)),
    "refusal": lambda raw, options, question: refusal(read(raw, markers=False)),
}
KINDS = tuple(_PARSERS)


def parse(kind: str, raw: str, *, options: Sequence[str] = (), question: str = "") -> Parsed:
    """Return what a reply answers.

    yes_no -> "yes", "no"; letter -> "A" ...; number -> "3.5"; text -> words in lower case without
    articles; refusal -> "refuse", "comply". `options` are the texts behind the letters; with the
    `question`, a yes_no answer may repeat it as a statement.
    """
    return _PARSERS[kind](raw, options, question)
