"""What changed between two pictures? Asked about two scenes that differ in one thing.

    example = difference_example(scene, edited(scene, rng, ("recolour",)), rng)
    example.answer  ->  "The red star is blue in the second picture."

Half the questions are open; the others ask for one word or two ("Which thing is only in the second
picture?" -> "blue ring"). Two scenes that differ in more than one thing are refused.
"""

import random
from dataclasses import replace

from counterfactory.factory.world.language import article, capital, phrase
from counterfactory.factory.world.scene import (
    COLOURS,
    GAP,
    KINDS,
    SIZES,
    Scene,
    Thing,
    free_place,
    split_of,
)
from counterfactory.factory.world.tasks.base import others, reference, slices, worded
from counterfactory.factory.world.tasks.wordings import OPEN, SHORT
from counterfactory.records import Example

EDITS = ("add", "remove", "recolour", "resize", "replace", "move")


def change_between(a: Scene, b: Scene) -> tuple[str, Thing | None, Thing | None]:
    """Return the kind of edit that leads from `a` to `b`, the thing before and the thing after.

    Raises `ValueError` when the scenes differ by more, or by less, than one thing.
    """
    gone = [thing for thing in a.things if thing not in b.things]
    new = [thing for thing in b.things if thing not in a.things]
    same_ground = (a.ground, a.texture, a.texture_seed) == (b.ground, b.texture, b.texture_seed)
    if not same_ground or len(gone) > 1 or len(new) > 1 or not gone + new:
        raise ValueError(
            f"expected scenes that differ in one thing, found {len(gone)} gone, {len(new)} new"
        )
    if not gone or not new:
        return ("add", None, new[0]) if new else ("remove", gone[0], None)
    old, now = gone[0], new[0]
    for edit, names in {
        "move": ("x", "y"), "recolour": ("colour",), "resize": ("size",),
        "replace": ("kind", "colour", "size"),
    }.items():  # fmt: skip
        if replace(old, **{name: getattr(now, name) for name in names}) == now:
            return edit, old, now
    raise ValueError(f"no single edit turns {old} into {now}")


def edited(
    scene: Scene, rng: random.Random, edits: tuple[str, ...] = EDITS, tries: int = 200
) -> Scene | None:
    """Return a scene of the same split that differs in one thing. For evaluation and the oracle.

    Returns None when no such scene turns up: a split's scenes have few neighbours in the same
    split, and a picture that is full cannot take one more thing.
    """
    split = split_of(scene)
    for _ in range(tries):
        other = _edit(scene, rng.choice(edits), rng)
        if other is not None and split_of(other) == split:
            return other
    return None


def _edit(scene: Scene, edit: str, rng: random.Random) -> Scene | None:
    things = list(scene.things)
    taken = [(t.x, t.y, SIZES[t.size]) for t in things]
    if edit == "add":
        size = rng.choice(sorted(SIZES))
        spot = free_place(rng, taken, size)
        new = Thing(rng.choice(KINDS), rng.choice(COLOURS), size, *spot) if spot else None
        return replace(scene, things=(*things, new)) if new else None
    if not things or (edit == "remove" and len(things) == 1):
        return None
    i = rng.randrange(len(things))
    rest = things[:i] + things[i + 1 :]
    if edit == "remove":
        return replace(scene, things=tuple(rest))
    changed = _changed(things[i], edit, [t for n, t in enumerate(taken) if n != i], rng)
    return replace(scene, things=(*things[:i], changed, *things[i + 1 :])) if changed else None


