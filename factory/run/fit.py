"""Does the chain fit? Proved from the recipe alone, before a model loads or a picture opens.

    ops: [edit, mask]   ->   ["ops[0] (edit): reads 'mask', which nothing before it writes; 'mask' writes it: put it before"]

Every op and check names the fields of a Candidate that it reads and writes; a source names what its samples hold.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from counterfactory.factory.recipe import Recipe

GIVEN = ("key", "seed", "sample", "sample.id", "sample.image", "sample.license")
"""What every candidate holds when it enters the chain."""

IMAGES = {"image_a": "sample.image"}
"""Fields that are there as soon as another is: the original side of a pair is the sample's own image."""

FOR_VIEWS = {"pairs": ("image_b", "mask", "edit"), "clip": ("image_b", "caption_b")}
"""What a view is empty without."""


def check_chain(recipe: "Recipe") -> list[str]:
    """Return everything in the recipe that cannot work; empty when the chain fits."""
    have = {*GIVEN, *recipe.source.provides()}
    problems: list[str] = []
    steps = [("ops", number, op) for number, op in enumerate(recipe.ops)]
    late = [("checks", number, check) for number, check in enumerate(recipe.checks)]
    for list_name, number, step in (*steps, *late):
        for field in step.reads_of():
            if field not in have and IMAGES.get(field) not in have:
                problems.append(
                    f"{list_name}[{number}] ({step.name}): reads '{field}', {_missing(field, recipe)}"
                )
        have.update(step.writes_of())
    for view in recipe.views:
        if lacking := [field for field in FOR_VIEWS.get(view, ()) if field not in have]:
            problems.append(f"views: '{view}' needs '{lacking[0]}', which no op of this recipe writes")
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
