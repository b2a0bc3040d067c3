"""Every answer is worked out a second time, every claim of a rationale is checked, nothing is ambiguous."""

import importlib.util
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.factory.world import questions as q
from counterfactory.factory.world.scene import COLOURS, DISTRIBUTIONS, KINDS, Scene, scene_at
from counterfactory.factory.world.tasks import (
    attribute,
    counting,
    description,
    existence,
    relation,
    usual,
    wordings,
)
from counterfactory.records import Example

spec = importlib.util.spec_from_file_location("naive", Path(__file__).with_name("naive.py"))
assert spec and spec.loader
naive: Any = importlib.util.module_from_spec(spec)
spec.loader.exec_module(naive)

TABLES = {
    "existence": existence.WORDINGS, "colour": attribute.COLOUR, "size": attribute.SIZE,
    "binding": attribute.BINDING, "count": counting.WORDINGS, "relation": relation.WORDINGS,
    "description": description.WORDINGS, "left": wordings.LEFT, "more": wordings.MORE, "total": wordings.TOTAL,
    "add": wordings.ADD, "left_left": wordings.LEFT_LEFT, "left_add": wordings.LEFT_ADD,
    "total_add": wordings.TOTAL_ADD, "usually": usual.USUALLY, "here": usual.HERE, "both": usual.BOTH,
    "agrees": {w: tuple(t for t, _ in pairs) for w, pairs in usual.AGREES.items()},
    "difference": wordings.OPEN, **{f"difference_{k}": v for k, v in wordings.SHORT.items()},
}  # fmt: skip
MANY = {"a": naive.MANY, "b": naive.MANY}
ONE = {"a": naive.ONE, "b": naive.ONE}
PATTERNS = [
    (name, naive.pattern(text, **(ONE if name == "relation" else MANY)))
    for name, table in TABLES.items()
    if not name.startswith("difference")
    for texts in table.values()
    for text in texts
]
IF_USUAL = {text: answer for pairs in usual.AGREES.values() for text, answer in pairs}
AGREES = [(naive.pattern(text), answer) for text, answer in IF_USUAL.items()]
CASE = (
    st.sampled_from(DISTRIBUTIONS),
    st.integers(0, 2**40),
    st.sampled_from(("train", "reworded")),
)


def size_of(things: list[Any], phrase: str) -> int:
    return len(naive.those(things, phrase))


def naive_answer(name: str, m: "re.Match[str]", scene: Scene, question: str) -> str | None:
    """Return the answer to a question that was read as one of a family."""
    things, g = list(scene.things), m.groupdict()
    kind = (
        g.get("kind")
        or naive.SINGULAR.get(g.get("kinds") or "")
        or (g.get("a_kind") or " ").split()[-1:]
    )
    kind = kind[0] if isinstance(kind, list) and kind else kind
    match name:
        case "existence":
            return str(naive.yes_no(bool(naive.those(things, kind))))
        case "colour" | "size":
            return str(getattr(naive.the(things, g["ref"]), name))
        case "binding":
            one = naive.the(things, g["ref"])
            return str(naive.yes_no(g["value"] in (one.colour, one.size)))
        case "count":
            return str(size_of(things, g["nouns"]))
        case "relation":
            a, b = naive.the(things, g["a"]), naive.the(things, g["b"])
            return str(naive.yes_no(naive.related(g["relation"], a, b)))
        case "left":
            return str(naive.left_after(things, g["a"]))
        case "more":
            return str(size_of(things, g["a"]) - size_of(things, g["b"]))
        case "total":
            assert not set(naive.those(things, g["a"])) & set(naive.those(things, g["b"])), (
                "counted twice"
            )
            return str(size_of(things, g["a"]) + size_of(things, g["b"]))
        case "add":
            return str(size_of(things, g["a"]) + naive.amount(g["added"]))
        case "left_left":
            return str(naive.left_after(things, g["a"], g["b"]))
        case "left_add":
            return str(naive.left_after(things, g["a"]) + naive.amount(g["added"]))
        case "total_add":
            return str(size_of(things, g["a"]) + size_of(things, g["b"]) + naive.amount(g["added"]))
        case "usually":
            return str(naive.USUALLY[kind])
        case "here":
            return str(naive.the(things, kind).colour)
        case "both":
            return f"usually {naive.USUALLY[kind]}, here {naive.the(things, kind).colour}"
        case "agrees":
            if_usual = next(answer for text, answer in AGREES if text.fullmatch(question))
            is_usual = naive.the(things, kind).colour == naive.USUALLY[kind]
            return if_usual if is_usual else {"yes": "no", "no": "yes"}[if_usual]
    return None


