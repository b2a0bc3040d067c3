"""Text -> claims, each with the question that checks it and the answer that the claim implies.

    >>> [c.question for c in claims_of("There is a red star above two balls. There is no moon.")]
    ... # doctest: +NORMALIZE_WHITESPACE
    ['Is there a star in the picture?', 'Is the star red?', 'Are there any balls in the picture?',
     'How many balls are there?', 'Is there a moon in the picture?',
     'Is the red star above the balls?']

Read are the kinds, colours, numbers and relations of the factory's lexicon; sentences of plain
arithmetic and other words claim nothing that a look at the image could settle.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from counterfactory.factory.ops.lexicon import ALIASES, KINDS, article, objects_in, plural
from counterfactory.records import Object

MOST_CLAIMS = 16  # of one text
RELATION = re.compile(
    r"(?:\s(?:is|are|stands?|sits?|lies?))?(?:\sto the)?\s"
    r"(left of|right of|above|below|near|far from|on top of|under|beside)\s+"
)
FORMS = "|".join(sorted({*KINDS, *map(plural, KINDS), *ALIASES}, key=len, reverse=True))
PHRASE = re.compile(
    rf"\b(?:an?|the|one|two|three|four|five|six|\d)\s((?:[a-z]+\s){{0,2}}?(?:{FORMS}))\b"
)
SUM = re.compile(r"=|\b(?:removing|adding|makes)\b")
CONCLUSION = re.compile(
    r"(?:,? so|therefore|thus|hence)?,? ?the (?:final )?answer is[^.]*|answer:.*", re.I
)
NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
YES_NO = ("yes", "no")
COUNTS = tuple(str(number) for number in range(9))


@dataclass(frozen=True, slots=True)
class Claim:
    """One thing a text says of the image."""

    kind: str  # existence, absence, attribute, count, relation
    text: str  # the claim in words
    question: str
    expected: str  # the answer that the claim implies
    choices: tuple[str, ...]
    slices: tuple[str, ...]


def claims_of(text: str) -> list[Claim]:
    """Return the claims of a text in order, each once, sums and conclusions left out."""
    parts = re.split(r"(?<=[.!?])\s+|\n+", CONCLUSION.sub("", text.lower()))
    sentences = [part for part in parts if not SUM.search(part)]
    things = [objects_in(sentence) for sentence in sentences]
    said = " ".join(sentences)
    found: dict[str, Claim] = {}
    for claim in (*_of_things(things), *_absences(said, objects_in(said)), *_relations(said)):
        found.setdefault(claim.question, claim)
    return list(found.values())[:MOST_CLAIMS]


def _of_things(sentences: Sequence[tuple[Object, ...]]) -> Iterator[Claim]:
    """Yield what is said of each kind. Sentences may repeat each other: they are not added up."""
    for kind in dict.fromkeys(thing.kind for things in sentences for thing in things):
        told = [found for things in sentences if (found := [t for t in things if t.kind == kind])]
        counts = {len(found) for found in told}
        colours = {thing.colour for found in told for thing in found if thing.colour}
        names = (f"kind:{kind}",)
        many = max(counts) > 1 or len(colours) > 1
        question = f"Are there any {plural(kind)}" if many else f"Is there {article(kind)}"
        claimed = f"there are {plural(kind)}" if many else f"there is {article(kind)}"
        yield Claim("existence", claimed, f"{question} in the picture?", "yes", YES_NO, names)
        if many and len(counts) == 1 and 1 < (count := max(counts)) < len(NUMBERS):
            yield Claim(
                "count", f"there are {NUMBERS[count]} {plural(kind)}",
                f"How many {plural(kind)} are there?", str(count), COUNTS, names,
            )  # fmt: skip
        elif not many and colours:
            colour = colours.pop()
            yield Claim(
                "attribute", f"the {kind} is {colour}", f"Is the {kind} {colour}?", "yes", YES_NO,
                (*names, f"colour:{colour}"),
            )  # fmt: skip


def _absences(said: str, things: tuple[Object, ...]) -> Iterator[Claim]:
    """ "no moon", "without a leaf": the thing is claimed not to be there."""
    there = {thing.kind for thing in things}
    for match in re.finditer(r"\b(?:no|without|without a|without an)\s((?:[a-z]+\s?){1,3})", said):
        named = objects_in(match.group(1))
        if named and named[0].kind not in there and not named[0].colour:
            kind = named[0].kind
            yield Claim(
                "absence", f"there is no {kind}", f"Is there {article(kind)} in the picture?", "no",
                YES_NO, (f"kind:{kind}",),
            )  # fmt: skip


def _relations(said: str) -> Iterator[Claim]:
    """ "a red star above two balls", "the star is left of the ring"."""
    mentions = list(PHRASE.finditer(said))
    for one, other in itertools.pairwise(mentions):
        between = said[one.end() : other.start()] + " "
        match = RELATION.fullmatch(between)
        if not match:
            continue
        relation, first, second = match.group(1), one.group(1), other.group(1)
        kinds = [objects_in(f"a {phrase}")[0].kind for phrase in (first, second)]
        yield Claim(
            "relation", f"the {first} is {relation} the {second}",
            f"Is the {first} {relation} the {second}?", "yes", YES_NO,
            (f"relation:{relation}", *(f"kind:{kind}" for kind in dict.fromkeys(kinds))),
        )  # fmt: skip
