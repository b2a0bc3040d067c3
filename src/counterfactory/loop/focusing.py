"""From the slices that a build serves to its `focus` and the knobs that let the focus work.

    focus_of(aims)     (Focus(slice="task:existence & kind:leaf", weight=6.2), ...)
    steering(recipe, aims, always=False)
        -> ['focus=[{"slice": ...}]']                        edits are drawn by the focus
        -> ['source.questions=24', 'ops.0.limit=7', ...]     more is asked than is kept (serving.py)

`propose` draws only what is in focus, so every edit kind stands in it with a small weight: the
exploration floor. `annotate` chooses among the questions of a picture, so more are asked; what is
not in focus counts as weight 1. The knobs hold in the control arm, too: only the focus is left out.
"""

import json
from collections.abc import Sequence

from counterfactory.factory.ops.base import Focus
from counterfactory.factory.ops.propose import Propose
from counterfactory.factory.recipe import Recipe
from counterfactory.loop.serving import room
from counterfactory.loop.target import Aim, weights

MEAN, MOST = 4.0, 12.0  # weight of a usual slice, largest weight
FLOOR = 0.25  # of a focused build's edits, by the recipe's own kinds


def focus_of(aims: Sequence[Aim]) -> tuple[Focus, ...]:
    """Return the focus of some slices; a weight of 1 is that of what is not in focus."""
    found = weights(aims)
    if not found:
        return ()
    mean = sum(found.values()) / len(found)
    return tuple(
        Focus(slice=name, weight=round(min(MOST, max(1.0, MEAN * rows / mean)), 3))
        for name, rows in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    )


def steering(recipe: Recipe, aims: Sequence[Aim], always: bool) -> list[str]:
    """Return the overrides that steer a build towards its slices."""
    if always:
        return []
    focus = list(focus_of(aims))
    proposing = next((op for op in recipe.ops if isinstance(op, Propose)), None)
    if proposing is not None:
        return [_override(_with_floor(focus, proposing, aims))] if focus else []
    found = room(recipe)
    return [*found, _override(focus)] if focus and found else found


def _with_floor(focus: list[Focus], op: Propose, aims: Sequence[Aim]) -> list[Focus]:
    """Add every edit kind by its weight; slices that no label can name widen the floor."""
    unnamed = sum(aim.rows for aim in aims if not aim.labels)
    floor = FLOOR + (1 - FLOOR) * unnamed / max(1, sum(aim.rows for aim in aims))
    total = sum(one.weight for one in focus) * floor / max(1e-9, 1 - floor)
    kinds = {str(kind): weight for kind, weight in op.kinds.items() if weight > 0}
    named = {one.slice for one in focus}
    return focus + [
        Focus(
            slice=f"edit:{kind}", weight=max(0.001, round(total * weight / sum(kinds.values()), 3))
        )
        for kind, weight in kinds.items()
        if f"edit:{kind}" not in named
    ]


def _override(focus: Sequence[Focus]) -> str:
    return f"focus={json.dumps([one.model_dump(mode='json') for one in focus])}"