def answers(example: Example, scene: Scene) -> set[str]:
    """Return the naive answer of every reading of the question."""
    found = {
        naive_answer(name, m, scene, example.question)
        for name, reading in PATTERNS
        if (m := reading.fullmatch(example.question))
    }
    assert found, f"nobody can read {example.question!r}"
    return {answer for answer in found if answer is not None}


def asked(distribution: str, seed: int, words: str, n: int = 10) -> tuple[Scene, list[Example]]:
    scene = scene_at(distribution, "train", 0, seed)
    return scene, q.questions(scene, random.Random(seed), n=n, wordings=words)


@given(*CASE)
@settings(max_examples=400)
def test_a_naive_reader_finds_the_same_answer(distribution: str, seed: int, words: str) -> None:
    scene, examples = asked(distribution, seed, words)
    for example in examples:
        if example.task != "description":
            assert answers(example, scene) == {example.answer}, (example, scene)


@given(*CASE)
@settings(max_examples=400)
def test_every_claim_of_a_rationale_is_true_and_it_ends_in_the_answer(
    distribution: str, seed: int, words: str
) -> None:
    scene, examples = asked(distribution, seed, words)
    for example in examples:
        assert example.rationale.rstrip(".").endswith(example.answer.rstrip(".")), example
        if example.task != "description":
            naive.check_rationale(example.rationale, scene, example.answer)


@given(*CASE)
@settings(max_examples=200)
def test_a_description_and_its_rationale_name_all_things(
    distribution: str, seed: int, words: str
) -> None:
    scene = scene_at(distribution, "train", 0, seed)
    (example,) = q.ask("description", scene, random.Random(seed), words)
    real = Counter((t.colour, t.kind) for t in scene.things)
    named = rf"(a|two|three|four|five|six) (?:(?:small|large) )?({'|'.join(COLOURS)}) (\w+)"

    def said(text: str) -> Counter[tuple[str, str]]:
        found: Counter[tuple[str, str]] = Counter()
        for number, colour, noun in re.findall(named, text[0].lower() + text[1:]):
            found[colour, naive.SINGULAR.get(noun, noun)] += naive.WORDS[number]
        return found

    assert said(example.answer) == real
    seen = example.rationale.removesuffix(example.answer)
    assert said(seen) == real and seen.startswith("From left to right I see ")
    xs = [t.x for t in sorted(scene.things, key=lambda t: (t.x, t.y))]
    assert xs == sorted(xs)
    sorts = set()
    for wrong in example.distractors:
        claimed = said(wrong)
        less = sum((real - claimed).values()) == 1 and not claimed - real
        assert less or set(claimed) - set(real), "neither a thing less nor a false claim"
        sorts.add("less" if less else "false")
    assert sorts == ({"less", "false"} if len(scene.things) > 1 else {"false"})


@given(*CASE)
@settings(max_examples=300)
def test_distractors_are_wrong_and_of_the_same_type(
    distribution: str, seed: int, words: str
) -> None:
    _, examples = asked(distribution, seed, words)
    types: dict[str, Any] = {
        "yes_no": lambda text: text in ("yes", "no"),
        "number": str.isdigit,
        "exact": lambda t: (
            t in (*COLOURS, "small", "large") or re.fullmatch(r"usually \w+, here \w+", t)
        ),
        "description": lambda text: text.endswith("."),
    }
    for example in examples:
        assert example.distractors and example.answer not in example.distractors, example
        assert len(set(example.distractors)) == len(example.distractors), example
        assert all(types[example.verifier](text) for text in (example.answer, *example.distractors))


@given(*CASE)
@settings(max_examples=300)
def test_questions_read_as_english_and_carry_their_slices(
    distribution: str, seed: int, words: str
) -> None:
    _, examples = asked(distribution, seed, words)
    assert len({example.question for example in examples}) == len(examples)
    for example in examples:
        for text in (example.question, example.rationale, example.answer):
            assert "{" not in text and "  " not in text and not re.search(r"\ba [aeiou]\w", text), (
                text
            )
            assert not re.search(r"\b(leafs|boxs|crosss|1 \w+s\b(?<!cross))", text), text
        assert example.question[0].isupper() and example.question[-1] in "?."
        assert (
            f"task:{example.task}" in example.slices
            and len(example.slices) >= 2
            or example.task == "count"
        )
        assert len(set(example.slices)) == len(example.slices)
        known = {"task", "kind", "colour", "attribute", "relation"}
        assert {name.partition(":")[0] for name in example.slices} <= known


@pytest.mark.parametrize("name", TABLES)
def test_every_question_has_five_wordings_and_unseen_ones_for_evaluation(name: str) -> None:
    train, reworded = TABLES[name]["train"], TABLES[name]["reworded"]
    assert len(set(train)) >= 5 and len(set(reworded)) >= 2
    assert not set(train) & set(reworded)


