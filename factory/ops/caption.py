"""Write the texts of a pair: both captions, what differs, and a question whose answer flips.

    edit: replace "large yellow sun" -> "large green star"
    caption_a   "A picture of a large yellow sun and a small red ball."
    caption_b   "A picture of a large green star and a small red ball."
    difference  "The yellow sun at the top left was replaced by a green star."
    question    "Is there a sun in the picture?"   answer_a "yes"   answer_b "no"

What is in the picture comes from the sample's objects or its caption. Where nothing is known, the
texts name a part of the picture and what was done to it, and no thing.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops import lexicon, wording
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.options import OPPOSITE, Scene, flips
from counterfactory.factory.ops.wording import Question
from counterfactory.fingerprint import seed_for
from counterfactory.records import Candidate, Edit, Object, Reason, Sample

TASK = {"replace": "existence", "remove": "existence", "add": "existence", "recolour": "attribute", "move": "relation", "resize": "attribute"}  # fmt: skip


class CaptionOp(Op):
    """Compose the texts from what is known before and after the edit."""

    name: ClassVar[str] = "caption"
    reads: ClassVar[tuple[str, ...]] = ("edit",)
    writes: ClassVar[tuple[str, ...]] = (
        "caption_a", "caption_b", "difference", "question", "answer_a", "answer_b",
    )  # fmt: skip
    version: ClassVar[int] = 1

    op: Literal["caption"] = "caption"
    source: Literal["auto", "objects", "caption", "none"] = Field(
        default="auto",
        description="what is in the picture: annotated objects, the caption, whichever there is, nothing",
    )
    sizes: bool = Field(default=True, description="say sizes where they are known")

    def reads_of(self) -> tuple[str, ...]:
        """Return what the chosen source needs."""
        needs = {"objects": ("sample.objects",), "caption": ("sample.caption",)}
        return ("edit", *needs.get(self.source, ()))

    def setup(self, context: Context) -> Runnable:
        """Return the function over batches; nothing is loaded."""

        def run(batch: Sequence[Candidate]) -> list[Outcome]:
            return [self._written(one) for one in batch]

        return run

    def _written(self, candidate: Candidate) -> Outcome:
        edit, sample = candidate.edit, candidate.sample
        if edit is None:
            raise ValueError(
                "caption: found a candidate without an edit, expected propose before it"
            )
        if self.source == "caption" and not sample.caption.strip():
            return candidate.rejected("caption", Reason.CAPTION_MISSING)
        rng = random.Random(seed_for(candidate.seed, "caption"))
        things = (edit.target, edit.replacement)
        nameless = not any(one and one.kind not in ("", unnamed.AREA) for one in things)
        if self.source == "none" or nameless:
            return candidate.with_(**unnamed.texts(rng, edit, sample.caption))
        story = _story(self._known(sample, edit), edit)
        sized = self.sizes and (edit.kind == "resize" or rng.random() < 0.5)
        caption_a, caption_b = _captions(rng, story, sized)
        question = _question(rng, story, str(candidate.extra.get("task") or TASK[edit.kind]))
        if caption_a == caption_b or question.answer_a == question.answer_b:
            return candidate.rejected("caption", Reason.ANSWER_NOT_FLIPPED)
        return candidate.with_(
            caption_a=caption_a, caption_b=caption_b, question=question.text,
            answer_a=question.answer_a, answer_b=question.answer_b,
            difference=wording.change(rng, edit.kind, edit.target, edit.replacement, sized=sized),
        )  # fmt: skip

    def _known(self, sample: Sample, edit: Edit) -> tuple[tuple[Object, ...], bool]:
        """Return what is in the original, and whether that is all."""
        if self.source != "caption" and sample.objects:
            return sample.objects, all(one.box is not None for one in sample.objects)
        return lexicon.objects_in(sample.caption), False


@dataclass(frozen=True, slots=True)
class _Story:
    """What is there before and after, and the edit between."""

    edit: Edit
    before: tuple[Object, ...]
    after: tuple[Object, ...]
    complete: bool

    def number(self, kind: str) -> tuple[int, int]:
        """How many of a kind there are on either side."""
        return sum(o.kind == kind for o in self.before), sum(o.kind == kind for o in self.after)


def _story(known: tuple[tuple[Object, ...], bool], edit: Edit) -> _Story:
    """Apply the edit to what is known."""
    before, complete = known
    target, new = edit.target, edit.replacement
    place = next((i for i, one in enumerate(before) if target and _is(one, target)), None)
    if target is not None and place is None:
        before, place = (*before, target), len(before)
    if place is None:
        after = (*before, new) if new is not None else before
    else:
        before = (*before[:place], target or before[place], *before[place + 1 :])
        change = () if new is None else (replace(new, box=new.box or before[place].box),)
        after = (*before[:place], *change, *before[place + 1 :])
    return _Story(edit, before, after, complete)


def _is(one: Object, target: Object) -> bool:
    named = (one.kind, one.colour, one.size) == (target.kind, target.colour, target.size)
    return named and (one.box is None or one.box == target.box)


def _captions(rng: random.Random, story: _Story, sized: bool) -> tuple[str, str]:
    """Return both captions in one wording, things in one order, the edited one in the same place."""
    template = rng.choice(wording.CAPTIONS)
    order = list(range(max(len(story.before), len(story.after))))
    rng.shuffle(order)
    sides: list[str] = []
    for things in (story.before, story.after):
        said, left_out = _placed(story, things, sized)
        listed = [things[i] for i in order if i < len(things) and things[i] not in left_out]
        bare = [one if sized or one in said else replace(one, size="") for one in listed]
        text = wording.listing(bare, said)
        many = bool(bare) and text.split()[0] in wording.NUMBERS[2:]
        sides.append(wording.caption(template, text, many))
    if not story.complete and not story.after and story.edit.target is not None:
        sides[1] = wording.caption(template, f"no {wording.named(story.edit.target, False)}", False)
    return sides[0], sides[1]


def _placed(
    story: _Story, things: Sequence[Object], sized: bool
) -> tuple[dict[Object, str], tuple[Object, ...]]:
    """For a move, say where the thing stands: beside another, or in which half. Else nothing."""
    edit = story.edit
    if (
        edit.kind != "move"
        or edit.target is None
        or edit.replacement is None
        or edit.replacement.box is None
    ):
        return {}, ()
    turned = flips(
        Scene(objects=story.before, aspect=1.0, complete=False), edit.target, edit.replacement.box
    )
    mover = next(
        (one for one in things if one.box in (edit.target.box, edit.replacement.box)), None
    )
    if turned is None or mover is None:
        return {}, ()
    before, other, after = turned
    where = before if things is story.before else after
    name = lexicon.article(wording.named(mover, sized))
    if other is None:
        side = f"in the {where} half"
        return {mover: f"{name} {side}"}, ()
    return {mover: f"{name} {where} {lexicon.article(wording.named(other, sized))}"}, (other,)


def _question(rng: random.Random, story: _Story, task: str) -> Question:
    """Return the question of this task; existence where the task does not fit the edit."""
    writers: dict[str, Callable[[random.Random, _Story], Question | None]] = {
        "count": _count, "attribute": _attribute, "binding": _binding,
        "usual": _usual, "relation": _relation,
    }  # fmt: skip
    asked = writers[task](rng, story) if task in writers else None
    return asked or _existence(rng, story)


def _existence(rng: random.Random, story: _Story) -> Question:
    """Ask for the old or the new thing: by its kind where that is enough, else with its colour."""
    target, new = story.edit.target, story.edit.replacement
    sides = [(target, True)] if target is not None else []
    if new is not None and new.kind:
        sides.append((new, False))
    thing, there_before = rng.choice(sides)
    before, after = story.number(thing.kind)
    by_kind = (before == 0) != (after == 0)
    name = thing.kind if by_kind and rng.random() < 0.6 else wording.named(thing, False)
    box = None if story.complete else (target.box if target else thing.box)
    return wording.existence(rng, name, there_before, box)


def _count(rng: random.Random, story: _Story) -> Question | None:
    kinds = [one.kind for one in (story.edit.target, story.edit.replacement) if one is not None]
    changed = [kind for kind in dict.fromkeys(kinds) if len(set(story.number(kind))) == 2]
    if not changed or not story.complete:
        return None
    kind = rng.choice(changed)
    return wording.count(rng, kind, *story.number(kind))


def _attribute(rng: random.Random, story: _Story) -> Question | None:
    target, new = story.edit.target, story.edit.replacement
    if target is None or new is None or story.number(target.kind) != (1, 1):
        return None
    if story.edit.kind == "resize":
        return wording.worded(rng, wording.SIZE, (target.size, new.size), kind=target.kind)
    return wording.worded(rng, wording.COLOUR, (target.colour, new.colour), kind=target.kind)


def _binding(rng: random.Random, story: _Story) -> Question | None:
    target, new = story.edit.target, story.edit.replacement
    if target is None or new is None or story.number(target.kind) != (1, 1):
        return None
    colour, answers = rng.choice([(target.colour, ("yes", "no")), (new.colour, ("no", "yes"))])
    return wording.worded(rng, wording.BINDING, answers, kind=target.kind, colour=colour)


def _usual(rng: random.Random, story: _Story) -> Question | None:
    target, new = story.edit.target, story.edit.replacement
    usual = lexicon.USUAL.get(target.kind if target else "")
    if target is None or new is None or usual is None or story.number(target.kind) != (1, 1):
        return None
    a, b = ("yes" if one.colour == usual else "no" for one in (target, new))
    return None if a == b else wording.worded(rng, wording.USUAL, (a, b), kind=target.kind)


def _relation(rng: random.Random, story: _Story) -> Question | None:
    """Ask for the relation that the move turns round, in one of its two directions."""
    target, new = story.edit.target, story.edit.replacement
    if target is None or new is None or new.box is None:
        return None
    turned = flips(_scene(story), target, new.box)
    if turned is None:
        return None
    before, other, after = turned
    where, answers = rng.choice([(before, ("yes", "no")), (after, ("no", "yes"))])
    kind = wording.named(target, False) if story.number(target.kind)[0] > 1 else target.kind
    if other is None:
        return wording.worded(rng, wording.HALF, answers, kind=kind, half=where)
    pair = {"a": kind, "relation": where, "b": other.kind}
    if rng.random() < 0.5:
        pair = {"a": other.kind, "relation": OPPOSITE[where], "b": kind}
    return wording.worded(rng, wording.RELATION, answers, **pair)


def _scene(story: _Story) -> Scene:
    return Scene(objects=story.before, aspect=1.0, complete=False)
