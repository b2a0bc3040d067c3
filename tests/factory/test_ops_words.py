"""Words: what a caption says is there, and texts that are true of both pictures."""

import doctest
import random
from dataclasses import replace

import pytest
from tests.toys import BALL, SUN, context, sample, with_edit

from counterfactory.factory.ops import lexicon, places, sentences, strata, suggest, wording
from counterfactory.factory.ops.caption import CaptionOp
from counterfactory.factory.ops.options import Scene as Known
from counterfactory.factory.ops.options import flips
from counterfactory.records import Candidate, Edit, Object, Reason, Reject


@pytest.mark.parametrize("module", [lexicon, places, sentences, strata, suggest, wording])
def test_the_examples_in_docstrings_hold(module) -> None:
    names = {**vars(module), "Object": Object, "random": random}
    assert doctest.testmod(module, globs=names).failed == 0


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        (
            "A large yellow sun above two small red balls.",
            ["large yellow sun", "small red ball", "small red ball"],
        ),
        ("An orange car and an orange.", ["orange car", "orange"]),
        ("There is a dog. The dog sits on a brown bench.", ["dog", "brown bench"]),
        ("A street with no cars and without a bus, a bicycle.", ["bicycle"]),
        ("three leaves, a BIG gray box", ["leaf", "leaf", "leaf", "large grey box"]),
        ("nothing here", []),
        ("", []),
    ],
)
def test_a_caption_is_read_into_things(text: str, phrases: list[str]) -> None:
    assert [one.phrase for one in lexicon.objects_in(text)] == phrases


def test_a_swap_stays_in_its_class_and_never_gives_the_same_kind() -> None:
    for kind in lexicon.KINDS:
        assert kind not in lexicon.swaps(kind)
        assert all(
            lexicon.class_of(other) == lexicon.class_of(kind) for other in lexicon.swaps(kind)
        )
    assert lexicon.swaps("no such thing") == ()


@pytest.mark.parametrize(
    ("answer", "phrase"),
    [
        ('{"kind": "cat", "colour": "black"}', "black cat"),
        ('Sure! {"kind": "Cat", "size": "large"} ok', "large cat"),
        ('{"kind": ""}', None),
        ('{"kind": "a\\nb"}', None),
        ('{"kind": "cat", "size": "enormous"}', None),
        ("a cat", None),
        ("[1, 2]", None),
        ("{broken", None),
    ],
)
def test_a_servers_answer_is_a_thing_or_nothing(answer: str, phrase: str | None) -> None:
    thing = suggest.read_thing(answer)
    assert (thing.phrase if thing else None) == phrase


def written(
    edit: Edit, things=(SUN, BALL), task: str = "", seed: int = 0, caption: str = ""
) -> Candidate:
    one = with_edit(
        sample(*things, caption=caption), edit, extra={"task": task} if task else {}
    ).with_(seed=seed)
    (done,) = CaptionOp().setup(context())([one])
    return done


REPLACE = Edit(
    kind="replace",
    method="diffusion",
    target=SUN,
    replacement=Object(kind="moon", colour="blue", size="large"),
)
REMOVE = Edit(kind="remove", method="diffusion", target=BALL)
ADD = Edit(
    kind="add",
    method="diffusion",
    replacement=Object(kind="ball", colour="green", size="small", box=(0.1, 0.7, 0.3, 0.9)),
)
RECOLOUR = Edit(
    kind="recolour",
    method="classical",
    target=SUN,
    replacement=Object(kind="sun", colour="purple", size="large"),
)
MOVE = Edit(
    kind="move",
    method="diffusion",
    target=SUN,
    replacement=Object(kind="sun", colour="yellow", size="large", box=(0.7, 0.1, 0.95, 0.35)),
)
SEEDS = range(25)


def test_captions_name_what_is_there_and_differ_in_the_edited_thing_alone() -> None:
    for seed in SEEDS:
        done = written(REPLACE, seed=seed)
        assert "sun" in done.caption_a.lower() and "moon" not in done.caption_a.lower()
        assert "moon" in done.caption_b.lower() and "sun" not in done.caption_b.lower()
        assert "red ball" in done.caption_a.lower() and "red ball" in done.caption_b.lower()
        assert done.caption_a.lower().replace("yellow sun", "blue moon") == done.caption_b.lower()


def test_the_question_of_a_task_flips_as_the_task_says() -> None:
    expected = {
        ("recolour", "attribute"): {("yellow", "purple")},
        ("recolour", "binding"): {("yes", "no"), ("no", "yes")},
        ("recolour", "usual"): {
            ("yes", "no"),
            ("no", "yes"),
            ("yellow", "purple"),
            ("usually yellow, here yellow", "usually yellow, here purple"),
        },
        ("add", "count"): {("1", "2")},
        ("remove", "count"): {("1", "0")},
        ("remove", "existence"): {("yes", "no")},
        ("replace", "existence"): {("yes", "no"), ("no", "yes")},
        ("replace", "count"): {("1", "0"), ("0", "1")},
        ("move", "relation"): {("yes", "no"), ("no", "yes")},
    }
    edits = {edit.kind: edit for edit in (REPLACE, REMOVE, ADD, RECOLOUR, MOVE)}
    for (kind, task), answers in expected.items():
        found = {
            (done.answer_a, done.answer_b)
            for s in SEEDS
            for done in [written(edits[kind], task=task, seed=s)]
        }
        assert found == answers, (kind, task)


