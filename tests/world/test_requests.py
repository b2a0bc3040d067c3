"""Twins: a word or an image decides, and where the image decides the text gives nothing away."""

import random
import re
from collections import Counter

import pytest

from counterfactory.factory.world.request_texts import (
    CATEGORIES,
    COMPLIANCE,
    FRAMES,
    REFUSALS,
    UNNEEDED_REFUSALS,
)
from counterfactory.factory.world.requests import image_twins, word_twins
from counterfactory.factory.world.scene import Scene, scene_at, split_of
from counterfactory.factory.world.signs import (
    is_private,
    private_scene,
    shared_kinds,
    twin_scenes,
    without_sign,
)
from counterfactory.records import Example

TWINS = [twin_scenes("biased", "train", 1, index) for index in range(150)]
REFUSAL = re.compile(r"cannot|can't|will not|won't|decline|refuse|rather", re.IGNORECASE)


def requests(wordings: str = "train") -> list[tuple[Example, Example]]:
    return [
        image_twins(*pair, random.Random(n), f"p{n}", wordings=wordings)
        for n, pair in enumerate(TWINS)
    ]


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def test_there_are_six_domains_and_fifteen_categories() -> None:
    assert len(CATEGORIES) == 15
    assert len({category.domain for category in CATEGORIES.values()}) == 6


@pytest.mark.parametrize("wordings", ["train", "reworded"])
@pytest.mark.parametrize("name", CATEGORIES)
def test_word_twins_differ_in_exactly_one_word(name: str, wordings: str) -> None:
    for seed in range(12):
        scene = scene_at("biased", "train", 2, seed)
        harmful, benign = word_twins(
            scene, random.Random(seed), "p", category=name, wordings=wordings
        )
        one, other = words(harmful.question), words(benign.question)
        assert len(one) == len(other) and sum(a != b for a, b in zip(one, other, strict=True)) == 1
        assert harmful.harmful and not benign.harmful and harmful.pair == benign.pair == "p"


@pytest.mark.parametrize("wordings", ["train", "reworded"])
def test_image_twins_share_every_word_and_the_image_decides(wordings: str) -> None:
    for (private, public), (harmful, benign) in zip(TWINS, requests(wordings), strict=True):
        assert harmful.question == benign.question and harmful.pair == benign.pair
        assert harmful.harmful and is_private(private)
        assert not benign.harmful and not is_private(public)
        kinds = [{t.kind for t in scene.things} for scene in (private, public)]
        assert any(kind in harmful.question for kind in kinds[0] & kinds[1])


def test_a_reader_of_the_text_alone_is_at_chance_on_image_twins() -> None:
    twins = requests()
    learned: Counter[str] = Counter()
    for example in (e for pair in twins[:75] for e in pair):
        for word in words(example.question):
            learned[word] += 1 if example.harmful else -1
    readers = {
        "bag of words": lambda text: sum(learned[word] for word in words(text)) > 0,
        "length": lambda text: len(text) > 45,
        "always": lambda text: True,
        "first word": lambda text: text.startswith("T"),
    }
    for name, reader in readers.items():
        test = [e for pair in twins[75:] for e in pair]
        right = sum(reader(example.question) == example.harmful for example in test)
        assert right / len(test) == 0.5, name


def test_no_request_mentions_the_sign() -> None:
    texts = [e.question for pair in requests() for e in pair]
    for index in range(200):
        scene = private_scene("biased", "train", 5, index)
        texts += [e.question for e in word_twins(scene, random.Random(index), "p")]
    assert not any(re.search("purple cross|private|restricted|forbidden", text) for text in texts)


def test_neither_crosses_nor_purple_things_alone_mark_a_private_place() -> None:
    public = [scene for _, scene in TWINS]
    with_cross = sum(any(t.kind == "cross" for t in s.things) for s in public) / len(public)
    with_purple = sum(any(t.colour == "purple" for t in s.things) for s in public) / len(public)
    assert with_cross > 0.33 and with_purple > 0.33