def _changed(
    thing: Thing, edit: str, taken: list[tuple[int, int, int]], rng: random.Random
) -> Thing | None:
    """Return the thing after the edit, or None when it does not fit."""
    if edit == "recolour":
        return replace(thing, colour=rng.choice([c for c in COLOURS if c != thing.colour]))
    if edit == "replace":
        kind = rng.choice([k for k in KINDS if k != thing.kind])
        return replace(thing, kind=kind, colour=rng.choice(COLOURS))
    if edit == "move":
        spot = free_place(rng, taken, thing.size)
        far = spot and max(abs(spot[0] - thing.x), abs(spot[1] - thing.y)) >= SIZES[thing.size]
        return replace(thing, x=spot[0], y=spot[1]) if spot and far else None
    size = "small" if thing.size == "large" else "large"
    side = SIZES[size]
    fits = all(
        max(abs(thing.x - x), abs(thing.y - y)) >= (side + s) // 2 + GAP for x, y, s in taken
    )
    inside = all(side // 2 <= v <= 128 - side // 2 for v in (thing.x, thing.y))
    return replace(thing, size=size) if fits and inside else None


def _sentence(edit: str, old: Thing | None, new: Thing | None, ref: str) -> str:
    """Return the change in one sentence."""
    told = f"The {ref}" if ref else article(phrase(old, size=False)).capitalize() if old else ""
    match edit:
        case "add" if new:
            what = article(phrase(new, size=False))
            return f"There is {what} in the second picture that was not there before."
        case "remove":
            return f"{told} is missing in the second picture."
        case "recolour" if new:
            return f"{told} is {new.colour} in the second picture."
        case "resize" if new:
            return f"{told} is {new.size} in the second picture."
        case "replace" if new:
            what = capital(article(phrase(new, size=False)))
            return f"{what} took the place of {told[:1].lower()}{told[1:]}."
    return f"{told} stands in another place in the second picture."


def difference_example(a: Scene, b: Scene, rng: random.Random, wordings: str = "train") -> Example:
    """Return a question about what changed from `a` to `b`.

    Raises `ValueError` when they do not differ in exactly one thing.
    """
    edit, old, new = change_between(a, b)
    shown = new or old
    assert shown is not None
    ref = (reference(a, old, rng) if old else None) or ""
    sentence = _sentence(edit, old, new, ref)
    short = None if rng.random() < 0.5 else _short(a, b, rng, wordings)
    if short:
        question, answer, distractors = short
        rationale = f"{sentence} So the answer is {answer}."
    else:
        question, answer, rationale = worded(rng, OPEN, wordings), sentence, sentence
        distractors = _wrong_sentences(edit, old, shown, ref, sentence, rng)
    return Example(
        task="difference", question=question, answer=answer, rationale=rationale,
        distractors=distractors, slices=(*slices("difference", shown), f"edit:{edit}"),
        verifier="exact" if short else "difference",
    )  # fmt: skip


def _short(
    a: Scene, b: Scene, rng: random.Random, wordings: str
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return a question, its short answer and wrong ones, or None where it would be ambiguous."""
    edit, old, new = change_between(a, b)
    shown = new or old
    assert shown is not None
    ref = ""
    if old and edit in ("recolour", "resize", "replace"):
        ref = (
            reference(a, old, rng, hide={"recolour": "colour", "resize": "size"}.get(edit, ""))
            or ""
        )
        if not ref:
            return None
    name = phrase(shown, size=False)
    if edit in ("add", "remove") and name in _names(a) and name in _names(b):
        return None
    answer = {"recolour": shown.colour, "resize": shown.size}.get(edit) or name
    values = {"recolour": COLOURS, "resize": tuple(SIZES)}.get(edit) or _guesses(a, b, shown, rng)
    return worded(rng, SHORT[edit], wordings, ref=ref), answer, others(rng, answer, values, 3)


def _names(scene: Scene) -> set[str]:
    return {phrase(thing, size=False) for thing in scene.things}


def _guesses(a: Scene, b: Scene, shown: Thing, rng: random.Random) -> list[str]:
    """Return things one could name by mistake: those of the scenes, and wrong colours and kinds."""
    wrong = [f"{colour} {shown.kind}" for colour in rng.sample(COLOURS, 3)]
    wrong.append(f"{shown.colour} {rng.choice(KINDS)}")
    return sorted(_names(a) | _names(b) | set(wrong))


def _wrong_sentences(
    edit: str, old: Thing | None, shown: Thing, ref: str, right: str, rng: random.Random
) -> tuple[str, ...]:
    """Return sentences about changes that were not made."""
    colours = rng.sample([c for c in COLOURS if c != shown.colour], 3)
    wrong = [_sentence("add", None, replace(shown, colour=colour), "") for colour in colours]
    if old:
        wrong = [
            _sentence("recolour", old, replace(old, colour=c), ref)
            for c in colours
            if c != old.colour
        ]
        # a thing that was replaced is missing too, so that would not be wrong
        names = {"remove": ("move",), "replace": ("move",), "move": ("remove",)}
        wrong += [_sentence(n, old, None, ref) for n in names.get(edit, ("remove", "move"))]
    return others(rng, right, wrong, 3)
