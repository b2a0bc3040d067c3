"""A second opinion: reads a question and its rationale as text and works out what is true.

It shares the sentences with the tasks (to know what is asked) and nothing else: groups, counts,
geometry and arithmetic are done again here, as plainly as can be.
"""

import re
from collections import Counter
from collections.abc import Callable

from counterfactory.factory.world.scene import COLOURS, KINDS, Scene, Thing

IRREGULAR = {"leaf": "leaves", "box": "boxes", "cross": "crosses"}
SINGULAR = {IRREGULAR.get(kind, kind + "s"): kind for kind in (*KINDS, "thing")}
USUALLY = dict(sun="yellow", leaf="green", heart="red", drop="blue", moon="white", brick="brown")
WORDS = {"a": 1, "no": 0, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}

ADJECTIVES = rf"(?:(?:small|large) )?(?:(?:{'|'.join(COLOURS)}) )?"
ONE = ADJECTIVES + rf"(?:{'|'.join((*KINDS, 'thing'))})"
MANY = ADJECTIVES + rf"(?:{'|'.join(SINGULAR)})"
RELATION = r"(?:to the )?(?:left of|right of)|above|below|near|far from"
GAPS = {
    "kind": "|".join(KINDS), "kinds": "|".join(SINGULAR), "a_kind": rf"an? (?:{'|'.join(KINDS)})",
    "ref": ONE, "nouns": MANY, "added": rf"(?:a|two|three) (?:{ONE}|{MANY})", "relation": RELATION,
    "value": "|".join((*COLOURS, "small", "large")),
}  # fmt: skip


def pattern(template: str, **special: str) -> re.Pattern[str]:
    """Turn a wording into a pattern whose groups are its gaps."""
    gaps = GAPS | special
    parts = re.split(r"\{(\w+)\}", template)
    seen: set[str] = set()
    text = ""
    for n, part in enumerate(parts):
        if n % 2 == 0:
            text += re.escape(part)
        elif part in seen:
            text += f"(?P={part})"
        else:
            text += f"(?P<{part}>{gaps[part]})"
            seen.add(part)
    return re.compile(text, re.IGNORECASE)


def words_of(phrase: str) -> tuple[str, str, str]:
    """Return size, colour and kind of a noun phrase; empty where it does not say."""
    *adjectives, noun = phrase.lower().split()
    size = next((w for w in adjectives if w in ("small", "large")), "")
    colour = next((w for w in adjectives if w in COLOURS), "")
    kind = SINGULAR.get(noun, noun)
    return size, colour, "" if kind == "thing" else kind


def those(things: list[Thing], phrase: str) -> list[Thing]:
    """Return the things that a noun phrase speaks of."""
    size, colour, kind = words_of(phrase)
    found = []
    for thing in things:
        if size and thing.size != size or colour and thing.colour != colour:
            continue
        if kind and thing.kind != kind:
            continue
        found.append(thing)
    return found


def the(things: list[Thing], phrase: str) -> Thing:
    """Return the one thing that "the ..." speaks of; fails when there is none, or more than one."""
    found = those(things, phrase)
    assert len(found) == 1, f"'the {phrase}' is ambiguous or absent: {found}"
    return found[0]


def related(name: str, a: Thing, b: Thing) -> bool:
    """Whether a stands so to b; fails when it is too close to call."""
    dx, dy = b.x - a.x, b.y - a.y
    if name in ("near", "far from"):
        distance = (dx**2 + dy**2) ** 0.5
        assert distance <= 52 or distance >= 76, "neither near nor far"
        return (distance <= 52) == (name == "near")
    step = {"left of": dx, "right of": -dx, "above": dy, "below": -dy}[name.removeprefix("to the ")]
    assert abs(step) >= 14, "too close to call"
    return step > 0


def left_after(things: list[Thing], *phrases: str) -> int:
    """Return how many things are left after removing groups, one after the other."""
    for phrase in phrases:
        gone = those(things, phrase)
        things = [thing for thing in things if thing not in gone]
    return len(things)


def amount(added: str) -> int:
    """Return the number in "two stars"."""
    return WORDS[added.split()[0].lower()]


def listed(text: str) -> Counter[tuple[str, ...]]:
    """Return what an enumeration names, as (words before the noun ..., kind) with counts."""
    found: Counter[tuple[str, ...]] = Counter()
    if text in ("nothing", "none"):
        return found
    for part in re.split(r", | and ", text):
        number, *adjectives, noun = part.split()
        found[(*adjectives, SINGULAR.get(noun, noun))] += WORDS[number]
    return found


def truth(things: list[Thing]) -> Counter[tuple[str, ...]]:
    """Return the things as `listed` names them."""
    return Counter((thing.colour, thing.kind) for thing in things)


