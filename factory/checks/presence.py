"""The new thing is there and the old one is gone, judged by CLIP on crops around the places that
the edit names.

    replace sun by moon:   crop of A is most like "a large yellow sun", crop of B is most like "a large blue moon"
    remove the sun:        crop of A is most like "a large yellow sun", crop of B is most like "plain background"

The phrase must win against the other side's phrase, against the background and, with `rivals`,
against the same thing in other colours and other kinds of the same colour: a blue star where a
blue moon was wanted does not pass. The score is the winner's cosine less the best rival's. With
`where: boxes` the place is the region that `diff` found, and a region that does not touch the
mask fails.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.checks.base import Check, Judge, verdict
from counterfactory.factory.ops import lexicon
from counterfactory.factory.ops.base import Context, counterfactual
from counterfactory.factory.ops.crop import around, square_crop
from counterfactory.models.clip import Clip
from counterfactory.models.segment import mask_box
from counterfactory.records import Box, Candidate, Object, Pixels, Reason, Verdict


@dataclass(frozen=True, slots=True)
class _Asked:
    """One crop and what it must look like."""

    side: str  # "a" or "b"
    crop: Pixels
    phrase: str
    rivals: tuple[str, ...]
    reason: Reason  # what it means when a rival wins
    old: str = ""  # on side b: the phrase that must not win, when it names a thing


class Presence(Check):
    """Judge both sides of the edit by what its places look like."""

    name: ClassVar[str] = "presence"
    reads: ClassVar[tuple[str, ...]] = ("image_a", "image_b", "edit", "mask")
    version: ClassVar[int] = 1

    check: Literal["presence"] = "presence"
    model: str = Field(default="pocket", description="a CLIP")
    margin: float = Field(
        default=0.0, ge=-2, le=2, description="least lead over the best rival, cosine"
    )
    rivals: bool = Field(default=True, description="also win against other colours and kinds")
    sizes: bool = Field(
        default=False, description="ask with the size word, as CLIP rarely sees sizes in crops"
    )
    background: str = Field(
        default="plain background", description="what CLIP calls an empty place"
    )
    prompt: str = Field(
        default="{}", pattern=r"\{\}", description="how CLIP is asked: a photo of {}"
    )
    where: Literal["edit", "boxes"] = Field(
        default="edit", description="crop where the edit was made, or where the pictures differ"
    )
    context: float = Field(
        default=0.15, ge=0, le=2, description="room around the place, share of its side"
    )

    def reads_of(self) -> tuple[str, ...]:
        """Return what locating needs."""
        return (*self.reads, "boxes") if self.where == "boxes" else self.reads

    def models(self) -> tuple[tuple[str, str], ...]:
        """Return the judge."""
        return (("clip", self.model),)

    def setup(self, context: Context) -> Judge:
        """Load the judge and return the function over batches."""
        clip = context.models.clip(self.model)

        def run(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            asked = [self._asked(one) for one in batch]
            leads = iter(_leads(clip, [one for some in asked for one in some], self.prompt))
            return [
                [self._verdict(one, *next(leads)) for one in some] or [self._nothing()]
                for some in asked
            ]

        return run

    def _verdict(self, asked: _Asked, lead: float, rival: str) -> Verdict:
        reason = Reason.OLD_OBJECT_PRESENT if asked.old and rival == asked.old else asked.reason
        return verdict(
            f"presence.{asked.side}",
            lead,
            self.margin,
            lead >= self.margin,
            reason,
            judge=f"clip:{self.model}",
        )

    def _nothing(self) -> Verdict:
        return verdict("presence.region", 0.0, 1.0, False, Reason.WRONG_REGION)

    def _asked(self, one: Candidate) -> list[_Asked]:
        """Return what must be seen where: at the old place and, where it is another one, at the new place."""
        edit = one.edit
        if edit is None:
            raise ValueError(
                "presence: found a candidate without an edit, expected propose before it"
            )
        old, new = edit.target, edit.replacement
        if edit.kind == "move":
            return [
                *self._side(one, "a", self._place(one, old), old, None, Reason.TARGET_NOT_FOUND),
                *self._side(one, "b", self._place(one, old), None, old, Reason.OLD_OBJECT_PRESENT),
                *self._side(one, "b", self._place(one, new), new, None, Reason.NEW_OBJECT_ABSENT),
            ]
        if (
            edit.kind == "resize"
        ):  # the same words before and after: only that it is still there can be asked
            return self._side(one, "b", self._place(one, new), new, None, Reason.NEW_OBJECT_ABSENT)
        place = self._place(one, old or new)
        gone = Reason.OLD_OBJECT_PRESENT if edit.kind == "remove" else Reason.NEW_OBJECT_ABSENT
        return [
            *self._side(one, "a", place, old, new, Reason.TARGET_NOT_FOUND),
            *self._side(one, "b", place, new, old, gone),
        ]

    def _side(
        self,
        one: Candidate,
        side: str,
        place: Box | None,
        thing: Object | None,
        other: Object | None,
        reason: Reason,
    ) -> list[_Asked]:
        if place is None:
            return []
        picture = one.image_a if side == "a" else counterfactual(one, "presence")
        phrase = self._phrase(thing)
        rivals = [self._phrase(other), self.background]
        if self.rivals and thing is not None:
            rivals += [self._phrase(rival) for rival in _rivals(thing)]
        kept = tuple(dict.fromkeys(rival for rival in rivals if rival != phrase))
        old = self._phrase(other) if side == "b" and other is not None else ""
        return [_Asked(side, square_crop(picture, place, self.context), phrase, kept, reason, old)]

    def _phrase(self, thing: Object | None) -> str:
        if thing is None:
            return self.background
        words = (thing.size if self.sizes else "", thing.colour, thing.kind)
        return lexicon.article(" ".join(word for word in words if word))

    def _place(self, one: Candidate, thing: Object | None) -> Box | None:
        """Return the box to look at; None when the pictures differ nowhere near the mask."""
        own = thing.box if thing is not None else None
        if own is None:
            own = mask_box(one.mask) if one.mask is not None else (0.0, 0.0, 1.0, 1.0)
        if self.where == "edit":
            return own
        touching = [box for box in one.boxes if _touches(box, own)]
        return around(touching) if touching else None


def _rivals(thing: Object) -> list[Object]:
    """Return the same kind in other colours, and other kinds of its class in the same colour."""
    colours = (
        [colour for colour in lexicon.COLOURS if colour != thing.colour] if thing.colour else []
    )
    return [
        *(Object(kind=thing.kind, colour=colour, size=thing.size) for colour in colours),
        *(
            Object(kind=kind, colour=thing.colour, size=thing.size)
            for kind in lexicon.swaps(thing.kind)
        ),
    ]


def _touches(box: Box, own: Box) -> bool:
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return own[0] <= x <= own[2] and own[1] <= y <= own[3]


def _leads(clip: Clip, asked: Sequence[_Asked], prompt: str) -> list[tuple[float, str]]:
    """Return for each crop its phrase's cosine less the best rival's, and that rival."""
    if not asked:
        return []
    looks = clip.images([one.crop for one in asked])
    words = list(dict.fromkeys(text for one in asked for text in (one.phrase, *one.rivals)))
    rows = {text: index for index, text in enumerate(words)}
    cosines = looks @ clip.texts([prompt.format(text) for text in words]).T
    leads = []
    for index, one in enumerate(asked):
        best = max(one.rivals, key=lambda rival: cosines[index, rows[rival]])
        leads.append((float(cosines[index, rows[one.phrase]] - cosines[index, rows[best]]), best))
    return leads