def test_both_pictures_are_asked_about_in_short() -> None:
    resize = replace(RECOLOUR, kind="resize", replacement=replace(SUN, size="small"))
    expected = {
        "replace": (REPLACE, "blue moon"), "remove": (REMOVE, "red ball"), "add": (ADD, "green ball"),
        "recolour": (RECOLOUR, "purple"), "move": (MOVE, "yellow sun"), "resize": (resize, "small"),
    }  # fmt: skip
    for kind, (edit, answer) in expected.items():
        asked = [written(edit, seed=s).examples[:1] for s in SEEDS]
        assert {one.answer for (one,) in asked} == {answer}, kind
        wordings = {one.question for (one,) in asked}
        assert len(sentences.BOTH[kind]) / 2 < len(wordings) <= len(sentences.BOTH[kind])
        assert {(one.task, f"edit:{kind}" in one.slices) for (one,) in asked} == {
            ("difference", True)
        }


def test_what_is_usual_is_asked_where_the_edited_picture_shows_another_colour() -> None:
    (_, known) = written(RECOLOUR).examples
    assert (known.task, known.answer) == ("usual", "yellow")
    assert "sun" in known.question and "purple" not in known.question
    back = replace(RECOLOUR, target=replace(SUN, colour="blue"), replacement=SUN)
    assert [one.task for one in written(back, things=(back.target, BALL)).examples] == [
        "difference"
    ]
    plain = replace(RECOLOUR, target=BALL, replacement=replace(BALL, colour="blue"))
    assert [one.task for one in written(plain).examples] == ["difference"]


def test_what_could_be_said_of_two_things_is_not_asked() -> None:
    blue_sun = replace(SUN, colour="blue", box=(0.7, 0.7, 0.9, 0.9))
    (known,) = written(RECOLOUR, things=(SUN, BALL, blue_sun)).examples  # which sun?
    assert known.task == "usual"
    twin = replace(BALL, box=(0.7, 0.7, 0.9, 0.9))
    assert written(REMOVE, things=(SUN, BALL, twin)).examples == ()  # a red ball is still there
    assert len(written(MOVE, things=(SUN, BALL, blue_sun)).examples) == 1


def test_a_question_that_another_thing_answers_is_asked_with_its_colour() -> None:
    for seed in SEEDS:
        done = written(ADD, task="existence", seed=seed)
        assert "green ball" in done.question and done.answer_a == "no"


def test_wordings_vary_and_the_same_seed_gives_the_same_texts() -> None:
    assert len({written(REPLACE, seed=s).difference for s in SEEDS}) >= 3
    assert len({written(REPLACE, seed=s).question for s in SEEDS}) >= 3
    once, again = written(REPLACE, seed=3), written(REPLACE, seed=3)
    assert (once.caption_a, once.question) == (again.caption_a, again.question)


def test_removing_the_last_thing_leaves_plain_background_or_says_it_is_not_there() -> None:
    alone = written(REMOVE, things=(BALL,))
    assert "plain background" in alone.caption_b.lower()
    dog = Object(kind="dog")
    told = written(Edit(kind="remove", method="diffusion", target=dog), things=(), caption="A dog.")
    assert "no dog" in told.caption_b.lower()


def test_what_only_a_caption_tells_is_asked_at_a_place_and_never_counted() -> None:
    dog = Object(kind="dog", box=(0.1, 0.1, 0.3, 0.3))
    edit = Edit(kind="remove", method="diffusion", target=dog)
    for seed in SEEDS:
        done = written(edit, things=(), caption="A dog and two cats.", task="count", seed=seed)
        assert done.question == "Is there a dog at the top left of the picture?"


def test_a_move_says_the_relation_that_turned_round() -> None:
    turned = flips(Known(objects=(SUN, BALL), aspect=1.0, complete=True), SUN, MOVE.replacement.box)
    assert turned == ("left of", BALL, "right of")
    for seed in SEEDS:
        done = written(MOVE, seed=seed)
        assert "left of" in done.caption_a and "right of" in done.caption_b
        assert "left" in done.difference and "right" in done.difference


def test_a_missing_caption_is_rejected_where_it_is_read() -> None:
    (done,) = CaptionOp(source="caption").setup(context())([with_edit(sample(SUN), REPLACE)])
    assert isinstance(done, Reject) and done.reason == Reason.CAPTION_MISSING


def test_places_in_words_follow_the_ninths_of_the_picture() -> None:
    def at(x: float, y: float) -> str:
        return places.at((x - 0.05, y - 0.05, x + 0.05, y + 0.05))

    assert [at(0.1, 0.1), at(0.5, 0.1), at(0.9, 0.5), at(0.5, 0.5)] == [
        "at the top left", "at the top", "on the right", "in the middle",
    ]  # fmt: skip
