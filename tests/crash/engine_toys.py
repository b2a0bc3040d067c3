"""Small real parts for the engine's tests: a source, ops and checks that need no model and no file.

Imported by name in worker processes too: the tests put this folder on `sys.path`, and workers
inherit it.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from counterfactory.errors import RowError, UserError
from counterfactory.factory.checks.base import Check, verdict
from counterfactory.factory.ops.base import Context, Op
from counterfactory.factory.recipe import Gates, Recipe
from counterfactory.factory.sources.base import Source
from counterfactory.fingerprint import digest_bytes
from counterfactory.records import Candidate, Edit, Reason, Reject, Sample, Verdict

SIDE = 16


class Opened:
    """Small random pictures; every `bad`-th is unreadable."""

    def __init__(self, source: "Toys", seed: int) -> None:
        self.source, self.seed = source, seed

    def __len__(self) -> int:
        return self.source.n

    def key(self, index: int) -> str:
        return f"toys:{self.seed}:{index}"

    def load(self, index: int) -> Sample:
        if self.source.bad and index % self.source.bad == self.source.bad - 1:
            raise RowError(Reason.IMAGE_UNREADABLE, metric="OSError")
        pixels = np.random.default_rng([self.seed, index]).integers(
            0, 255, (SIDE, SIDE, 3), np.uint8
        )
        return Sample(
            id=digest_bytes(pixels.tobytes()), image=pixels, source_id=self.key(index),
            caption=f"picture number {index}", license="cc0-1.0",
        )  # fmt: skip

    def describe(self) -> dict[str, Any]:
        return {"kind": "toys", "title": "toy pictures", "license": "cc0-1.0", "images": len(self)}


class Toys(Source):
    """The source."""

    kind: Literal["toys"] = "toys"
    n: int = 60
    batch: int = 8
    bad: int = 0

    def provides(self) -> tuple[str, ...]:
        return ("sample.image", "sample.caption")

    def open(self, workdir: Path, seed: int) -> Opened:
        return Opened(self, seed)


class Propose(Op):
    """Gives every sample `slots` edits; every fifth proposal has no target."""

    op: Literal["toy_propose"] = "toy_propose"
    name: ClassVar[str] = "toy_propose"
    reads: ClassVar[tuple[str, ...]] = ("sample.caption",)
    writes: ClassVar[tuple[str, ...]] = ("edit",)
    fan_out: ClassVar[bool] = True
    slots: int = 2

    def setup(self, context: Context) -> Callable[[Sequence[Candidate]], Any]:
        return lambda batch: [
            [self.propose(one, slot) for slot in range(self.slots)] for one in batch
        ]

    def propose(self, one: Candidate, slot: int) -> Candidate | Reject:
        if (one.seed + slot) % 5 == 0:
            return one.rejected("toy_propose", Reason.NO_TARGET)
        return one.with_(edit=Edit(kind="recolour", method="classical", prompt_b=f"slot {slot}"))


class Paint(Op):
    """Paints a corner in a colour drawn from the candidate's seed; goes wrong where it is told to."""

    op: Literal["toy_paint"] = "toy_paint"
    name: ClassVar[str] = "toy_paint"
    reads: ClassVar[tuple[str, ...]] = ("edit",)
    writes: ClassVar[tuple[str, ...]] = (
        "image_b", "mask", "caption_b", "difference", "question", "answer_a", "answer_b",
    )  # fmt: skip
    seconds: float = 0.0  # slept for each batch
    raises_on: str = ""  # end of a source id: this row raises
    dies_on: str = ""  # end of a source id: the process dies
    dies_once: str = ""  # a file: the first process to see it missing makes it and dies
    stops: bool = False  # setup raises a UserError
    signs: str = ""  # a folder: every process that paints leaves its number there

    def setup(self, context: Context) -> Callable[[Sequence[Candidate]], Any]:
        if self.stops:
            raise UserError("ops.toy_paint.model: no such model")
        return self.run

    def run(self, batch: Sequence[Candidate]) -> list[Candidate]:
        if self.signs:
            Path(self.signs, str(os.getpid())).touch()
        time.sleep(self.seconds)
        return [self.paint(one) for one in batch]

    def paint(self, one: Candidate) -> Candidate:
        source_id = one.sample.source_id
        if self.raises_on and source_id.endswith(self.raises_on):
            raise ValueError("this row is not to my taste")
        once = self.dies_once and not Path(self.dies_once).exists()
        if once:
            Path(self.dies_once).touch()
        if once or (self.dies_on and source_id.endswith(self.dies_on)):
            os.kill(os.getpid(), signal.SIGKILL)
        painted = one.sample.image.copy()
        painted[:8, :8] = np.random.default_rng(one.seed).integers(0, 255, 3, np.uint8)
        mask = np.zeros((SIDE, SIDE), np.bool_)
        mask[:8, :8] = True
        return one.with_(
            image_b=painted, mask=mask, caption_b=f"{one.sample.caption}, painted", difference="a corner",
            question="Is a corner painted?", answer_a="no", answer_b="yes",
        )  # fmt: skip


class Bright(Check):
    """The painted corner must not be too dark."""

    check: Literal["toy_bright"] = "toy_bright"
    name: ClassVar[str] = "toy_bright"
    reads: ClassVar[tuple[str, ...]] = ("image_b",)
    least: float = 40.0

    def setup(self, context: Context) -> Callable[[Sequence[Candidate]], list[list[Verdict]]]:
        return lambda batch: [[self.judge(one)] for one in batch]

    def judge(self, one: Candidate) -> Verdict:
        assert one.image_b is not None
        light = float(one.image_b[:8, :8].mean())
        return verdict("toy_bright", light, self.least, light >= self.least, Reason.IMAGE_BLANK)


class Rare(Check):
    """A global check: of rows whose ids begin alike only the first is kept."""

    check: Literal["toy_rare"] = "toy_rare"
    name: ClassVar[str] = "toy_rare"
    scope: ClassVar[Literal["candidate", "global"]] = "global"
    digits: int = 1

    def setup(self, context: Context) -> Callable[[Mapping[str, Any]], Verdict]:
        seen: set[str] = set()

        def judge(row: Mapping[str, Any]) -> Verdict:
            start = row["id"][: self.digits]
            new = start not in seen
            seen.add(start)
            return verdict("toy_rare", float(new), 1.0, new, Reason.DUPLICATE)

        return judge


def toy_recipe(
    *, n: int = 60, batch: int = 8, bad: int = 0, seed: int = 3, slots: int = 2, least: float = 40.0,
    digits: int = 2, gates: Gates = Gates(), views: tuple[Any, ...] = ("pairs", "sft", "rejects"), **paint: Any,  # noqa: B008
) -> Recipe:  # fmt: skip
    """Return a recipe of toys. `paint` are the knobs of `Paint`."""
    return Recipe(
        kind="build", name="toys", seed=seed, views=views, gates=gates,
        source=Toys(n=n, batch=batch, bad=bad),
        ops=(Propose(slots=slots), Paint(**paint)),
        checks=(Bright(least=least), Rare(digits=digits)),
    )  # fmt: skip
