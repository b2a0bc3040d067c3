"""Texts for edits of regions nobody named: they claim what the pixels prove and nothing else.

    recolour   "The area in the upper left is mostly blue instead of mostly red."
               "Is the area in the upper left (25 % from the left, 30 % from the top) mostly red or mostly blue?"
               "red" -> "blue"

Colour words are measured in both pictures, places follow from the mask. A pair whose measured
answer does not flip is rejected. A given caption is used: the counterfactual's is the caption and
the statement of the change.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops import lexicon
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.colours import colour_share, contrast, main_colour
from counterfactory.factory.ops.destinations import place_mask
from counterfactory.factory.ops.masks import bounds, inner_point
from counterfactory.factory.ops.places import region_name
from counterfactory.factory.ops.region_words import WORDS, Words
from counterfactory.records import Box, Candidate, Edit, Mask, Pixels, Reason

NAME = "caption_region"


class CaptionRegion(Op):
    """Write captions, the difference and a question whose answer flips, from measurements."""

    name: ClassVar[str] = NAME
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b", "edit", "target_mask")
    writes: ClassVar[tuple[str, ...]] = (
        "caption_a", "caption_b", "difference", "question", "answer_a", "answer_b", "slices",
    )  # fmt: skip
    version: ClassVar[int] = 1

    op: Literal["caption_region"] = "caption_region"
    min_colour: float = Field(
        default=0.5, ge=0, le=1, description="least share of an area that has the colour word"
    )
    max_left: float = Field(
        default=0.6, ge=0, description="most contrast that a removed area may leave, of what it had"
    )

    def setup(self, context: Context) -> Runnable:
        """Return the function over batches."""

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            return [self._captioned(candidate) for candidate in batch]

        return run

    def _captioned(self, candidate: Candidate) -> Outcome:
        edit, image_b, target = candidate.edit, candidate.image_b, candidate.target_mask
        if edit is None or image_b is None or target is None or edit.kind not in PROOFS:
            kind = edit.kind if edit else "none"
            note = f"no words for an edit of kind '{kind}'"
            return candidate.rejected(NAME, Reason.OP_FAILED, note=note)
        pair = _Pair(candidate.image_a, image_b, target, edit)
        proof = PROOFS[edit.kind](pair, self)
        if isinstance(proof, _Doubt):
            return candidate.rejected(
                NAME,
                proof.reason,
                metric=proof.metric,
                value=proof.value,
                threshold=proof.threshold,
            )
        return _told(candidate, WORDS[edit.kind], proof)


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is measured."""

    image_a: Pixels
    image_b: Pixels
    target: Mask
    edit: Edit

    @property
    def place(self) -> Mask:
        """Where the target went."""
        box = self.edit.replacement.box if self.edit.replacement else None
        if box is None:
            raise ValueError(
                f"caption_region: a {self.edit.kind} edit has no place in its replacement"
            )
        return place_mask(self.target, box, margin=0)


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Why a text would not be proved."""

    reason: Reason
    metric: str
    value: float
    threshold: float


Proof = dict[str, str] | _Doubt


def _recolour(pair: _Pair, knobs: CaptionRegion) -> Proof:
    before, share_a = main_colour(pair.image_a, pair.target)
    after, share_b = main_colour(pair.image_b, pair.target)
    least = min(share_a, share_b)
    if least < knobs.min_colour:
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "colour_share", least, knobs.min_colour)
    wanted = pair.edit.replacement.colour if pair.edit.replacement else after
    if before == after or after != wanted.replace("gray", "grey"):
        found = colour_share(pair.image_b, pair.target, wanted)
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "wanted_colour", found, knobs.min_colour)
    return {**_where(pair.target), "colour": before, "new": after}


def _remove(pair: _Pair, knobs: CaptionRegion) -> Proof:
    left = contrast(pair.image_b, pair.target) / max(contrast(pair.image_a, pair.target), 1e-6)
    if left > knobs.max_left:
        return _Doubt(Reason.OLD_OBJECT_PRESENT, "contrast_left", left, knobs.max_left)
    return _known(pair, knobs)


def _move(pair: _Pair, knobs: CaptionRegion) -> Proof:
    gone = _remove(pair, knobs)
    return gone if isinstance(gone, _Doubt) else _add(pair, knobs)


def _add(pair: _Pair, knobs: CaptionRegion) -> Proof:
    known = _known(pair, knobs)
    if isinstance(known, _Doubt):
        return known
    share = colour_share(pair.image_b, pair.place, known["colour"])
    before = colour_share(pair.image_a, pair.place, known["colour"])
    if share < knobs.min_colour:
        return _Doubt(Reason.NEW_OBJECT_ABSENT, "colour_share", share, knobs.min_colour)
    if before > share / 2:
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "colour_before", before, share / 2)
    there = {f"new_{name}": word for name, word in _where(pair.place).items()}
    if there["new_place"] == known["place"]:
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "places", 1.0, 2.0)
    return {**known, **there}


def _resize(pair: _Pair, knobs: CaptionRegion) -> Proof:
    known = _known(pair, knobs)
    if isinstance(known, _Doubt):
        return known
    sizes = [_percent(region) for region in (pair.target, pair.place)]
    if abs(sizes[0] - sizes[1]) < 2:
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "width_change", abs(sizes[0] - sizes[1]), 2.0)
    change = "larger" if sizes[1] > sizes[0] else "smaller"
    return {**known, "size": f"{sizes[0]} %", "new_size": f"{sizes[1]} %", "change": change}


PROOFS: dict[str, Callable[[_Pair, CaptionRegion], Proof]] = {
    "recolour": _recolour,
    "remove": _remove,
    "move": _move,
    "add": _add,
    "resize": _resize,
}


def _known(pair: _Pair, knobs: CaptionRegion) -> Proof:
    """Return the target's place and colour, if it has one."""
    colour, share = main_colour(pair.image_a, pair.target)
    if share < knobs.min_colour:
        return _Doubt(Reason.ANSWER_NOT_FLIPPED, "colour_share", share, knobs.min_colour)
    return {**_where(pair.target), "colour": colour}


