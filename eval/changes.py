"""What does a sentence say has changed from the first picture to the second?

    change("The red star is now blue.")          ->  Change("recolour", Named("star", "red"), "blue")
    change("A blue ring took the place of it.")  ->  None: it does not say of what

One change and no more; a sentence that names two kinds of change says neither.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from counterfactory.eval.mentions import (
    COLOURS,
    SIZES,
    Named,
    Vocabulary,
    named,
    words,
    world_vocabulary,
)

_KEYWORDS = {  # edit -> what says it
    "replace": r"took the place of|takes the place of|replace[ds]?|instead of|swapped|turned into|"
    r"(?:became|is now|has become|changed (?:in)?to|turned to) an?(?: \w+){1,3}|in place of|where the",
    "move": r"moved?|shifted|relocated|elsewhere|somewhere else|"
    r"(?:another|a different|a new) (?:place|position|location|spot)|changed (?:its )?(?:places?|positions?)",
    "remove": r"missing|removed|gone|disappear\w*|vanish\w*|erased|deleted|no longer|taken (?:away|out)|"
    r"absent|not there any ?more|only in the first|lacks",
    "add": r"added|appear(?:s|ed)?|not there before|wasn't there before|not in the first|extra|additional|"
    r"only in the second|new(?= (?:\w+ ){0,3}(?:in|is|was|has|can))|there is now|now there is|now also",
}
_NOTHING = re.compile(
    r"\b(?:nothing (?:has )?changed|no (?:change|difference)s?|the same|identical)\b"
)
_DENIED = re.compile(r"\b(?:not|n't|never)\b(?! (?:there|in the first)\b)|n't\b(?! there)")


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of what, and to what (a colour, a size, or the thing that is new)."""

    edit: str
    thing: Named
    new: str = ""
    new_thing: Named | None = None

    def __str__(self) -> str:
        return f"{self.edit}: {self.thing}" + (f" > {self.new}" if self.new else "")


def change(text: str, vocabulary: Vocabulary | None = None) -> Change | None:
    """Return the one change that a text states, or None."""
    known = world_vocabulary() if vocabulary is None else vocabulary
    said = words(text)
    things = named(said, known)
    line = " ".join(said)
    if not things or _DENIED.search(line) or _NOTHING.search(line):
        return None
    kinds = {thing.kind for _, thing in things}
    edits = [
        edit for edit, pattern in _KEYWORDS.items()
        if re.search(rf"\b(?:{pattern})\b", line) and (edit != "replace" or len(things) == 2)
    ]  # fmt: skip
    if "replace" in edits and (match := re.search(rf"\b(?:{_KEYWORDS['replace']})\b", line)):
        return _replaced(match, line, [t for _, t in things]) if len(edits) == 1 else None
    if len(kinds) != 1 or len(edits) > 1:
        return None
    if edits:
        return Change(edits[0], _fullest([t for _, t in things]))
    return _attribute(said, things)


def _fullest(things: Sequence[Named]) -> Named:
    return max(things, key=lambda t: len(str(t)))


def _replaced(match: re.Match[str], line: str, things: list[Named]) -> Change | None:
    """Tell new from old: "X took the place of Y" against "Y was replaced by X"."""
    word = match[0]
    passive = re.search(r"\b(?:replaced|swapped) (?:by|with|for)\b", line)
    if passive or re.match(r"turned|became|is now|has become|changed|where", word):
        old, new = things
    else:
        new, old = things
    if word.startswith("swapped") and not passive:
        return None
    return Change("replace", old, str(new), new)


def _attribute(said: list[str], things: list[tuple[int, Named]]) -> Change | None:
    """Read "is blue", "turned from red to blue", "is now large" after the thing."""
    start, thing = things[0]
    after = said[start + 1 :]
    colours = [w for w in after if w in COLOURS]
    sizes = [SIZES[w] for w in after if w in SIZES]
    if len(things) > 1 or bool(colours) == bool(sizes):
        return None
    values, edit = (colours, "recolour") if colours else (sizes, "resize")
    stated = re.search(r"\b(?:from|was) (\w+)", " ".join(after))
    if stated and SIZES.get(stated[1], stated[1]) == values[0]:
        if edit == "recolour":
            if thing.colour not in ("", values[0]):
                return None
            thing = Named(thing.kind, values[0], thing.size)
        values = values[1:]
    if len(set(values)) != 1:
        return None
    return Change(edit, thing, values[0])


def agrees(said: Change, gold: Change) -> bool:
    """Say whether a change is the true one: what is new must be said whole, what was, not wrongly."""
    if said.edit != gold.edit:
        return False
    if gold.edit == "add":
        return said.thing.fits(gold.thing, whole=True)
    if gold.new_thing:
        new = said.new_thing
        return (
            said.thing.fits(gold.thing) and new is not None and new.fits(gold.new_thing, whole=True)
        )
    return said.thing.fits(gold.thing) and said.new == gold.new
