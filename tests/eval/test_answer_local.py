"""Answers of real transformers models: the texts and likelihoods of the plain way, in any company."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests import tiny_vlm
from tests.tiny import picture

from counterfactory.eval.answer_local import LocalAnswerer, load_local
from counterfactory.eval.asking import Ask, Reply
from counterfactory.images import png

QUESTIONS = (
    "Is there a red ball?", "How many stars are there?", "Which colour has the box? Say one word.",
    "yes or no", "What is left of the moon, and what is right of it, as you see it in the picture?",
)  # fmt: skip
PICTURES = [png(picture(seed)) for seed in range(4)]


def ask(question: str, *images: bytes, **more: object) -> Ask:
    blocks = [{"type": "image"} for _ in images]
    return Ask(
        content=[*blocks, {"type": "text", "text": question}], images=images,
        **{"max_tokens": 7, **more},  # type: ignore[arg-type]
    )  # fmt: skip


def many() -> list[Ask]:
    """Questions about one picture each, about two, and about none, of different lengths."""
    one = [ask(question, image) for image in PICTURES for question in QUESTIONS]
    two = [ask(QUESTIONS[0], PICTURES[0], PICTURES[1]), ask(QUESTIONS[2], PICTURES[3], PICTURES[0])]
    text = [ask(question) for question in QUESTIONS[:2]]
    mixed = Ask(
        content=[
            {"type": "text", "text": "first"}, {"type": "image"},
            {"type": "text", "text": " then"}, {"type": "image"}, {"type": "text", "text": "same?"},
        ],
        images=(PICTURES[1], PICTURES[2]), max_tokens=5,
    )  # fmt: skip
    return [*one, *two, *text, mixed]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("vlm")
    return {"llava": tiny_vlm.llava(base), "idefics3": tiny_vlm.idefics3(base)}


def plain(model: LocalAnswerer, asks: Sequence[Ask]) -> list[str]:
    """What `generate` says to each prompt alone."""
    from counterfactory.images import decode

    return [
        model.vlm.generate(
            [model.vlm.prompt(one.content)], [[decode(i) for i in one.images]],
            max_tokens=one.max_tokens,
        )[0]
        for one in asks
    ]  # fmt: skip


@pytest.mark.parametrize("family", ["llava", "idefics3"])
@pytest.mark.parametrize("batch", [1, 4, 32])
def test_texts_are_those_of_plain_generate(
    folders: dict[str, Path], family: str, batch: int
) -> None:
    model = load_local(str(folders[family]), batch, "cpu")
    asks = many()
    found = model.replies(asks)
    assert model.fast is True
    assert [reply.text for reply in found] == plain(model, asks)
    assert len({reply.text for reply in found}) > 5 and not any(reply.error for reply in found)


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_the_plain_way_gives_the_same_replies(folders: dict[str, Path], family: str) -> None:
    model = load_local(str(folders[family]), 4, "cpu")
    asks = [*many(), *(ask(QUESTIONS[0], PICTURES[0], temperature=0.9, seed=s) for s in range(3))]
    fast = model.replies(asks)
    model.fast = False
    slow = model.replies(asks)
    assert [(r.text, r.tokens) for r in fast] == [(r.text, r.tokens) for r in slow]


def test_each_picture_is_read_once(folders: dict[str, Path]) -> None:
    model = load_local(str(folders["llava"]), 4, "cpu")
    model.replies(many())
    model.replies(many())
    assert model.features.encoded == len(PICTURES)


def test_features_kept_are_bounded_and_forgotten_ones_are_made_again(
    folders: dict[str, Path],
) -> None:
    model = load_local(str(folders["llava"]), 2, "cpu")
    whole = model.replies(many())
    model.features.room = 1
    model.features.vectors.clear()
    assert [r.text for r in model.replies(many())] == [r.text for r in whole]
    assert len(model.features.vectors) <= 4


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_likelihoods_are_those_of_the_plain_way(folders: dict[str, Path], family: str) -> None:
    from counterfactory.images import decode

    model = load_local(str(folders[family]), 4, "cpu")
    choices = ("yes", "no", "I cannot help with that.")
    asks = [ask(q, image, choices=choices) for image in PICTURES[:2] for q in QUESTIONS]
    for one, reply in zip(asks, model.replies(asks), strict=True):
        wanted = model.vlm.choice_logps(
            model.vlm.prompt(one.content), [decode(one.images[0])], choices
        )
        assert reply.logps == pytest.approx(wanted, abs=1e-3)
        assert len(reply.greedy) == 3 and not reply.text


def test_a_sampled_answer_depends_on_its_seed_and_not_on_its_company(
    folders: dict[str, Path],
) -> None:
    model = load_local(str(folders["llava"]), 32, "cpu")
    sampled = [ask(QUESTIONS[1], PICTURES[0], temperature=1.0, top_p=0.9, seed=s) for s in range(6)]
    among = model.replies([*many(), *sampled])[-6:]
    alone = [model.replies([one])[0] for one in sampled]
    assert [r.text for r in among] == [r.text for r in alone]
    assert len({r.text for r in among}) > 3


def test_samples_follow_the_model_s_probabilities() -> None:
    from counterfactory.eval.local.pick import Picker

    logits = torch.tensor([[2.0, 1.0, 0.0, -50.0]])
    drawn = [
        Picker([ask("x", temperature=1.0, seed=seed)]).next(logits, [0], [0])[0]
        for seed in range(4000)
    ]
    share = [drawn.count(token) / 4000 for token in range(3)]
    assert share == pytest.approx(logits.softmax(-1)[0, :3].tolist(), abs=0.03)
    cut = {
        Picker([ask("x", temperature=1.0, top_p=0.6, seed=s)]).next(logits, [0], [0])[0]
        for s in range(50)
    }
    assert cut == {0}


def test_logits_that_are_no_numbers_give_an_error_and_no_text(folders: dict[str, Path]) -> None:
    model = load_local(str(folders["llava"]), 4, "cpu")
    with torch.no_grad():
        model.vlm.model.lm_head.weight[5, 0] = float("nan")
    for reply in model.replies([ask(QUESTIONS[0], PICTURES[0]), ask("x", choices=("a", "b"))]):
        assert "NaN" in reply.error and not reply.text and not reply.logps


def test_what_cannot_be_asked_says_why_and_costs_nobody_else(folders: dict[str, Path]) -> None:
    model = load_local(str(folders["llava"]), 4, "cpu")
    good = ask(QUESTIONS[0], PICTURES[0])
    found: list[Reply] = model.replies(
        [
            good, ask("broken", b"not a picture"), Ask(content=[{"type": "image"}]),
            ask("a hidden <image>", PICTURES[0]), ask("long " * 3000, PICTURES[0]), good,
        ]
    )  # fmt: skip
    assert [bool(reply.error) for reply in found] == [False, True, True, True, True, False]
    assert "image 1 cannot be used" in found[1].error and "1 places" in found[2].error
    assert "image token" in found[3].error and "at most 4096" in found[4].error
    assert found[0].text == found[5].text == model.replies([good])[0].text
