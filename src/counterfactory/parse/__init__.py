"""What a model said -> what it answered, or why that cannot be told. Never a guess.

    >>> parse("letter", "**Answer:** (B) blue", options=("red", "blue"))
    Parsed(value='B', why='')
    >>> parse("yes_no", "Yes and no.")
    Parsed(value=None, why='both yes and no')

One module for each kind of answer; `answer.py` finds the part of a reply that is the answer.
"""

from counterfactory.parse.answer import Reading, final, read
from counterfactory.parse.kinds import KINDS, parse
from counterfactory.parse.parsed import Parsed

__all__ = ["KINDS", "Parsed", "Reading", "final", "parse", "read"]
