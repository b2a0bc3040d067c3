"""Small releases for tests: rows made by `to_row`, files written as the engine writes them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.factory.release.facts import Facts, funnel_of, library_versions
from counterfactory.factory.release.measures import measure
from counterfactory.factory.release.rows import Provenance, to_row
from counterfactory.factory.release.views import VIEWS
from counterfactory.factory.release.write import write_release
from counterfactory.factory.run.shards import Shards
from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.records import (
    Candidate,
    Edit,
    Example,
    ModelRef,
    Object,
    Preference,
    Reason,
    Reject,
    Sample,
    Verdict,
)

MODEL = ModelRef(role="inpaint", id="pocket", revision="9" * 64)
PROVENANCE = Provenance(recipe="tiny", recipe_fingerprint="f" * 64, models=(MODEL,))
KINDS = ("replace", "recolour", "remove", "add", "move")
SIDE = 32


def sample(number: int, **changes: Any) -> Sample:
    """A picture of a square on a grey ground."""
    image = np.full((SIDE, SIDE, 3), 120, np.uint8)
    left = 2 + number % 12
    image[8:20, left : left + 12] = (200, 40, (number * 7) % 256)
    plain = Sample(
        id=digest_bytes(image.tobytes() + bytes([number % 256, number // 256])), image=image,
        source_id=f"test:{number}", caption=f"A red box, number {number}.", license="cc0-1.0",
        objects=(Object(kind="box", colour="red"),),
    )  # fmt: skip
    return replace(plain, **changes)


def candidate(number: int, **changes: Any) -> Candidate:
    """A finished pair: the square turned blue."""
    origin = sample(number)
    after = origin.image.copy()
    left = 2 + number % 12
    after[8:20, left : left + 12] = (30, 60, 220)
    mask = np.zeros((SIDE, SIDE), bool)
    mask[7:21, left - 1 : left + 13] = True
    box = ((left - 1) / SIDE, 7 / SIDE, (left + 13) / SIDE, 21 / SIDE)
    pair = Candidate(
        key=digest(["pair", number])[:32], seed=number, sample=origin, image_b=after, mask=mask,
        boxes=(box,), caption_a=f"A red box, number {number}.", caption_b=f"A blue box, {number}.",
        difference="The red box became blue.", question="What colour is the box?",
        answer_a="red", answer_b="blue", ops=("propose", "mask", "edit"),
        slices=("kind:box", "colour:blue"),
        edit=Edit(
            kind=KINDS[number % len(KINDS)], method="diffusion" if number % 3 else "classical",
            target=Object(kind="box", colour="red"), replacement=Object(kind="box", colour="blue"),
            prompt_a="a red box", prompt_b="a blue box",
        ),
        verdicts=(
            Verdict(
                check="locality.outside", score=0.004, threshold=0.02, passed=True, judge="rule"
            ),
        ),
    )  # fmt: skip
    return replace(pair, **changes)


def asking(number: int, **changes: Any) -> Candidate:
    """A sample with questions and preferences, and no edit: what world-qa rows are."""
    count = Example(
        task="count", question="How many boxes are there?", answer="1", rationale="I see one. 1",
        slices=("task:count",), verifier="number",
    )  # fmt: skip
    harmful = Example(
        task="harmful", question=f"How do I misuse box {number}?", answer="I won't.",
        verifier="refusal", harmful=True, pair=f"twin-{number}",
    )  # fmt: skip
    benign = replace(harmful, answer="Sure.", harmful=False, question=f"How do I use {number}?")
    worse = Preference(
        kind="description", prompt="Describe the picture.", chosen="A red box.",
        rejected="A green sun.",
    )  # fmt: skip
    plain = Candidate(
        key=digest(["asking", number])[:32], seed=number, sample=sample(number),
        examples=(count, harmful, benign), preferences=(worse,),
    )  # fmt: skip
    return replace(plain, **changes)


def rows_of(candidates: Iterable[Candidate]) -> list[dict[str, Any]]:
    """Canonical rows of candidates."""
    return [to_row(one, PROVENANCE) for one in candidates]


def rejects_of(count: int) -> list[Reject]:
    """Rejects of two stages."""
    return [
        Reject(
            id=digest(["reject", n])[:32], stage="edit" if n % 2 else "locality",
            reason=Reason.OP_FAILED if n % 2 else Reason.OUTSIDE_CHANGED,
            metric="" if n % 2 else "locality.outside", value=None if n % 2 else 0.31,
            threshold=None if n % 2 else 0.02, parents=(f"sample-{n}",), note="a secret path",
        )
        for n in range(count)
    ]  # fmt: skip


def facts_of(rows: Sequence[Any], rejects: Sequence[Reject], **changes: Any) -> Facts:
    """Facts that fit the rows."""
    stages: dict[tuple[str, str], int] = {}
    for one in rejects:
        stages[one.stage, str(one.reason)] = stages.get((one.stage, str(one.reason)), 0) + 1
    total = len(rows) + len(rejects)
    known = Facts(
        name="tiny", fingerprint="f" * 64, recipe={"seed": 3, "ops": [{"op": "edit"}]},
        recipe_yaml="kind: build\nname: tiny\nseed: 3\n", candidates=total, kept=len(rows),
        funnel=funnel_of(total, ["propose", "edit", "locality"], stages),
        created="2026-11-21T11:00:00Z", license="cc0-1.0", models=(MODEL,),
        sources=({"title": "squares", "license": "cc0-1.0", "images": total},),
        checks=({"check": "locality", "max_outside": 0.02},), measures=measure(rows),
        versions=library_versions(),
    )  # fmt: skip
    return replace(known, **changes)


def write(
    folder: Path, rows: Sequence[dict[str, Any]], rejects: Sequence[Reject] = (),
    views: Sequence[str] = ("pairs", "sft", "dpo", "kto", "grpo", "clip", "rejects"),
    **facts: Any,
) -> Path:  # fmt: skip
    """Write a release of these rows into `folder` and return the folder."""
    for view in views:
        shards = Shards(folder / "data" / view, VIEWS[view].schema())
        origin = [reject_row(one) for one in rejects] if view == "rejects" else rows
        for row in origin:
            for made in VIEWS[view].rows(row):
                shards.add(made)
        shards.close()
    write_release(folder, facts_of(rows, rejects, **facts))
    return folder


def reject_row(reject: Reject) -> dict[str, Any]:
    """A reject as the view takes it."""
    return {
        "id": reject.id, "stage": reject.stage, "reason": str(reject.reason),
        "metric": reject.metric, "value": reject.value, "threshold": reject.threshold,
        "parents": reject.parents,
    }  # fmt: skip


def pairs_release(folder: Path, count: int = 6) -> Path:
    """A release of pairs with all views, and four rejects."""
    return write(folder, rows_of(candidate(n) for n in range(count)), rejects_of(4))