def _where(region: Mask) -> dict[str, str]:
    """Return the region's place in words, and a point that surely lies in it."""
    x, y = inner_point(region)
    place = placed((x, y, x, y))
    return {
        "place": place,
        "point": f"{round(100 * x)} % from the left, {round(100 * y)} % from the top",
    }


def placed(box: Box) -> str:
    """Return where a box is, with its preposition: "in the upper left", "at the top", "on the right"."""
    name = region_name(box)
    side = {"the top": "at", "the bottom": "at", "the left": "on", "the right": "on"}
    return f"{side.get(name, 'in')} {name}"


def _percent(region: Mask) -> int:
    _, left, _, right = bounds(region)
    return round(100 * (right - left) / int(region.shape[1]))


def _told(candidate: Candidate, words: Words, proof: dict[str, str]) -> Candidate:
    """Return the candidate with its texts; the seed draws the wording."""
    rng = random.Random(candidate.seed)
    some = lexicon.article(proof["colour"])
    proof = {**proof, "a_colour": some, "A_colour": some[0].upper() + some[1:]}
    difference = rng.choice(words.differences).format(**proof)
    question = rng.choice(words.questions).format(**proof)
    caption = candidate.sample.caption.strip()
    if caption:
        caption_b = f"{caption.rstrip('.')}, but {words.change.format(**proof)}."
    else:
        caption, caption_b = (text.format(**proof) for text in words.captions)
    task = f"task:{words.task}"
    return candidate.with_(
        caption_a=caption,
        caption_b=caption_b,
        difference=difference,
        question=question,
        answer_a=words.answers[0].format(**proof),
        answer_b=words.answers[1].format(**proof),
        slices=tuple(dict.fromkeys((*candidate.slices, task))),
    )
