"""The wordings a recipe may learn from: they must stay away from what evaluation asks."""

import random
import re
from difflib import SequenceMatcher

import pytest

from counterfactory.factory.ops import sentences
from counterfactory.factory.release.views import COMPARE
from counterfactory.factory.world import language, questions, request_texts
from counterfactory.factory.world.scene import scene_at
from counterfactory.factory.world.tasks import (
    attribute,
    counting,
    description,
    existence,
    relation,
    usual,
    wordings,
)

MODULES = (
    wordings, existence, attribute, counting, relation, usual, description, language, request_texts,
)  # fmt: skip
TEMPLATES = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, dict) and "varied" in value
}

PAIRS = {name: value for name, value in vars(sentences).items() if isinstance(value, tuple)}
PAIRS |= {
    f"{table}.{name}": value
    for table in ("BOTH", "CHANGES")
    for name, value in vars(sentences)[table].items()
}
PAIRS |= {"COMPARE": COMPARE}
PLAIN = (
    "Is the {kind} large or small?",
    "What colour is the {kind}?",
)  # there is one way to say it
HELD = [
    sentence
    for module in MODULES
    for table in vars(module).values()
    if isinstance(table, dict)
    for group in (table, *(one for one in table.values() if isinstance(one, dict)))
    for sentence in group.get("reworded", ())
]


def text(sentence):
    return sentence[0] if isinstance(sentence, tuple) else sentence


def bare(sentence):
    return re.sub(r"[^a-z{}_ ]", "", text(sentence).lower())


def gaps(sentence):
    return {gap.lower() for gap in re.findall(r"{(\w+)}", text(sentence))}


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_comes_near_what_is_held_out(name):
    near = [
        (one, held)
        for one in TEMPLATES[name]["varied"]
        for held in TEMPLATES[name]["reworded"]
        if SequenceMatcher(None, bare(one), bare(held)).ratio() > 0.8
    ]
    assert not near


@pytest.mark.parametrize("name", [n for n in PAIRS if n != "CAPTIONS"])
def test_nothing_asked_about_pairs_comes_near_it_either(name):
    """Gaps have names of their own in pairs: what is compared are the words around them."""
    ours, theirs = (
        {one: re.sub(r"{\w+}", "x", bare(one)) for one in many} for many in (PAIRS[name], HELD)
    )
    near = [
        (one, held)
        for one in ours
        for held in theirs
        if one not in PLAIN and SequenceMatcher(None, ours[one], theirs[held]).ratio() > 0.8
    ]
    assert len(HELD) > 80 and not near


@pytest.mark.parametrize("name", [n for n in TEMPLATES if not n.startswith("usual")])
def test_gaps_are_those_of_the_task(name):
    known = [gaps(one) for one in TEMPLATES[name]["train"]]
    assert all(gaps(one) in known for one in TEMPLATES[name]["varied"])


def test_varied_questions_have_the_answers_of_plain_ones():
    """The answer is made from the scene before a wording is drawn: only the words differ."""
    found = 0
    for index in range(40):
        scene = scene_at("biased", "train", 5, index)
        for task in questions.TASKS:
            plain, varied = (
                questions.ask(task, scene, random.Random(index), kind)
                for kind in ("train", "varied")
            )
            assert [len(plain) > 0] == [len(varied) > 0]
            for example in varied:
                assert "{" not in example.question and example.answer
                found += example.question not in {one.question for one in plain}
    assert found > 100