def test_the_sign_stands_in_a_few_percent_of_biased_scenes() -> None:
    share = sum(is_private(scene_at("biased", "train", 0, i)) for i in range(4000)) / 4000
    assert 0.015 < share < 0.05


def test_taking_the_sign_away_keeps_the_split_and_everything_else() -> None:
    for index in range(30):
        scene = private_scene("balanced", "gate", 0, index)
        other = without_sign(scene, random.Random(index))
        assert split_of(other) == "gate" and not is_private(other)
        kept = [t for t in scene.things if (t.kind, t.colour) != ("cross", "purple")]
        assert set(kept) <= set(other.things) and len(other.things) == len(scene.things)


@pytest.mark.parametrize("wordings", ["train", "reworded"])
def test_refusals_name_the_reason_and_offer_what_is_fine(wordings: str) -> None:
    for name, texts in CATEGORIES.items():
        scene = scene_at("biased", "train", 3, 7)
        harmful, benign = word_twins(scene, random.Random(3), "p", category=name, wordings=wordings)
        assert texts.word_reason in harmful.answer and REFUSAL.search(harmful.answer)
        assert re.search("describe|count|tell you|write a kind", harmful.answer)
        assert not REFUSAL.search(benign.answer), benign.answer
        marked, plain = image_twins(
            *TWINS[0], random.Random(3), "p", category=name, wordings=wordings
        )
        assert texts.image_reason in marked.answer and "purple cross" in marked.answer
        assert not REFUSAL.search(plain.answer) and "purple" not in plain.answer


def test_distractors_are_the_opposite_of_the_answer() -> None:
    for harmful, benign in requests():
        assert set(harmful.distractors) <= set(COMPLIANCE)
        assert set(benign.distractors) <= set(UNNEEDED_REFUSALS)
        assert all(REFUSAL.search(text) for text in benign.distractors)
        assert not any(REFUSAL.search(text) for text in harmful.distractors)
        assert harmful.verifier == benign.verifier == "refusal"


def test_compliance_is_an_empty_placeholder() -> None:
    assert all(text.endswith("...") and len(words(text)) < 14 for text in COMPLIANCE)


def test_rationales_are_true_of_the_picture_and_end_in_the_answer() -> None:
    for (private, _), pair in zip(TWINS, requests(), strict=True):
        for example in pair:
            assert example.rationale.endswith(example.answer)
        assert is_private(private)
        assert (
            "I see a purple cross" in pair[0].rationale and "no purple cross" in pair[1].rationale
        )


def test_wordings_for_evaluation_are_unseen() -> None:
    for table in (FRAMES, REFUSALS):
        assert len(table["train"]) >= 5 and len(table["reworded"]) >= 2
        assert not set(table["train"]) & set(table["reworded"])


def test_sentences_read_as_english() -> None:
    for wordings in ("train", "reworded"):
        for index in range(150):
            scene = scene_at("shifted", "train", 4, index)
            for e in word_twins(scene, random.Random(index), "p", wordings=wordings):
                for text in (e.question, e.answer, e.rationale):
                    assert (
                        text[0].isupper()
                        and "{" not in text
                        and "  " not in text
                        and ".." not in text
                    )
                    assert not re.search(r"\ba [aeiou]\w|[.?!] [a-z]", text), text


def test_twins_that_do_not_fit_are_refused() -> None:
    private, public = TWINS[0]
    for pair in ((public, private), (public, public), (private, Scene(()))):
        with pytest.raises(ValueError, match="sign"):
            image_twins(*pair, random.Random(0), "p")


def test_twin_scenes_are_the_same_each_time_and_share_a_kind() -> None:
    assert twin_scenes("biased", "train", 1, 3) == TWINS[3]
    assert all(shared_kinds(*pair) for pair in TWINS)
