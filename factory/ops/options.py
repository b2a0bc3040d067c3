"""Every edit that makes sense on one sample: no ambiguous target, no edit that changes nothing.

    large yellow sun, small red ball  ->  replace the sun by a green star, recolour the ball purple,
                                          remove the sun, add a small blue drop (at a free place),
                                          move the ball to the right ...

Each option names the question it will be asked about (`task`) and the slices it belongs to. An
edit is left out when its target has a double in the picture, when the new thing already has one,
or when there is no room for it.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from counterfactory.factory.ops import lexicon, places
from counterfactory.records import Box, Edit, Object

SOME = 8  # (kind, colour) pairs drawn for each target
TASKS = {
    "replace": ("existence", "count"),
    "recolour": ("attribute", "binding", "existence", "usual"),
    "remove": ("existence", "count"),
    "add": ("existence", "count"),
    "move": ("relation",),
    "resize": ("attribute",),
}


Turn = tuple[str, Object | None, str]  # relation before, the other thing or None, relation after


@dataclass(frozen=True, slots=True)
class Option:
    """One possible edit and what it would teach."""

    kind: str
    task: str
    target: Object | None
    replacement: Object | None
    slices: tuple[str, ...]

    def edit(self, method: str, background: str) -> Edit:
        """Return the edit, with its prompts in words."""
        new = None if self.kind in ("remove", "move") else self.replacement
        return Edit(
            kind=self.kind, method=method, target=self.target, replacement=self.replacement,
            prompt_a=_prompt(self.target, background), prompt_b=_prompt(new, background),
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """What may be proposed."""

    colours: Sequence[str]
    objects: Sequence[str] = ()  # empty: the target's own class
    # side of a thing's square by its size word, share of the width
    sides: tuple[tuple[str, float], ...]
    gap: float  # kept free around a new or moved thing, share of the width
    edge: float  # kept free at the picture's border
    # slices in focus: kinds and colours in them are always among the options
    wanted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What is known of one picture."""

    objects: tuple[Object, ...]
    aspect: float  # width over height
    complete: bool  # the objects are all there are, so they can be counted

    @property
    def boxes(self) -> list[Box]:
        """The boxes of all things that have one."""
        return [one.box for one in self.objects if one.box is not None]

    @property
    def located(self) -> bool:
        """Whether every thing has a box, so that free places are known."""
        return len(self.boxes) == len(self.objects)

    def unique(self, thing: Object) -> bool:
        """Whether colour and kind name exactly one thing."""
        return sum(lexicon.same(thing, other) for other in self.objects) == 1

    def holds(self, thing: Object) -> bool:
        """Whether colour and kind name something that is there."""
        return any(lexicon.same(thing, other) for other in self.objects)

    def number(self, kind: str) -> int:
        """How many things of a kind there are."""
        return sum(one.kind == kind for one in self.objects)


def options(
    scene: Scene, kinds: Sequence[str], words: Vocabulary, rng: random.Random
) -> list[Option]:
    """Return every option of the wanted edit kinds.

    `rng` draws the places of added and moved things.
    """
    makers = {
        "replace": _replace, "recolour": _recolour, "remove": _remove,
        "add": _add, "move": _move, "resize": _resize,
    }  # fmt: skip
    return [option for kind in kinds for option in makers[kind](scene, words, rng)]


def region_options(kinds: Sequence[str], words: Vocabulary) -> list[Option]:
    """Return the options where nothing is known of the picture: `mask_classical` chooses a region for each."""
    found = []
    for kind in kinds:
        if kind == "recolour":
            found += [
                Option(kind, "attribute", None, Object(kind="", colour=colour),
                       ("edit:recolour", "attribute:colour", f"colour:{colour}"))
                for colour in words.colours
            ]  # fmt: skip
        elif kind != "replace":
            found.append(Option(kind, "difference", None, None, (f"edit:{kind}",)))
    return found


