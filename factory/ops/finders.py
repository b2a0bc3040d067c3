"""Two ways to find a target: by its box (SAM), or by its words (SAM on everything, CLIP to choose).

finder = by_model(sam, clip, where="auto", min_fit=0.3, min_similarity=0.2, prompt="{}")
finder(candidates) -> [mask, None (an added thing has no target), {"reason": TARGET_NOT_FOUND, ...}]
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from counterfactory.factory.ops import lexicon
from counterfactory.factory.ops.crop import square_crop
from counterfactory.models.clip import Clip
from counterfactory.models.segment import Segment, Segmenter, box_iou
from counterfactory.records import Box, Candidate, Mask, Object, Pixels, Reason

Found = Mask | None | dict[str, Any]
"""The target's pixels; None when there is no target; what to reject with when it was not found."""

Finder = Callable[[Sequence[Candidate]], list[Found]]

LEAST, MOST = 0.001, 0.5  # share of the picture that a thing can fill


def by_model(
    sam: Segmenter,
    clip: Clip | None,
    *,
    where: str,
    min_fit: float,
    min_similarity: float,
    prompt: str,
) -> Finder:
    """Return the finder that asks SAM, and CLIP where there is no box."""

    def find(batch: Sequence[Candidate]) -> list[Found]:
        found: list[Found] = [None] * len(batch)
        boxed = [i for i, one in enumerate(batch) if _box(one) is not None and where != "text"]
        for index, answer in zip(
            boxed, _in_boxes(sam, [batch[i] for i in boxed], min_fit), strict=True
        ):
            found[index] = answer
        rest = [i for i, one in enumerate(batch) if i not in boxed and not _no_target(one)]
        if rest and where == "box":
            for index in rest:
                found[index] = {"reason": Reason.TARGET_NOT_FOUND, "metric": "box"}
        elif rest:
            some = [batch[i] for i in rest]
            for index, answer in zip(
                rest, _by_words(sam, clip, some, min_similarity, prompt), strict=True
            ):
                found[index] = answer
        return found

    return find


def _in_boxes(sam: Segmenter, batch: Sequence[Candidate], min_fit: float) -> list[Found]:
    """Ask SAM for each target's mask, one picture encoding for all targets of a picture."""
    pictures, wanted = _grouped(batch)
    prompts = []
    for indices in wanted.values():
        height, width = batch[indices[0]].sample.image.shape[:2]
        scale = np.array([width, height, width, height])
        prompts.append(np.array([_box(batch[index]) for index in indices], np.float64) * scale)
    answers = sam.from_boxes_of(pictures, prompts)
    found: list[Found] = [None] * len(batch)
    for indices, segments in zip(wanted.values(), answers, strict=True):
        for index, segment in zip(indices, segments, strict=True):
            box = _box(batch[index])
            fit = box_iou(segment.box, box) if box is not None else 0.0
            good = fit >= min_fit and segment.mask.any()
            found[index] = segment.mask if good else _lost("mask_fit", fit, min_fit)
    return found


def _by_words(
    sam: Segmenter, clip: Clip | None, batch: Sequence[Candidate], least: float, prompt: str
) -> list[Found]:
    """Segment everything, then let CLIP say which segment is the target."""
    pictures, wanted = _grouped(batch)
    found: list[Found] = [None] * len(batch)
    for picture, segments, indices in zip(
        pictures, sam.everything_of(pictures), wanted.values(), strict=True
    ):
        things = [one for one in segments if LEAST <= one.mask.mean() <= MOST]
        for index in indices:
            target = _target(batch[index])
            if not things:
                found[index] = _lost("segments", 0.0, 1.0)
            elif target is None or clip is None:
                found[index] = _lost("box")
            else:
                rivals = [one for one in _known(batch[index]) if not lexicon.same(one, target)]
                found[index] = _named(clip, picture, things, target, rivals, least, prompt)
    return found


def _named(
    clip: Clip,
    picture: Pixels,
    things: list[Segment],
    target: Object,
    rivals: list[Object],
    least: float,
    prompt: str,
) -> Found:
    """Return the mask of the segment that looks most like the target, and more like it than like its rivals."""
    phrases = [target.phrase, *dict.fromkeys(one.phrase for one in rivals)]
    looks = clip.images([square_crop(picture, one.box) for one in things])
    cosines = looks @ clip.texts([prompt.format(lexicon.article(phrase)) for phrase in phrases]).T
    mine = np.where(cosines.argmax(axis=1) == 0, cosines[:, 0], -1.0)
    best = int(mine.argmax())
    value = float(mine[best])
    return things[best].mask if value >= least else _lost("clip_target", round(value, 6), least)


def _grouped(batch: Sequence[Candidate]) -> tuple[list[Pixels], dict[str, list[int]]]:
    """Return each picture once, and which candidates share it."""
    wanted: dict[str, list[int]] = {}
    for index, one in enumerate(batch):
        wanted.setdefault(one.sample.id, []).append(index)
    return [batch[indices[0]].sample.image for indices in wanted.values()], wanted


def _known(candidate: Candidate) -> tuple[Object, ...]:
    sample = candidate.sample
    return sample.objects or lexicon.objects_in(sample.caption)


def _target(candidate: Candidate) -> Object | None:
    target = candidate.edit.target if candidate.edit is not None else None
    return target if target is not None and target.phrase else None


def _box(candidate: Candidate) -> Box | None:
    target = candidate.edit.target if candidate.edit is not None else None
    return target.box if target is not None else None


def _no_target(candidate: Candidate) -> bool:
    return candidate.edit is not None and candidate.edit.kind == "add"


def _lost(
    metric: str, value: float | None = None, threshold: float | None = None
) -> dict[str, Any]:
    return {
        "reason": Reason.TARGET_NOT_FOUND, "metric": metric, "value": value, "threshold": threshold,
    }  # fmt: skip
