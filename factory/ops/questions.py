"""The question about a pair: the same words for both pictures, another answer for each.

    recolour the sun from yellow to blue, task "attribute"  ->  "What colour is the sun?"  yellow / blue
    move the ball to the other side of the box, "relation"  ->  "Is the ball left of the box?"  yes / no

A question is asked only where what is known makes both answers certain; else existence is asked,
which every edit but a move or a resize answers anew. `compare` asks about both pictures at once:

    recolour the sun from yellow to blue  ->  "To which colour did the sun change?"  blue
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from counterfactory.factory.ops import lexicon, sentences, wording
from counterfactory.factory.ops.options import OPPOSITE, Scene, Turn, flips
from counterfactory.factory.ops.wording import Question
from counterfactory.records import Edit, Example, Object

USUAL_TASK = {"recolour": "attribute", "move": "relation", "resize": "attribute"}
Line = tuple[Object | None, Object | None]  # a thing before and after; None where it is not there


@dataclass(frozen=True, slots=True)
class Story:
    """What is in the pictures: one line for each thing, and the edit that changes one of them."""

    edit: Edit
    lines: tuple[Line, ...]
    complete: bool  # the things are all there are

    @classmethod
    def of(cls, known: tuple[Object, ...], edit: Edit, complete: bool) -> "Story":
        """Apply the edit to what is known of the original."""
        target, new = edit.target, edit.replacement
        lines: list[Line] = [(one, one) for one in known]
        place = next((i for i, one in enumerate(known) if target and _is(one, target)), None)
        if target is not None and new is not None and new.box is None:
            new = replace(new, box=target.box)
        if place is None:
            lines.append((target, new))
        else:
            lines[place] = (target, new)
        return cls(replace(edit, replacement=new), tuple(lines), complete)

    def number(self, kind: str) -> tuple[int, int]:
        """How many of a kind there are on either side."""
        first, second = (
            sum(line[side] is not None and line[side].kind == kind for line in self.lines)  # type: ignore[union-attr]
            for side in (0, 1)
        )
        return first, second

    def named(self, name: str) -> int:
        """How many things of this name there are, on both sides together; what stays counts once."""
        return sum(
            any(one is not None and wording.named(one, False) == name for one in line)
            for line in self.lines
        )

    @property
    def turned(self) -> Turn | None:
        """What a move turns round; None for other edits."""
        edit = self.edit
        if edit.kind != "move" or edit.target is None or edit.replacement is None:
            return None
        objects = tuple(one for one, _ in self.lines if one is not None)
        scene = Scene(objects=objects, aspect=1.0, complete=self.complete)
        return flips(scene, edit.target, edit.replacement.box)


def _is(one: Object, target: Object) -> bool:
    named = (one.kind, one.colour, one.size) == (target.kind, target.colour, target.size)
    return named and (one.box is None or one.box == target.box)


def ask(rng: random.Random, story: Story, task: str) -> Question:
    """Return the question of this task; existence where the task does not fit the edit."""
    writer = WRITERS.get(task or USUAL_TASK.get(story.edit.kind, ""))
    asked = writer(rng, story) if writer is not None else None
    return asked or _existence(rng, story)


def _existence(rng: random.Random, story: Story) -> Question:
    """Ask for the old or the new thing: by its kind where that is enough, else with its colour."""
    target, new = story.edit.target, story.edit.replacement
    sides = [(target, True)] if target is not None else []
    if new is not None and new.kind:
        sides.append((new, False))
    thing, there_before = rng.choice(sides)
    before, after = story.number(thing.kind)
    by_kind = (before == 0) != (after == 0)
    name = thing.kind if by_kind and rng.random() < 0.6 else wording.named(thing, False)
    box = None if story.complete else (target.box if target else thing.box)
    return wording.existence(rng, name, there_before, box)


def _count(rng: random.Random, story: Story) -> Question | None:
    kinds = [one.kind for one in (story.edit.target, story.edit.replacement) if one is not None]
    changed = [kind for kind in dict.fromkeys(kinds) if len(set(story.number(kind))) == 2]
    if not changed or not story.complete:
        return None
    kind = rng.choice(changed)
    return wording.count(rng, kind, *story.number(kind))


def _attribute(rng: random.Random, story: Story) -> Question | None:
    target, new = story.edit.target, story.edit.replacement
    if target is None or new is None or story.number(target.kind) != (1, 1):
        return None
    if story.edit.kind == "resize":
        return wording.worded(rng, sentences.SIZE, (target.size, new.size), kind=target.kind)
    return wording.worded(rng, sentences.COLOUR, (target.colour, new.colour), kind=target.kind)


def _binding(rng: random.Random, story: Story) -> Question | None:
    target, new = story.edit.target, story.edit.replacement
    if target is None or new is None or story.number(target.kind) != (1, 1):
        return None
    colour, answers = rng.choice([(target.colour, ("yes", "no")), (new.colour, ("no", "yes"))])
    return wording.worded(rng, sentences.BINDING, answers, kind=target.kind, colour=colour)


def _usual(rng: random.Random, story: Story) -> Question | None:
    """Ask whether the colour is the usual one, which colour it is whatever is usual, or for both."""
    target, new = story.edit.target, story.edit.replacement
    usual = lexicon.USUAL.get(target.kind if target else "")
    if target is None or new is None or usual is None or story.number(target.kind) != (1, 1):
        return None
    names = _names(target.kind)
    a, b = target.colour, new.colour
    draw = rng.random()
    if draw < 0.5 and usual in (a, b):
        wordings, yes = rng.choice(
            ((sentences.USUAL, usual), (sentences.UNUSUAL, b if a == usual else a))
        )
        told = "yes" if a == yes else "no", "yes" if b == yes else "no"
        return wording.worded(rng, wordings, told, kind=target.kind)
    if draw < 0.75:
        return wording.worded(rng, sentences.HERE, (a, b), **names)
    two = f"usually {usual}, here {a}", f"usually {usual}, here {b}"
    return wording.worded(rng, sentences.TWO_COLOURS, two, **names)


def known(rng: random.Random, story: Story) -> Example | None:
    """Return what is usual, asked where the edited picture shows another colour; None for other edits."""
    new = story.edit.replacement
    usual = lexicon.USUAL.get(new.kind if new else "")
    if story.edit.kind != "recolour" or new is None or usual in (None, new.colour):
        return None
    text = rng.choice(sentences.KNOWN).format(**_names(new.kind))
    slices = ("task:usual", f"kind:{new.kind}", f"colour:{new.colour}")
    return Example(task="usual", question=text, answer=str(usual), slices=slices)


def _names(kind: str) -> dict[str, str]:
    return {"kind": kind, "kinds": lexicon.plural(kind), "a_kind": lexicon.article(kind)}


def _relation(rng: random.Random, story: Story) -> Question | None:
    """Ask for the relation that the move turns round, in one of its two directions."""
    turned, target = story.turned, story.edit.target
    if turned is None or target is None:
        return None
    before, other, after = turned
    where, answers = rng.choice([(before, ("yes", "no")), (after, ("no", "yes"))])
    kind = wording.named(target, False) if story.number(target.kind)[0] > 1 else target.kind
    if other is None:
        return wording.worded(rng, sentences.HALF, answers, kind=kind, half=where)
    pair = {"a": kind, "relation": where, "b": other.kind}
    if rng.random() < 0.5:
        pair = {"a": other.kind, "relation": OPPOSITE[where], "b": kind}
    return wording.worded(rng, sentences.RELATION, answers, **pair)


def compare(rng: random.Random, story: Story) -> Example | None:
    """Return a question about both pictures with a short answer; None where it would be ambiguous."""
    edit, target = story.edit, story.edit.target
    shown = target if edit.kind in ("remove", "move") else edit.replacement
    if shown is None or not shown.kind:
        return None
    old = ""
    if edit.kind in ("replace", "recolour", "resize"):
        if target is None or story.number(target.kind)[0] != 1:
            return None
        old = target.kind
    name = wording.named(shown, False)
    if edit.kind in ("add", "remove") and story.named(name) > 1:
        return None
    answer = {"recolour": shown.colour, "resize": shown.size}.get(edit.kind) or name
    slices = ("task:difference", f"edit:{edit.kind}", f"kind:{shown.kind}")
    return Example(
        task="difference", question=rng.choice(sentences.BOTH[edit.kind]).format(old=old),
        answer=answer, slices=slices + ((f"colour:{shown.colour}",) if shown.colour else ()),
    )  # fmt: skip


WRITERS: Mapping[str, Callable[[random.Random, Story], Question | None]] = {
    "count": _count,
    "attribute": _attribute,
    "binding": _binding,
    "usual": _usual,
    "relation": _relation,
}
