"""The counterfactual picture, drawn from the edited scene graph: what no photograph allows.

    {op: render, oracle: true}      in the place of `edit` and `edit_classical`

The scene behind a sample is looked up, the edit is made in it, and the result is drawn. So every edit
is right, which makes this the upper bound that a diffusion model can be held against. A release of
it says so: `uses_oracle` stands in its manifest, a warning in its card.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from counterfactory.factory.ops.base import Context, Op, Outcome, Runnable
from counterfactory.factory.world.oracle import scene_of, truth_of
from counterfactory.factory.world.render import render
from counterfactory.records import Candidate, Edit, Reason

NAME = "render"


class Render(Op):
    """Draw the second picture of a pair."""

    name: ClassVar[str] = NAME
    reads: ClassVar[tuple[str, ...]] = ("sample.image", "edit", "mask")
    writes: ClassVar[tuple[str, ...]] = ("image_b",)
    version: ClassVar[int] = 1

    op: Literal["render"] = "render"
    oracle: Literal[True] = Field(description="it looks at the scene behind the picture")

    def setup(self, context: Context) -> Runnable:
        """Return the function over batches; nothing is loaded."""
        return lambda batch: _drawn(batch)


def _drawn(batch: Sequence[Candidate]) -> list[Outcome]:
    return [_one(candidate) for candidate in batch]


def _one(candidate: Candidate) -> Outcome:
    edit, mask = candidate.edit, candidate.mask
    if edit is None or mask is None:
        raise ValueError("render: found a candidate without edit or mask, expected both before it")
    if not candidate.sample.source_id.startswith("world:"):
        note = f"{candidate.sample.source_id} is no scene of the pocket world"
        return candidate.rejected(NAME, Reason.OP_FAILED, note=note)
    truth = truth_of(scene_of(candidate.sample.source_id), _words(edit), mask)
    if truth is None:
        return candidate.rejected(NAME, Reason.NO_TARGET)
    return candidate.with_(image_b=render(truth.after))


def _words(edit: Edit) -> dict[str, str]:
    return {
        "kind": edit.kind,
        "target": edit.target.phrase if edit.target else "",
        "replacement": edit.replacement.phrase if edit.replacement else "",
    }
