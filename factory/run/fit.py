"""Does the chain fit? Proved from the recipe alone, before a model loads or a picture opens.

    ops: [edit, mask]
    -> ["ops[0] (edit): reads 'mask', which nothing before it writes; 'mask' writes it: put it before"]

Every op and check names the fields of a Candidate that it reads and writes; a source names what its
samples hold.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterfactory.factory.checks.base import Check
    from counterfactory.factory.ops.base import Op
    from counterfactory.factory.recipe import Recipe

GIVEN = ("key", "seed", "sample", "sample.id", "sample.image", "sample.license")
"""What every candidate holds when it enters the chain."""

IMAGES = {"image_a": "sample.image"}
"""Fields that are there as soon as another is: the original side of a pair is the sample's own image."""

ASKED = ("question", "examples", "sample.examples")
PREFERRED = ("caption_b", "question", "preferences", "sample.preferences")
FOR_VIEWS = {
    "pairs": ("image_b",),
    "clip": ("caption_b",),
    "sft": ("difference", *ASKED),
    "grpo": ASKED,
    "dpo": PREFERRED,
    "kto": PREFERRED,
}
"""What a view needs at least one of, to hold any row."""


def check_chain(recipe: "Recipe") -> list[str]:
    """Return everything in the recipe that cannot work; empty when the chain fits."""
    have = {*GIVEN, *recipe.source.provides()}
    problems: list[str] = []
    steps: list[tuple[str, Op | Check]] = [(f"ops[{n}]", op) for n, op in enumerate(recipe.ops)]
    steps += [(f"checks[{n}]", check) for n, check in enumerate(recipe.checks)]
    for place, step in steps:
        for field in step.reads_of():
            if field not in have and IMAGES.get(field) not in have:
                problems.append(
                    f"{place} ({step.name}): reads '{field}', {_missing(field, recipe)}"
                )
        have.update(step.writes_of())
    for view in recipe.views:
        needs = FOR_VIEWS.get(view, ("key",))
        if not have.intersection(needs):
            problems.append(
                f"views: '{view}' needs {' or '.join(needs)}, which this recipe does not make"
            )
    return problems


def _missing(field: str, recipe: "Recipe") -> str:
    """Say where a field could come from."""
    if field.startswith("sample."):
        return f"which the source '{recipe.source.kind}' does not give"
    writers = _writers(field, recipe)
    return "which nothing before it writes" + (f"; put '{writers[0]}' before it" if writers else "")


def _writers(field: str, recipe: "Recipe") -> list[str]:
    """Return the ops that write a field: the recipe's own first, then all there are."""
    from counterfactory.factory.ops import OPS

    own: Iterable[str] = (op.name for op in recipe.ops if field in op.writes_of())
    known: Iterable[str] = (name for name, op in OPS.items() if field in op.writes)
    return list(dict.fromkeys([*own, *known]))
