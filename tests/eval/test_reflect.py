"""A model that contradicts itself is caught, and what it blames is a place."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image

from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item
from counterfactory.eval.reflect.claims import MOST_CLAIMS, claims_of
from counterfactory.eval.reflect.examine import CROPS, reflect, shares
from counterfactory.eval.reflect.report import auc, report, scores


def questions(text: str) -> list[tuple[str, str]]:
    return [(claim.question, claim.expected) for claim in claims_of(text)]


def test_things_colours_numbers_and_relations_are_claims() -> None:
    assert questions("There is a red star above two balls. There is no moon.") == [
        ("Is there a star in the picture?", "yes"),
        ("Is the star red?", "yes"),
        ("Are there any balls in the picture?", "yes"),
        ("How many balls are there?", "2"),
        ("Is there a moon in the picture?", "no"),
        ("Is the red star above the balls?", "yes"),
    ]


def test_sums_and_conclusions_are_no_claims() -> None:
    text = "That makes 4 things. Removing 2 stars: 4 - 2 = 2. So the answer is 2.\nAnswer: 2"
    assert questions(text) == []


def test_a_sentence_keeps_its_claim_when_its_conclusion_is_cut() -> None:
    assert ("Is the star left of the ring?", "yes") in questions(
        "The star is to the left of the ring, so the answer is yes."
    )


def test_what_is_said_twice_is_not_added_up() -> None:
    told = questions("The picture shows two stars and a ball. There are 2 stars.")
    assert ("How many stars are there?", "2") in told
    told = questions("There are two red stars. There is one blue star.")
    assert not any(question.startswith("How many") for question, _ in told)
    assert not any(question.startswith("Is the star") for question, _ in told)


@pytest.mark.parametrize("text", ["", "Yes.", "3", "I cannot help with that.", "=" * 500])
def test_texts_that_say_nothing_of_the_image_claim_nothing(text: str) -> None:
    assert claims_of(text) == []


def test_a_rambling_text_is_cut_short() -> None:
    kinds = ("sun", "leaf", "heart", "drop", "moon", "brick", "ball", "box", "star", "ring")
    assert len(claims_of(" ".join(f"There is a red {kind}." for kind in kinds))) == MOST_CLAIMS


def picture(quarter: tuple[int, int]) -> bytes:
    """A black picture with one white quarter: the place this toy model is afraid of."""
    pixels = np.zeros((64, 64, 3), np.uint8)
    x, y = quarter
    pixels[y * 32 : y * 32 + 32, x * 32 : x * 32 + 32] = 255
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


class Confused:
    """Says that there is a leaf; asked again, it says no, unless it is shown mostly white."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    def __call__(self, asks: Sequence[Ask]) -> list[Reply]:
        self.asked += asks
        return [self.reply(ask) for ask in asks]

    def reply(self, ask: Ask) -> Reply:
        if not ask.choices:
            return Reply(text="There is a green leaf, so the answer is yes.\nAnswer: yes")
        with Image.open(io.BytesIO(ask.images[0])) as image:
            white = float(np.asarray(image).mean()) / 255
        sure = white if "leaf" in ask.content[-1]["text"] else 1.0
        return Reply(logps=(float(np.log(sure + 1e-9)), float(np.log(1 - sure + 1e-9))))


def item(image: bytes, number: int = 0) -> Item:
    return Item(
        id=str(number), task="existence", cluster_id=str(number), images=(image,),
        prompt="Is there a leaf?", gold="no", verifier="yes_no",
    )  # fmt: skip


def test_a_contradiction_names_its_claim_and_its_place() -> None:
    rows = reflect([item(picture((1, 0)))], ["yes"], Confused())
    leaf = next(row for row in rows if row["question"] == "Is there a leaf in the picture?")
    assert leaf["contradiction"] and leaf["claimed"] == "yes" and leaf["answered"] == "no"
    assert leaf["p_claimed"] == pytest.approx(0.25, abs=0.01)
    assert leaf["region"] == [0.5, 0.0, 1.0, 0.5]


def test_an_answer_that_differs_from_the_conclusion_is_a_contradiction() -> None:
    rows = reflect([item(picture((0, 0)))], ["no"], Confused())
    conclusion = next(row for row in rows if row["source"] == "conclusion")
    assert conclusion["contradiction"] and conclusion["answered"] == "yes"


def test_no_label_is_read() -> None:
    model, other = Confused(), Confused()
    one = item(picture((0, 1)))
    flipped = Item(**{name: getattr(one, name) for name in one.__slots__} | {"gold": "yes"})
    assert reflect([one], ["yes"], model) == reflect([flipped], ["yes"], other)
    assert model.asked == other.asked


def test_crops_cover_the_picture() -> None:
    seen = np.zeros((4, 4), bool)
    for x0, y0, x1, y1 in CROPS:
        seen[int(y0 * 4) : int(y1 * 4), int(x0 * 4) : int(x1 * 4)] = True
    assert seen.all()


def test_shares_are_probabilities_even_of_tiny_likelihoods() -> None:
    assert shares((-1000.0, -1000.0)) == [0.5, 0.5]


def test_auc_is_one_for_a_perfect_order_and_a_half_for_ties() -> None:
    wrong = np.array([True, True, False, False])
    assert auc(np.array([0.9, 0.8, 0.1, 0.2]), wrong)[0] == 1.0
    assert auc(np.zeros(4), wrong)[0] == 0.5
    assert auc(np.array([0.1, 0.2, 0.8, 0.9]), wrong)[0] == 0.0


def test_a_hard_task_alone_predicts_nothing() -> None:
    """Every item of the hard task doubts more and is wrong; within tasks doubt says nothing."""
    rows = [
        {"task": task, "item_id": str(n), "p_claimed": p, "contradiction": False, "claim_kind": "existence"}
        for task, p in (("easy", 0.9), ("hard", 0.1))
        for n in range(40)
    ]  # fmt: skip
    verdicts = {
        (task, str(n)): "wrong" if (n % 10 < share) else "correct"
        for task, share in (("easy", 1), ("hard", 9))
        for n in range(40)
    }
    assert report(rows, verdicts)["auc"] == 0.5
    assert scores(rows)[("hard", "0")] == pytest.approx(0.9)