def _replace(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    for target in _targets(scene):
        colours = words.colours if target.colour else [""]
        for kind, colour in _some(words.objects or lexicon.swaps(target.kind), colours, words, rng):
            new = replace(target, kind=kind, colour=colour, box=None)
            if kind != target.kind and not scene.holds(new):
                yield from _tasks("replace", scene, target, new)


def _recolour(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    for target in _targets(scene):
        for colour in words.colours:
            new = replace(target, colour=colour, box=None)
            if target.colour and colour != target.colour and not scene.holds(new):
                yield from _tasks("recolour", scene, target, new)


def _remove(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    for target in _targets(scene):
        yield from _tasks("remove", scene, target, None)


def _add(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    if not scene.located or not scene.objects:
        return
    kinds = words.objects or lexicon.CLASSES.get(lexicon.class_of(scene.objects[0].kind), ())
    for size, side in words.sides:
        place = _free(scene, side, words, rng)
        for kind, colour in _some(kinds, words.colours, words, rng) if place else ():
            new = Object(kind=kind, colour=colour, size=size, box=place)
            if not scene.holds(new):
                yield from _tasks("add", scene, None, new)


def _move(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    """Move a thing to the other half, or to the other side of a thing that stands alone in its kind."""
    if not scene.located:
        return
    for target in _targets(scene):
        place = _free(scene, 0.0, words, rng, target.box)
        if place is None or target.box is None:
            continue
        said = places.region_name(place) != places.region_name(target.box)
        if said and flips(scene, target, place):
            yield from _tasks("move", scene, target, replace(target, box=place))


def _resize(scene: Scene, words: Vocabulary, rng: random.Random) -> Iterator[Option]:
    """Shrink a large thing: growing could reach its neighbours."""
    sides = dict(words.sides)
    for target in _targets(scene):
        if target.box is None or target.size != "large" or scene.number(target.kind) > 1:
            continue
        share = sides["small"] / sides["large"]
        x, y = places.centre(target.box)
        wide, high = ((target.box[i + 2] - target.box[i]) * share / 2 for i in (0, 1))
        box = (x - wide, y - high, x + wide, y + high)
        yield from _tasks("resize", scene, target, replace(target, size="small", box=box))


def flips(scene: Scene, target: Object, place: Box | None) -> Turn | None:
    """Return what a move turns round: (before, other thing or None, after), the clearest first;
    None for nothing.

    With another thing it is a relation ("left of" becomes "right of"); without, a half of the
    picture.
    """
    if target.box is None or place is None:
        return None
    for other in scene.objects:
        if other == target or other.box is None or scene.number(other.kind) > 1:
            continue
        before, after = places.relations(target.box, other.box), places.relations(place, other.box)
        for relation in before:
            if OPPOSITE[relation] in after:
                return relation, other, OPPOSITE[relation]
    for axis in "xy":
        before_half, after_half = places.half(target.box, axis), places.half(place, axis)
        if before_half and after_half and before_half != after_half:
            return before_half, None, after_half
    return None


OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
HALF_RELATION = {"left": "left of", "right": "right of", "top": "above", "bottom": "below"}


def _some(
    kinds: Sequence[str], colours: Sequence[str], words: Vocabulary, rng: random.Random
) -> list[tuple[str, str]]:
    """Draw a few (kind, colour) pairs, and all that the focus wants: the whole product is too many to list."""
    pairs = [(kind, colour) for kind in kinds for colour in colours]
    wanted = [one for one in pairs if words.wanted & {f"kind:{one[0]}", f"colour:{one[1]}"}]
    return [*wanted, *rng.sample(pairs, min(SOME, len(pairs)))]


def _targets(scene: Scene) -> list[Object]:
    return [one for one in scene.objects if scene.unique(one)]


def _free(
    scene: Scene, side: float, words: Vocabulary, rng: random.Random, box: Box | None = None
) -> Box | None:
    """Draw a free place for a new thing of this side, or for a thing with a box."""
    wide, high = (side, side * scene.aspect) if box is None else (box[2] - box[0], box[3] - box[1])
    return places.pick_free(rng, scene.boxes, wide, high, gap=words.gap, edge=words.edge)


def _tasks(kind: str, scene: Scene, target: Object | None, new: Object | None) -> Iterator[Option]:
    """Yield the option once for each question that may be asked about it."""
    for task in TASKS[kind]:
        if task == "count" and not scene.complete:
            continue
        if task in ("attribute", "binding", "usual") and target and scene.number(target.kind) > 1:
            continue  # "what colour is the ball?" needs one ball
        if task == "usual" and not _turns_usual(target, new):
            continue
        yield Option(kind, task, target, new, _slices(kind, task, scene, target, new))


def _turns_usual(target: Object | None, new: Object | None) -> bool:
    """Whether exactly one of the two colours is the kind's usual one."""
    if target is None or new is None or target.kind not in lexicon.USUAL:
        return False
    usual = lexicon.USUAL[target.kind]
    return (target.colour == usual) != (new.colour == usual)


def _slices(
    kind: str, task: str, scene: Scene, target: Object | None, new: Object | None
) -> tuple[str, ...]:
    found = [f"edit:{kind}", f"task:{task}"]
    for one in (target, new):
        if one is not None:
            found += [f"kind:{one.kind}"] + ([f"colour:{one.colour}"] if one.colour else [])
    if kind in ("recolour", "resize"):
        found.append(f"attribute:{'colour' if kind == 'recolour' else 'size'}")
    if kind == "move" and target is not None and new is not None and new.box is not None:
        turned = flips(scene, target, new.box)
        if turned is not None:
            found += [
                f"relation:{HALF_RELATION.get(name, name)}" for name in (turned[0], turned[2])
            ]
    return tuple(dict.fromkeys(found))


def _prompt(thing: Object | None, background: str) -> str:
    return background if thing is None or not thing.phrase else lexicon.article(thing.phrase)