def yes_no(flag: bool) -> str:
    return "yes" if flag else "no"


def numbers_hold(text: str) -> None:
    """Every sum written out in a text must be right."""
    for a, sign, b, result in re.findall(r"(\d+) ([+-]) (\d+) = (\d+)", text):
        assert int(result) == (int(a) + int(b) if sign == "+" else int(a) - int(b)), text


Claim = tuple[re.Pattern[str], Callable[[re.Match[str], Scene, str], None]]


def _inventory(m: re.Match[str], scene: Scene, _: str) -> None:
    assert listed(m[1]) == truth(list(scene.things))


def _there_are(m: re.Match[str], scene: Scene, _: str) -> None:
    things = list(scene.things)
    assert len(those(things, m[2])) == int(m[1])
    if m[3]:
        assert len(those(things, m[4])) == int(m[3])


def _existence(m: re.Match[str], scene: Scene, answer: str) -> None:
    found = those(list(scene.things), m[2])
    number = WORDS[m[1]] if m[1] in WORDS else int(m[1])
    assert len(found) == number and answer == m[3] == yes_no(bool(found))


def _among(m: re.Match[str], scene: Scene, answer: str) -> None:
    found = those(list(scene.things), m[1])
    assert listed(m[2]) == truth(found) and len(found) == int(m[3])


def _none(m: re.Match[str], scene: Scene, _: str) -> None:
    assert not those(list(scene.things), m[1])


def _in_all(m: re.Match[str], scene: Scene, _: str) -> None:
    assert int(m[1]) == len(scene.things)


def _own(m: re.Match[str], scene: Scene, answer: str) -> None:
    assert getattr(the(list(scene.things), m[1]), m[2]) == m[3] == answer


def _bound(m: re.Match[str], scene: Scene, answer: str) -> None:
    real = getattr(the(list(scene.things), m[2]), m[1])
    assert real == m[3] and m[4] != real and answer == m[5] == yes_no(m[4] is None)


def _relation(m: re.Match[str], scene: Scene, answer: str) -> None:
    a, b = (the(list(scene.things), m[n]) for n in (1, 3))
    assert related(m[2], a, b)


def _norm(m: re.Match[str], scene: Scene, _: str) -> None:
    assert USUALLY[SINGULAR[m[1].lower()]] == m[2]
    assert SINGULAR[m[1].lower()] == m[3] and the(list(scene.things), m[3]).colour == m[4]


def _true(m: re.Match[str], scene: Scene, answer: str) -> None:
    """What the question itself decides; its answer is checked against the naive one."""


CLAIMS: list[Claim] = [
    (re.compile(r"The picture shows ([^.]+)\."), _inventory),
    (re.compile(rf"There (?:is|are) (\d+|an?|no) ({ONE}|{MANY}), so the answer is (yes|no)\."), _existence),
    (re.compile(rf"There (?:is|are) (\d+) ({ONE}|{MANY})(?: and (\d+) ({ONE}|{MANY}))?\."), _there_are),
    (re.compile(rf"The ({MANY}) among them: ([^.]+)\. That makes (\d+)\."), _among),
    (re.compile(rf"None of them is an? ({ONE})\. That makes 0\."), _none),
    (re.compile(r"That makes (\d+)(?: things?)?\."), _in_all),
    (re.compile(rf"Removing \d+ (?:{ONE}|{MANY}): \d+ - \d+ = \d+\."), _true),
    (re.compile(rf"Adding \d+ (?:{ONE}|{MANY}): \d+ \+ \d+ = \d+\."), _true),
    (re.compile(r"\d+ [+-] \d+ = \d+\."), _true),
    (re.compile(rf"There is exactly one ({ONE})\. Its (colour|size) is (\w+)\."), _own),
    (
        re.compile(rf"The (colour|size) of the ({ONE}) is (\w+)(?:, not (\w+))?, so the answer is (yes|no)\."),
        _bound,
    ),
    (re.compile(rf"The ({ONE}) is ({RELATION}) the ({ONE}), so the answer is (yes|no)\."), _relation),
    (re.compile(r"(\w+) are usually (\w+)\. The (\w+) in this picture is (\w+)\."), _norm),
    (re.compile(r"That is (?:not )?the usual colour, so the answer is (?:yes|no)\."), _true),
    (re.compile(r"So the answer is [\w, ]+\."), _true),
]  # fmt: skip


def check_rationale(text: str, scene: Scene, answer: str) -> None:
    """Every sentence must be a claim that we know, and true."""
    numbers_hold(text)
    rest = text
    while rest:
        for claim, check in CLAIMS:
            if match := claim.match(rest):
                check(match, scene, answer)
                rest = rest[match.end() :].lstrip()
                break
        else:
            raise AssertionError(f"a claim nobody checks: {rest!r}")
