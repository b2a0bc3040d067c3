"""What is usual, and what is here? Suns are yellow; this one may be blue.

    "What colour is a sun usually, and what colour is it here?" -> "usually yellow, here blue"

Four forms: what is usual (knowledge), what is here (sight), both, and whether the two agree. Only
kinds that have a usual colour are asked about, and only where one thing of that kind is there.
"""

import random

from counterfactory.factory.world.language import article, capital, plural, sentences
from counterfactory.factory.world.scene import COLOURS, USUAL, Scene
from counterfactory.factory.world.tasks.base import Group, others, slices, worded
from counterfactory.factory.world.varied import AGREES as VARIED_AGREES
from counterfactory.factory.world.varied import VARIED
from counterfactory.records import Example

USUALLY = {
    "train": (
        "What colour is {a_kind} usually?",
        "Which colour do {kinds} usually have?",
        "What is the usual colour of {a_kind}?",
        "Leaving this picture aside, what colour are {kinds}?",
        "What colour does one expect {a_kind} to be?",
    ),
    "reworded": (
        "As a rule, {kinds} are of which colour?",
        "In which colour do most {kinds} come?",
        "Setting this drawing aside, what colour is normal for {a_kind}?",
    ),
    "varied": VARIED["usually"],
}
HERE = {
    "train": (
        "What colour is the {kind} here, whatever {kinds} usually look like?",
        "Which colour does the {kind} really have in this picture?",
        "Look closely: what colour is the {kind} in this picture?",
        "What is the actual colour of the {kind} here?",
        "Forget what is usual. What colour is this {kind}?",
    ),
    "reworded": (
        "Never mind what {kinds} tend to look like: in which colour was this one drawn?",
        "Going by the drawing alone, what colour is the {kind}?",
        "Whatever one would expect, which colour was the {kind} given?",
    ),
    "varied": VARIED["here"],
}
BOTH = {
    "train": (
        "What colour is {a_kind} usually, and what colour is it here?",
        "Which colour do {kinds} usually have, and which does this {kind} have?",
        "What is the usual colour of {a_kind}, and what is its colour in this picture?",
        "Name the usual colour of {a_kind} and the colour of the {kind} here.",
        "What colour does one expect of {a_kind}, and what colour is this one?",
    ),
    "reworded": (
        "As a rule, {kinds} are of which colour, and how about the one drawn here?",
        "What colour is normal for {a_kind}, and what was drawn?",
        "Tell me how {kinds} are coloured usually and how this {kind} is coloured.",
    ),
    "varied": VARIED["both"],
}
AGREES = {  # asked as (template, the answer when the colour is the usual one)
    "train": (
        ("Does the {kind} have its usual colour here?", "yes"),
        ("Is the {kind} in this picture coloured as usual?", "yes"),
        ("Is this the usual colour of {a_kind}?", "yes"),
        ("Is the colour of the {kind} unusual here?", "no"),
        ("Does the {kind} have an unusual colour in this picture?", "no"),
        ("Is there something unusual about the colour of the {kind}?", "no"),
    ),
    "reworded": (
        ("Was the {kind} drawn in the colour one would expect?", "yes"),
        ("Would you call the colour of this {kind} normal?", "yes"),
        ("Was the {kind} drawn in a colour one would not expect?", "no"),
        ("Would you call the colour of this {kind} strange?", "no"),
    ),
    "varied": VARIED_AGREES,
}


FORMS = {  # form -> its slice
    "usually": "usual colour",
    "here": "actual colour",
    "both": "usual and actual colour",
    "agrees": "usual or not",
}


def _told(usual: str, here: str) -> str:
    return f"usually {usual}, here {here}"


def _wrong_pairs(rng: random.Random, usual: str, here: str) -> tuple[str, ...]:
    """Return what one says who misses one half of the answer."""
    other = rng.choice([colour for colour in COLOURS if colour not in (usual, here)])
    wrong = [_told(usual, other), _told(other, here), _told(here, usual), _told(usual, usual)]
    return tuple(dict.fromkeys(w for w in wrong if w != _told(usual, here)))[:3]


def usual(scene: Scene, rng: random.Random, wordings: str) -> list[Example]:
    """Ask one of the four forms about one thing that has a usual colour."""
    things = [
        t for t in scene.things if t.kind in USUAL and len(Group(t.kind).of(scene.things)) == 1
    ]
    if not things:
        return []
    thing = rng.choice(things)
    kind, here, norm = thing.kind, thing.colour, USUAL[thing.kind]
    words = {"kind": kind, "kinds": plural(kind), "a_kind": article(kind)}
    name = rng.choice(sorted(FORMS))
    seen = f"{capital(plural(kind))} are usually {norm}. The {kind} in this picture is {here}."
    if name == "agrees":
        template, if_usual = rng.choice(sentences(AGREES, wordings))
        answer = if_usual if here == norm else {"yes": "no", "no": "yes"}[if_usual]
        question = capital(template.format(**words))
        same = "That is the usual colour" if here == norm else "That is not the usual colour"
        rationale = f"{seen} {same}, so the answer is {answer}."
        distractors: tuple[str, ...] = ("no" if answer == "yes" else "yes",)
    else:
        templates = {"usually": USUALLY, "here": HERE, "both": BOTH}[name]
        answer = {"usually": norm, "here": here, "both": _told(norm, here)}[name]
        question = worded(rng, templates, wordings, **words)
        rationale = f"{seen} So the answer is {answer}."
        distractors = (
            _wrong_pairs(rng, norm, here) if name == "both" else others(rng, answer, COLOURS, 3)
        )
    return [
        Example(
            task="usual",
            question=question,
            answer=answer,
            rationale=rationale,
            distractors=distractors,
            slices=slices("usual", attribute=FORMS[name], kind=kind, colour=here),
            verifier="yes_no" if name == "agrees" else "exact",
        )
    ]
