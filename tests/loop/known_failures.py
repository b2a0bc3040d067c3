"""What the pocket world builds into a model, as predicates over items: only to score what is mined.

    report = precision_recall(mined, read_columns(folder))
    report["precision"], report["recall"]       ->  1.0, 0.86
    report["modes"]["companions"]               ->  {"errors": 41, "f1": 0.78, "slice": "existence ..."}

A slice is right when at least `SAME` of its errors belong to one mode. A mode that the model shows
is found when a slice's errors and the mode's agree with F1 >= `AGREE`; "together" is the F1 of all
slices that belong to it, for a mode that was found in parts. Items in unknown words fail
whatever they ask, so the other modes are looked for among known words if they show there at all.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.columns import Columns, size
from counterfactory.eval.counting import truth
from counterfactory.factory.world.scene import HABITS, USUAL
from counterfactory.loop.labels import plain_labels
from counterfactory.loop.slices import Mined
from counterfactory.loop.text_patterns import masked

Flags = NDArray[np.bool_]
Labels = set[str]
SAME = 0.6
AGREE = 0.5
SHOWN = 1.5  # times the error rate of comparable items
LEAST = 10  # errors
CONFIDENT = ("task:attribute", "task:binding", "attribute:actual colour",
             "attribute:usual and actual colour", "attribute:usual or not")  # fmt: skip


def unusual(labels: Labels) -> bool:
    """A kind with a usual colour has another one, and the question is about its colour."""
    kinds = [kind for kind in USUAL if f"kind:{kind}" in labels]
    return (
        len(kinds) == 1
        and bool(labels & set(CONFIDENT))
        and "attribute:size" not in labels
        and f"colour:{USUAL[kinds[0]]}" not in labels
    )


def habitual(labels: Labels) -> bool:
    """Two things that usually stand one way are asked about."""
    return "task:relation" in labels and any(
        {f"kind:{one}", f"kind:{other}"} <= labels for one, other in HABITS
    )


def has(*names: str) -> Callable[[Labels], bool]:
    """Return the predicate that all of these labels are there."""
    return lambda labels: set(names) <= labels


MODES: dict[str, tuple[Callable[[Labels], bool], Callable[[Labels], bool]]] = {
    # name -> (the items that it makes wrong, comparable items)
    "usual colours": (
        unusual,
        lambda labels: bool(labels & {"task:attribute", "attribute:usual colour"}),
    ),
    "companions": (has("category:adversarial", "answer:no"), has("task:existence")),
    "relation habits": (habitual, has("task:relation")),
    "counts above four": (
        has("task:count", "asks:number", "answer:5+"),
        has("task:count", "asks:number"),
    ),
    "two steps": (has("task:arithmetic_two"), has("task:arithmetic")),
    "harmful by word": (has("request:harmful", "twin:word"), has("task:request")),
    "harmful by image": (has("request:harmful", "twin:image"), has("task:request")),
}
REWORDED = "reworded questions"


def reworded(columns: Columns) -> Flags:
    """Return the questions in words that only shifted tasks use."""
    forms = [" ".join(masked(prompt)) for prompt in columns["prompt"]]
    shifted = np.array([task.endswith("/shifted") for task in columns["task"]])
    steady = np.array(["consistency:" in " ".join(names) for names in columns["slices"]])
    known = {
        form for form, new, mixed in zip(forms, shifted, steady, strict=True) if not (new or mixed)
    }
    requests = np.array([bool(harmful) for harmful in columns["harmful"]])
    return np.array([form not in known for form in forms]) & ~requests


def modes(columns: Columns) -> dict[str, tuple[Flags, Flags]]:
    """Return for each mode its items and those it is compared with."""
    labels = [set(names) for names in plain_labels(columns)]
    strange = reworded(columns)
    found = {
        REWORDED: (strange, ~strange & np.array(["task:request" not in row for row in labels]))
    }
    for name, (wrong, among) in MODES.items():
        members = np.array([wrong(row) for row in labels], dtype=np.bool_)
        others = np.array([among(row) for row in labels], dtype=np.bool_) & ~members
        known = members & ~strange
        if (truth(columns)[known] == 0).sum() >= LEAST:
            members, others = known, others & ~strange
        found[name] = (members, others)
    return found


def precision_recall(mined: Mined, columns: Columns) -> dict[str, Any]:
    """Return how many slices belong to a mode, and how many shown modes have their slice."""
    errors = truth(columns) == 0
    slices = mined.members(columns) & errors
    strange = reworded(columns)
    found: dict[str, Any] = {}
    belongs = np.zeros(len(slices), dtype=np.bool_)
    for name, (members, others) in modes(columns).items():
        wrong = members & errors
        if wrong.sum() < LEAST or wrong.sum() / members.sum() < SHOWN * errors[others].mean():
            continue
        scope = np.ones(size(columns), dtype=np.bool_)
        if name != REWORDED and not (members & strange).any():
            scope = ~strange
        best = max(range(len(slices)), key=lambda at: f1(slices[at] & scope, wrong), default=None)
        score = 0.0 if best is None else f1(slices[best] & scope, wrong)
        found[name] = {
            "items": int(members.sum()), "errors": int(wrong.sum()), "f1": round(score, 3),
            "slice": mined.slices[best].name if best is not None else "",
        }  # fmt: skip
        whole = members if name == REWORDED else _anywhere(columns, name)
        own = np.array(
            [bool(one.any()) and (one & whole).sum() >= SAME * one.sum() for one in slices],
            dtype=np.bool_,
        )
        belongs |= own
        found[name]["together"] = round(f1(slices[own].any(axis=0) & scope, wrong), 3)
    shown = [one["f1"] >= AGREE for one in found.values()]
    joined = [max(one["f1"], one["together"]) >= AGREE for one in found.values()]
    return {
        "precision": float(belongs.mean()) if len(belongs) else None,
        "recall": float(np.mean(shown)) if shown else None,
        "recall_together": float(np.mean(joined)) if joined else None,
        "modes": found,
        "strangers": [one.name for one, ok in zip(mined.slices, belongs, strict=True) if not ok],
    }


def _anywhere(columns: Columns, name: str) -> Flags:
    """Return a mode's items in whatever words."""
    groups = ("harmful by word", "harmful by image") if name.startswith("harmful") else (name,)
    rows = [set(names) for names in plain_labels(columns)]
    return np.array([any(MODES[one][0](row) for one in groups) for row in rows], dtype=np.bool_)


def f1(one: Flags, other: Flags) -> float:
    """Return how well two sets of rows agree."""
    return float(2 * (one & other).sum() / max(1, one.sum() + other.sum()))