def test_train_and_reworded_questions_share_no_sentence() -> None:
    train = {text for table in TABLES.values() for text in table["train"]}
    reworded = {text for table in TABLES.values() for text in table["reworded"]}
    assert not train & reworded


def tally(task: str, n: int = 1500, distribution: str = "biased") -> list[Example]:
    scenes = (scene_at(distribution, "train", 11, index) for index in range(n))
    return [e for i, s in enumerate(scenes) for e in q.ask(task, s, random.Random(i))]


@pytest.mark.parametrize("task", [name for name in q.TASKS if name.startswith("existence")])
def test_existence_is_half_yes_half_no(task: str) -> None:
    found = tally(task)
    share = sum(example.answer == "yes" for example in found) / len(found)
    assert len(found) > 700 and abs(share - 0.5) < 0.05


def test_adversarial_existence_asks_for_the_missing_companion() -> None:
    missing = [e for e in tally("existence_adversarial") if e.answer == "no"]
    kinds = Counter(e.question for e in missing)
    assert missing and not any(
        f" {plain}" in text for text in kinds for plain in ("ring", "ball", "drop")
    )
    for seed in range(50):
        scene = scene_at("biased", "train", 13, seed)
        present = {t.kind for t in scene.things}
        for example in q.ask("existence_adversarial", scene, random.Random(seed)):
            kind = example.slices[-1].removeprefix("kind:")
            expected = {k for k in existence.PARTNERS if existence.PARTNERS[k] in present} - present
            assert example.answer == "yes" or not expected or kind in expected


def test_popular_kinds_are_those_that_biased_scenes_show_most() -> None:
    scenes = [scene_at("biased", "train", 2, index) for index in range(2000)]
    counts = Counter(kind for scene in scenes for kind in {t.kind for t in scene.things})
    assert {kind for kind, _ in counts.most_common(3)} == set(existence.POPULAR)
    assert set(counts) == set(KINDS)


def test_relations_come_as_pairs_of_which_one_is_true() -> None:
    found = tally("relation", 800)
    pairs = Counter(example.pair for example in found)
    assert set(pairs.values()) == {2}
    by_pair: dict[str, set[str]] = {}
    for example in found:
        by_pair.setdefault(example.pair, set()).add(example.answer)
    assert all(answers_ == {"yes", "no"} for answers_ in by_pair.values())
    first = [example.answer for example in found[::2]]
    assert abs(first.count("yes") / len(first) - 0.5) < 0.06
    assert len({n for e in found for n in e.slices if n.startswith("relation:")}) == 6


@pytest.mark.parametrize(
    ("task", "most"),
    [("count", 0.45), ("arithmetic_one", 0.4), ("arithmetic_two", 0.4), ("binding", 0.56)],
)
def test_no_answer_dominates(task: str, most: float) -> None:
    counts = Counter(example.answer for example in tally(task, 800))
    assert counts.most_common(1)[0][1] / counts.total() < most
    assert task == "binding" or len(counts) >= 5


def test_usual_is_not_given_away_by_one_polarity() -> None:
    found = [e for e in tally("usual", 1500) if e.verifier == "yes_no"]
    assert 0.4 < sum(e.answer == "yes" for e in found) / len(found) < 0.6


def test_a_colour_is_asked_only_of_the_one_thing_that_fits() -> None:
    for example, scene in (
        (e, s) for i in range(300) for s in [scene_at("balanced", "gate", 1, i)]
        for e in q.ask("attribute", s, random.Random(i))
    ):  # fmt: skip
        assert answers(example, scene) == {example.answer}


def test_two_equal_stars_are_not_told_apart() -> None:
    from counterfactory.factory.world.scene import Thing

    twins = Scene((Thing("star", "red", "small", 30, 30), Thing("star", "red", "small", 90, 90)))
    for seed in range(40):
        assert q.ask("attribute", twins, random.Random(seed)) == []
        assert q.ask("relation", twins, random.Random(seed)) == []
        assert q.ask("usual", twins, random.Random(seed)) == []


def test_an_empty_scene_breaks_no_task() -> None:
    for task in q.TASKS:
        assert all(e.answer in ("no", "0") for e in q.ask(task, Scene(()), random.Random(1)))


def test_the_same_random_state_gives_the_same_questions() -> None:
    assert asked("biased", 5, "train") == asked("biased", 5, "train")
    assert [
        e.task
        for e in q.questions(scene_at("biased", "train", 0, 1), random.Random(0), tasks=["count"])
    ]
