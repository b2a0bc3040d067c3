"""Write the texts of a pair: captions, what differs, a question whose answer flips, questions besides.

    edit: replace "large yellow sun" -> "large green star"
    caption_a   "A picture of a large yellow sun and a small red ball."
    caption_b   "A picture of a large green star and a small red ball."
    difference  "The yellow sun at the top left was replaced by a green star."
    question    "Is there a sun in the picture?"   answer_a "yes"   answer_b "no"
    examples    "Instead of the sun, what does the second image show?"   answer "green star"
                "What colour is a sun usually?", of a sun that was made blue  answer "yellow"

What is in the picture comes from the sample's objects or its caption. Regions that nobody named
get their texts from `caption_region`.
"""

import random
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops import lexicon, questions, sentences, wording
from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.ops.questions import Story
from counterfactory.fingerprint import seed_for
from counterfactory.records import Candidate, Object, Reason, Sample


class CaptionOp(Op):
    """Compose the texts from what is known before and after the edit."""

    name: ClassVar[str] = "caption"
    reads: ClassVar[tuple[str, ...]] = ("edit",)
    writes: ClassVar[tuple[str, ...]] = (
        "caption_a", "caption_b", "difference", "question", "answer_a", "answer_b", "examples",
    )  # fmt: skip
    version: ClassVar[int] = 3

    op: Literal["caption"] = "caption"
    source: Literal["auto", "objects", "caption"] = Field(
        default="auto",
        description="what is in the picture: objects, caption, or whichever is there",
    )
    sizes: bool = Field(default=True, description="say sizes where they are known, half the time")

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
            raise ValueError("caption: found no edit, expected propose before it")
        if self.source == "caption" and not sample.caption.strip():
            return candidate.rejected("caption", Reason.CAPTION_MISSING)
        if not any(one is not None and one.kind for one in (edit.target, edit.replacement)):
            return candidate.rejected("caption", Reason.CAPTION_MISSING, note="nothing has a name")
        rng = random.Random(seed_for(candidate.seed, "caption"))
        known, complete = self._known(sample)
        story = Story.of(known, edit, complete)
        sized = self.sizes and (edit.kind == "resize" or rng.random() < 0.5)
        caption_a, caption_b = captions(rng, story, sized)
        asked = questions.ask(rng, story, str(candidate.extra.get("task", "")))
        if caption_a == caption_b or asked.answer_a == asked.answer_b:
            return candidate.rejected("caption", Reason.ANSWER_NOT_FLIPPED)
        more = (questions.compare(rng, story), questions.known(rng, story))
        return candidate.with_(
            caption_a=caption_a, caption_b=caption_b, question=asked.text,
            answer_a=asked.answer_a, answer_b=asked.answer_b,
            difference=wording.change(rng, edit.kind, edit.target, edit.replacement, sized=sized),
            examples=candidate.examples + tuple(one for one in more if one is not None),
        )  # fmt: skip

    def _known(self, sample: Sample) -> tuple[tuple[Object, ...], bool]:
        """Return what is in the original, and whether that is all."""
        if self.source != "caption" and sample.objects:
            return sample.objects, all(one.box is not None for one in sample.objects)
        return lexicon.objects_in(sample.caption), False


def captions(rng: random.Random, story: Story, sized: bool) -> tuple[str, str]:
    """Return both captions in one wording, the things in one order."""
    template = rng.choice(sentences.CAPTIONS)
    lines = list(story.lines)
    rng.shuffle(lines)
    texts: list[str] = []
    for side in (0, 1):
        said, left_out = _placed(story, side, sized)
        things = [one for line in lines if (one := line[side]) is not None and one not in left_out]
        if not things:
            texts.append(wording.caption(template, _nothing(story), False))
            continue
        text = wording.listing(things, said, sized)
        texts.append(wording.caption(template, text, text.split()[0] in wording.NUMBERS[2:]))
    return texts[0], texts[1]


def _nothing(story: Story) -> str:
    """Return the words for a side on which no thing is known."""
    thing = story.edit.target or story.edit.replacement
    if story.complete or thing is None:
        return "plain background"
    return f"no {wording.named(thing, False)}"


def _placed(story: Story, side: int, sized: bool) -> tuple[dict[Object, str], tuple[Object, ...]]:
    """For a move, say where the thing stands, beside another or in which half; and that other."""
    turned = story.turned
    mover: Object | None = (story.edit.target, story.edit.replacement)[side]
    if turned is None or mover is None:
        return {}, ()
    before, other, after = turned
    name = lexicon.article(wording.named(mover, sized))
    where = (before, after)[side]
    if other is None:
        return {mover: f"{name} in the {where} half"}, ()
    return {mover: f"{name} {where} {lexicon.article(wording.named(other, sized))}"}, (other,)
