"""Auditors: each says of statements (pictures, question, answer) yes, no, or that it cannot tell.

    by_captions(folder)([statement])    ->  [False]   the caption names a moon, the label says none
    by_model(answerer)([statement])     ->  [None]    the model is not sure enough

Any callable of this shape can sit in the ensemble. A model that is about to be trained is a poor
judge of rows made where it is wrong: where it is 97 % sure, the pocket model denies 2 % of the labels
of a general release, 18 % with 30 % of the answers wrong, and as many of the arithmetic it fails at.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from counterfactory.eval.asking import Ask, Reply
from counterfactory.factory.ops.lexicon import objects_in
from counterfactory.factory.release.contents import data_files, scan
from counterfactory.fingerprint import digest_bytes
from counterfactory.loop.gate_settings import SURE
from counterfactory.records import Object

CHOICES = {"yes_no": ("yes", "no"), "number": tuple(str(number) for number in range(10))}
EXISTENCE = re.compile(
    r"^(?:is|are) there (?:an? |any |the )?([a-z ]+?)(?: (?:in|on) (?:the|this) [a-z]+| anywhere)?\?",
    re.IGNORECASE,
)

COUNT = re.compile(r"^how many ([a-z ]+?) (?:are|do|can)\b", re.IGNORECASE)
COLOUR = re.compile(r"^(?:what|which) colou?r (?:is|has) the ([a-z]+)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What a row claims."""

    names: tuple[str, ...]  # digests of the pictures' files
    images: tuple[bytes, ...]  # the files
    question: str
    answer: str
    verifier: str


Auditor = Callable[[Sequence[Statement]], Sequence[bool | None]]


def by_captions(folder: Path) -> Auditor:
    """Hold answers against the captions of the same release: what they name is there.

    Captions leave things out, so a thing that is not named is not judged. A caption that is wrong
    itself makes a right answer look wrong: the share of both is what the audit sees.
    """
    named = {name: objects_in(caption) for name, caption in _captions(folder).items()}

    def judge(statements: Sequence[Statement]) -> list[bool | None]:
        return [_by_caption(one, named) for one in statements]

    return judge


def _captions(folder: Path) -> dict[str, str]:
    found: dict[str, str] = {}
    views = (("clip", (("image", "caption"),)),
             ("pairs", (("image_a", "caption_a"), ("image_b", "caption_b"))))  # fmt: skip
    for view, sides in views:
        if data_files(folder, view):
            for row in scan(folder, view, [name for side in sides for name in side]):
                for image, caption in sides:
                    if row[image] and row[caption]:
                        found[digest_bytes(row[image]["bytes"] or b"")] = row[caption]
    return found


def _by_caption(one: Statement, named: dict[str, tuple[Object, ...]]) -> bool | None:
    if len(one.names) != 1 or not (things := named.get(one.names[0])):
        return None
    question, answer = one.question.strip(), one.answer.strip(" .").lower()
    if one.verifier == "yes_no" and (match := EXISTENCE.match(question)):
        wanted = objects_in(f"a {match.group(1)}")
        there = len(wanted) == 1 and any(_is(thing, wanted[0]) for thing in things)
        return answer == "yes" if there else None
    if one.verifier == "number" and (match := COUNT.match(question)) and answer.isdecimal():
        wanted = objects_in(f"a {match.group(1)}")
        seen = sum(_is(thing, wanted[0]) for thing in things) if len(wanted) == 1 else 0
        return int(answer) >= seen if seen else None
    if one.verifier == "exact" and (match := COLOUR.match(question)):
        found = [thing.colour for thing in things if thing.kind == match.group(1).lower()]
        return answer == found[0] if len(found) == 1 and found[0] else None
    return None


def _is(thing: Object, wanted: Object) -> bool:
    return thing.kind == wanted.kind and all(
        not getattr(wanted, name) or getattr(thing, name) == getattr(wanted, name)
        for name in ("colour", "size")
    )


def by_model(ask: Callable[[Sequence[Ask]], list[Reply]], *, sure: float = SURE) -> Auditor:
    """Ask a model the question; it denies a label when it is sure of another answer.

    `ask` is an answerer's `replies`. Open answers are not judged.
    """

    def judge(statements: Sequence[Statement]) -> list[bool | None]:
        found: list[bool | None] = [None] * len(statements)
        places = [at for at, one in enumerate(statements) if one.verifier in CHOICES]
        asks = [_ask(statements[at]) for at in places]
        for at, one, reply in zip(places, asks, ask(asks), strict=True):
            if not reply.error:
                found[at] = _verdict(statements[at], one, reply, sure)
        return found

    return judge


def _ask(one: Statement) -> Ask:
    content = [{"type": "image"} for _ in one.images] + [{"type": "text", "text": one.question}]
    return Ask(content=content, images=one.images, max_tokens=1, choices=CHOICES[one.verifier])


def _verdict(one: Statement, asked: Ask, reply: Reply, sure: float) -> bool | None:
    label = one.answer.strip(" .").lower()
    if label not in asked.choices:  # "12", "two": what it was not asked about
        return None
    logps = dict(zip(asked.choices, reply.logps, strict=True))
    top = max(logps.values())
    total = sum(math.exp(value - top) for value in logps.values())
    best = max(logps, key=lambda text: logps[text])
    if 1 / total < sure:
        return None
    return best == label
