"""The form that was asked for: a short answer, steps that end in an answer, or whole sentences."""

import re

from counterfactory.parse import read

SHORT = 6  # words
OPEN = ("description", "difference", "refusal", "judged")  # answered in sentences
_ENDED = re.compile(r"[.!?…。][\"')\]]*$")
_SENTENCE = re.compile(r"[.!?。](?:\s|$)")


def form(said: str, verifier: str = "exact", think: bool = False) -> float:
    """Return 1.0 when the form is kept, else 0.0; no look is taken at whether it is right.

    >>> form("yes", "yes_no"), form("Well, let me see, it might well be a yes", "yes_no")
    (1.0, 0.0)
    >>> form("The leaf is small.\\nAnswer: no", "yes_no", think=True), form("no", think=True)
    (1.0, 0.0)
    >>> form("A red star above a", "description"), form("A red star above a ring.", "description")
    (0.0, 1.0)
    """
    text = said.strip()
    if not text:
        return 0.0
    if verifier in OPEN:
        return float(bool(_ENDED.search(text)))
    if think:
        answer = read(text)
        steps = _SENTENCE.search(text)
        return float(answer.marked and not answer.why and steps is not None)
    return float(len(text.split()) <= SHORT and "\n" not in text)
