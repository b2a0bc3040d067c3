"""Are the texts of a pair true of its two scenes? Read by an evaluator of its own, which shares no
code with the ops.

    text_problems(before, after, row) -> []                                     all true
                                      -> ["caption_b: says 2 red star, the scene has 1"]

A question or sentence whose form is not known here counts as a problem: nothing passes unread.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from counterfactory.factory.world.scene import COLOURS, KINDS, SIDE, SIZES, USUAL, Scene, Thing

NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight")
SINGULAR = {f"{kind}s": kind for kind in KINDS} | {
    "leaves": "leaf",
    "boxes": "box",
    "crosses": "cross",
}
_NOUN = "|".join([*KINDS, *SINGULAR])
_PHRASE = (
    rf"(?:(?P<size>{'|'.join(SIZES)}) )?(?:(?P<colour>{'|'.join(COLOURS)}) )?(?P<kind>{_NOUN})\b"
)
COUNTED = re.compile(rf"\b(?P<number>an?|{'|'.join(NUMBERS)}) {_PHRASE}")
NAMED = re.compile(_PHRASE)
RELATION = r"(left of|right of|above|below)"


def kind_of(word: str) -> str:
    """Return a noun in the singular."""
    return SINGULAR.get(word, word)


def number(word: str) -> int:
    """Return what a number word or an article counts; -1 for anything else."""
    if word in ("a", "an"):
        return 1
    return (
        int(word)
        if word.isdigit()
        else NUMBERS.index(word)
        if word in NUMBERS
        else {"zero": 0}.get(word, -1)
    )


def matching(scene: Scene, phrase: str) -> list[Thing]:
    """Return the things that a phrase fits: "red star", "star", "large red star"."""
    found = NAMED.search(phrase)
    if found is None:
        return []
    said = {key: value for key, value in found.groupdict().items() if value}
    said["kind"] = kind_of(said["kind"])
    return [t for t in scene.things if all(getattr(t, key) == value for key, value in said.items())]


def caption_problems(name: str, text: str, scene: Scene) -> list[str]:
    """Return where a caption names more, less or other things than the scene holds, or says a wrong relation."""
    lower = text.lower()
    said: Counter[tuple[str, str]] = Counter()
    for hit in COUNTED.finditer(lower):
        said[hit["colour"] or "", kind_of(hit["kind"])] += number(hit["number"])
        if hit["size"] and not matching(scene, hit[0]):
            said[hit["size"], kind_of(hit["kind"])] += 1
    there = Counter((t.colour, t.kind) for t in scene.things)
    problems = [
        f"{name}: says {said[key]} {' '.join(key)}, the scene has {there[key]}"
        for key in sorted(said.keys() | there.keys())
        if said[key] != there[key]
    ]
    for hit in re.finditer(rf"({_bare()}) {RELATION} an? ({_bare()})", lower):
        if not related(scene, hit[1], hit[2], hit[3]):
            problems.append(f"{name}: not true: {hit[0]}")
    for hit in re.finditer(rf"({_bare()}) in the (left|right|top|bottom|upper|lower) half", lower):
        if not any(in_half(thing, hit[2]) for thing in matching(scene, hit[1])):
            problems.append(f"{name}: not true: {hit[0]}")
    return problems


def _bare() -> str:
    return re.sub(r"\?P<\w+>", "?:", _PHRASE)


def related(scene: Scene, one: str, relation: str, other: str) -> bool:
    """Whether some thing of the first phrase stands so to some thing of the second."""

    def stands(a: Thing, b: Thing) -> bool:
        dx, dy = a.x - b.x, a.y - b.y
        return {"left of": dx < 0, "right of": dx > 0, "above": dy < 0, "below": dy > 0}[relation]

    return any(stands(a, b) for a in matching(scene, one) for b in matching(scene, other) if a != b)


def in_half(thing: Thing, half: str) -> bool:
    """Whether a thing's centre lies in a half of the picture."""
    middle = SIDE / 2
    return {
        "left": thing.x < middle, "right": thing.x > middle, "top": thing.y < middle,
        "upper": thing.y < middle, "bottom": thing.y > middle, "lower": thing.y > middle,
    }[half]  # fmt: skip


def answer(question: str, scene: Scene) -> str | None:
    """Return the true short answer to a question about a scene; None for a form that is not known."""
    text = question.lower()
    bare = _bare()
    if hit := re.search(rf"the ({bare}) (?:stand )?{RELATION} the ({bare})", text):
        return _yes(related(scene, hit[1], hit[2], hit[3]))
    if hit := re.search(rf"the ({bare}) (?:in|stand in) the (\w+) half", text):
        return _yes(any(in_half(thing, hit[2]) for thing in matching(scene, hit[1])))
    if hit := re.search(rf"(?:how many|number of) ({bare})", text):
        return str(len(matching(scene, hit[1])))
    if hit := re.search(rf"(?:is|does) the ({bare}).*(?:usual)", text):
        return _one(scene, hit[1], lambda t: _yes(t.colour == USUAL.get(t.kind)))
    if hit := re.search(
        rf"colour.*\bthe ({bare})|the ({bare}).*colour (?!{'|'.join(COLOURS)})", text
    ):
        if not re.search(r"have the colour (\w+)", text):
            return _one(scene, hit[1] or hit[2], lambda t: t.colour)
    if "large or small" in text or "small or large" in text:
        return _one(scene, text, lambda t: t.size)
    if hit := re.search(
        rf"(?:is|does) the ({bare}) (?:have the colour )?({'|'.join(COLOURS)})\b", text
    ):
        return _one(scene, hit[1], lambda t: _yes(t.colour == hit[2]))
    if hit := re.search(rf"\ban? ({bare})", text):
        return _yes(bool(matching(scene, hit[1])))
    return None


def _yes(flag: bool) -> str:
    return "yes" if flag else "no"


def _one(scene: Scene, phrase: str, value: Any) -> str | None:
    hits = matching(scene, phrase)
    return value(hits[0]) if len(hits) == 1 else None


def same_answer(said: str, true: str | None) -> bool:
    """Whether two short answers mean the same: "Two." and "2"."""
    if true is None:
        return False
    plain = said.strip().lower().rstrip(".")
    return plain == true or (number(plain) >= 0 and str(number(plain)) == true)


def difference_problems(text: str, scenes: Iterable[Scene]) -> list[str]:
    """Return the things that the difference sentence names and neither scene holds."""
    both = list(scenes)
    named = [hit[0] for hit in NAMED.finditer(text.lower())]
    missing = [phrase for phrase in named if not any(matching(scene, phrase) for scene in both)]
    return [f"difference: names a {phrase} that is in neither picture" for phrase in missing] or (
        [] if named else ["difference: names nothing"]
    )


def text_problems(before: Scene, after: Scene, row: Mapping[str, Any]) -> list[str]:
    """Return every untrue text of a pair."""
    problems = caption_problems("caption_a", row["caption_a"], before)
    problems += caption_problems("caption_b", row["caption_b"], after)
    problems += difference_problems(row["difference"], (before, after))
    for side, scene in (("a", before), ("b", after)):
        true = answer(row["question"], scene)
        if not same_answer(row[f"answer_{side}"], true):
            problems.append(
                f"answer_{side}: {row['question']} {row[f'answer_{side}']!r}, true is {true!r}"
            )
    return problems
