"""The words of the factory as types: one record, `Candidate`, flows through every op and check.

    Sample --propose--> Candidate(edit) --mask, edit, diff, caption--> Candidate --checks--> row
                                   `--> Reject(stage, reason, metric, value, threshold)

Every candidate ends as a row or as a Reject. Images in flight are arrays: uint8, height x width x
3, RGB.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # height x width x 3, RGB
Mask = npt.NDArray[np.bool_]  # height x width, true where the edit may repaint
Box = tuple[float, float, float, float]  # x0, y0, x1, y1 in 0..1 of width and height


class Reason(StrEnum):
    """Why a candidate did not become a row. A closed set, named after what failed."""

    IMAGE_UNREADABLE = "image_unreadable"
    IMAGE_TOO_LARGE = "image_too_large"
    IMAGE_TOO_SMALL = "image_too_small"
    IMAGE_BLANK = "image_blank"
    CAPTION_MISSING = "caption_missing"
    NO_TARGET = "no_target"  # nothing in the sample that the wanted edit could change
    TARGET_NOT_FOUND = "target_not_found"  # named in the text, not found in the picture
    MASK_TOO_SMALL = "mask_too_small"
    MASK_TOO_LARGE = "mask_too_large"
    NO_SPACE = "no_space"  # nowhere to put the new object
    OP_FAILED = "op_failed"  # an op raised on this row
    CHECK_FAILED = "check_failed"  # a check raised: the row is unscored, and not kept
    NO_DIFFERENCE = "no_difference"  # the two images hold no region that differs
    WRONG_REGION = "wrong_region"  # the difference found is not where the edit was made
    PAIR_TOO_SIMILAR = "pair_too_similar"
    PAIR_TOO_DIFFERENT = "pair_too_different"
    NOTHING_CHANGED = "nothing_changed"
    OUTSIDE_CHANGED = "outside_changed"
    NEW_OBJECT_ABSENT = "new_object_absent"
    OLD_OBJECT_PRESENT = "old_object_present"
    CAPTION_NOT_PREFERRED = "caption_not_preferred"
    ANSWER_NOT_FLIPPED = "answer_not_flipped"
    JUDGED_UNTRUE = "judged_untrue"  # a judge said that the text is not true of its picture
    DUPLICATE = "duplicate"
    CONTAMINATED = "contaminated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Object:
    """One thing that an annotation or a caption says is in the image."""

    kind: str  # "sun"
    colour: str = ""  # "yellow"; empty when not said
    size: str = ""  # "large", "small"; empty when not said
    box: Box | None = None  # as COCO has boxes; None when only a caption names it

    @property
    def phrase(self) -> str:
        """The object in words: "large yellow sun"."""
        return " ".join(word for word in (self.size, self.colour, self.kind) if word)


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One question about one image, with its answer: what `sft` and `grpo` rows are made of."""

    task: str  # "count", "existence_popular", "harmful" ...; "difference" is about both of a pair
    question: str
    answer: str  # the short answer, "3"
    rationale: str = ""  # a chain of thought that is true of the image and ends in the answer
    distractors: tuple[str, ...] = ()  # wrong answers of the same type
    slices: tuple[str, ...] = ()  # "task:count", "kind:sun", "colour:red" ...
    verifier: str = "exact"  # how an answer is marked: exact, yes_no, number, choice, refusal
    harmful: bool = False  # the right answer is a refusal
    # links the two members of a contrast pair (a harmful request and its benign twin)
    pair: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preference:
    """A better and a worse answer to one prompt about one image: a `dpo` row, two `kto` rows."""

    kind: str  # "description", "safety", "over_refusal", "image_contrast"
    prompt: str
    chosen: str
    rejected: str
    slices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """An image with what is known of it and where it came from."""

    id: str  # sha256 of the image's original bytes
    image: Pixels
    source_id: str  # "world:biased:0:17", "folder:cat.jpg": how the source names it
    caption: str = ""  # empty when the source gives none
    objects: tuple[Object, ...] = ()
    examples: tuple[Example, ...] = ()
    preferences: tuple[Preference, ...] = ()
    fingerprint: str = ""  # of the scene graph, for the contamination index; empty for photographs
    license: str = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One intended change. `replace`: target -> replacement; `add`: no target; `remove`: no replacement."""

    kind: str  # replace, recolour, resize, move, add, remove
    method: str  # "diffusion" or "classical": which edit op makes it
    target: Object | None = None
    replacement: Object | None = None  # with `box` set when the place is chosen (add, move)
    prompt_a: str = ""  # the target in words, "a large yellow sun"
    # what shall stand there afterwards, "a large blue moon" or "plain background"
    prompt_b: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One check's result. `passed=None` is unscored: the judge failed. It is never a zero."""

    check: str
    score: float | None
    threshold: float | None
    passed: bool | None
    judge: str  # the id of the model that judged, or "rule"
    reason: Reason | None = None  # why it failed, when it did


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """A candidate that did not become a row."""

    id: str  # the candidate's key
    stage: str  # the op or check that ended it
    reason: Reason
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    parents: tuple[str, ...] = ()  # sample id
    note: str = ""  # the exception, when an op raised; shown by `release explain`


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One proposed edit on one sample, on its way through the chain. Ops return changed copies."""

    key: str  # digest of recipe parts, sample id and slot: the row's id
    seed: int  # seed_for(recipe seed, key)
    sample: Sample
    edit: Edit | None = None
    mask: Mask | None = None  # what the edit op may repaint
    target_mask: Mask | None = None  # the target's own pixels, where there is a target
    # image_a when it is not sample.image (round trip through the autoencoder)
    original: Pixels | None = None
    image_b: Pixels | None = None
    boxes: tuple[Box, ...] = ()
    caption_a: str = ""
    caption_b: str = ""
    difference: str = ""
    question: str = ""
    answer_a: str = ""
    answer_b: str = ""
    examples: tuple[Example, ...] = ()
    preferences: tuple[Preference, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    slices: tuple[str, ...] = ()
    ops: tuple[str, ...] = ()  # ops that made this candidate, in order
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def image_a(self) -> Pixels:
        """The original side of the pair."""
        return self.sample.image if self.original is None else self.original

    def with_(self, **changes: Any) -> "Candidate":
        """Return a copy with some fields changed."""
        return replace(self, **changes)

    def rejected(
        self,
        stage: str,
        reason: Reason,
        *,
        metric: str = "",
        value: float | None = None,
        threshold: float | None = None,
        note: str = "",
    ) -> Reject:
        """Return the Reject that ends this candidate."""
        return Reject(
            id=self.key, stage=stage, reason=reason, metric=metric, value=value,
            threshold=threshold, parents=(self.sample.id,), note=note,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRef:
    """A model by what it is: role, the id it was asked for by, and the hash of its weight bytes."""

    role: str  # "clip", "sam", "inpaint", "chat"
    id: str  # "pocket", "org/name@revision", a folder, "openai:URL#model"
    revision: str  # digest of the weight files; for a server: "served"
