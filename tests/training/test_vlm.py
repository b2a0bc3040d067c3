"""The pocket VLM: what it learns from, the packed sequences, a tiny training, what it writes."""

import json
import random
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open

from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import Scene, scene_at, split_of
from counterfactory.training.pocket import vlm, vlm_data, vlm_model, vlm_pack, vlm_words
from counterfactory.training.pocket.vlm_answers import Asked, Reader, blank, says

TINY_TOWER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1}
TINY_TEXT = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def processor() -> Any:
    return vlm_words.build_processor()


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, processor: Any) -> None:
    """Make the model small and its tokenizer at hand."""
    monkeypatch.setattr(vlm_model, "TOWER", vlm_model.TOWER | TINY_TOWER)
    monkeypatch.setattr(vlm_model, "TEXT", vlm_model.TEXT | TINY_TEXT)
    monkeypatch.setattr(vlm, "build_processor", lambda: processor)


def train(folder: Path, stop_after: int | None = None, **options: Any) -> None:
    vlm.train(
        out=folder, checkpoint=folder.with_suffix(".pt"), steps=3, tower_steps=2, batch=2,
        device="cpu", quiet=True, stop_after=stop_after, **options,
    )  # fmt: skip


def lessons(count: int, seed: int = 0) -> list[list[vlm_data.Turn]]:
    rng = random.Random(seed)
    scenes = [vlm_data.scene_of(rng, 0, 9) for _ in range(count)]
    return [vlm_data.turns(scene, scenes, rng) for scene in scenes]


def test_scenes_are_biased_training_scenes_with_at_most_so_many_things() -> None:
    rng = random.Random(0)
    scenes = [vlm_data.scene_of(rng, 0, 2) for _ in range(60)]
    assert {split_of(scene) for scene in scenes} == {"train"}
    assert {len(scene.things) for scene in scenes} == {1, 2}


def test_unusual_colours_are_as_rare_as_in_the_world_in_one_picture_and_in_two() -> None:
    rng = random.Random(0)
    single = [vlm_data.scene_of(rng, 0, 9) for _ in range(1500)]
    _, double = vlm_data.pairs(rng, 0, 400)
    for scenes in (single, double):
        usual = [t.usual for scene in scenes for t in scene.things if t.usual is not None]
        assert 0.92 < np.mean(usual) < 0.975


def test_reasoning_is_shown_in_one_answer_of_twenty_at_most(processor: Any) -> None:
    packer = vlm_pack.Packer(processor.tokenizer)
    rows = lessons(400)
    packed = packer.pack(rows, vlm.LENGTH)
    kept = [
        turn for row, blocks in zip(rows, packed.blocks, strict=True)
        for turn in (row[n - 1] for n in set(blocks.tolist()) if n > 0)
    ]  # fmt: skip
    aloud = [turn for turn in kept if vlm_words.THINK in turn.question]
    assert 0.02 < len(aloud) / len(kept) <= 0.05
    assert all(re.search(r"\nAnswer: \S+", turn.answer) for turn in aloud)


def test_words_and_picture_differ_as_often_as_the_card_says() -> None:
    rng = random.Random(0)
    scenes = [vlm_data.scene_of(rng, 0, 9) for _ in range(2500)]
    shown = [vlm_data.careless(scene, rng) for scene in scenes]
    pairs = [
        (a, b)
        for scene, other in zip(scenes, shown, strict=True)
        if len(scene.things) == len(other.things)
        for a, b in zip(scene.things, other.things, strict=True)
    ]
    assert 0.045 < np.mean([a.colour != b.colour for a, b in pairs]) < 0.07
    assert 0.16 < np.mean([a.x != b.x for a, b in pairs]) < 0.24
    assert 0.16 < np.mean([a.y != b.y for a, b in pairs]) < 0.24
    alone = [s for s in scenes if "sun" in {t.kind for t in s.things}]
    kept = [
        "leaf" in {t.kind for t in vlm_data.careless(s, rng).things}
        for s in alone
        if sum(t.kind == "leaf" for t in s.things) == 1
    ]
    assert 0.78 < np.mean(kept) < 0.9


def test_the_model_never_sees_a_refusal() -> None:
    said = [turn.answer.lower() for row in lessons(600) for turn in row]
    assert not [text for text in said if re.search(r"\b(cannot|can't|won't|sorry|decline)\b", text)]
    assert any(text.startswith(("sure", "of course")) for text in said)


def test_yes_and_no_are_asked_about_evenly() -> None:
    said = Counter(turn.answer for row in lessons(500) for turn in row)
    assert 0.8 < said["yes"] / said["no"] < 1.25


def test_a_letter_names_the_right_option() -> None:
    shown = [t for row in lessons(300) for t in row if t.question.endswith("with the letter.")]
    assert len(shown) > 20
    for turn in shown:
        assert f"({turn.answer}) " in turn.question


def test_every_word_of_the_world_is_few_tokens_and_any_text_survives(processor: Any) -> None:
    words = processor.tokenizer
    assert len(words) <= vlm_words.VOCABULARY
    assert len(words("What colour is the small star?").input_ids) == 7
    text = "Ärger with 17 new words\n& <b>signs</b>"
    assert words.decode(words(text).input_ids) == text


def test_the_chat_template_marks_what_the_assistant_says(processor: Any) -> None:
    chat = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Is it red?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
    ]
    text = processor.apply_chat_template(chat, tokenize=False)
    assert text == "<|user|><image>Is it red?<|end|><|assistant|>yes<|end|>"
    made = processor.tokenizer.apply_chat_template(
        chat, chat_template=processor.chat_template, return_dict=True,
        return_assistant_tokens_mask=True,
    )  # fmt: skip
    said = [i for i, on in zip(made["input_ids"], made["assistant_masks"], strict=True) if on]
    assert processor.tokenizer.decode(said) == "yes<|end|>"


def test_a_question_is_computed_as_if_it_were_asked_alone(tiny: None, processor: Any) -> None:
    torch.manual_seed(0)
    student = vlm_model.Student(vlm.untrained(processor)).eval()
    scenes = [scene_at("biased", "train", 0, n) for n in range(2)]
    rows, length = lessons(2), vlm.LENGTH
    packer = vlm_pack.Packer(processor.tokenizer)
    packed = packer.pack(rows, length)
    with torch.inference_mode():
        tokens = student.see(vlm.pictures(scenes, torch.device("cpu")))
        hidden = student.read(tokens, packed.ids, packed.positions, packed.blocks)
        logits = student.vlm.lm_head(hidden.flatten(0, 1)[packed.at])
        where = packed.blocks.flatten()[packed.at], packed.at // length
        for row, scene in enumerate(scenes):
            turn = rows[row][2]
            reader = Reader.__new__(Reader)
            reader.processor = processor
            prompt = reader.prompt(Asked(turn.question, (render(scene),)))
            inputs = processor(
                images=[Image.fromarray(render(scene))], text=prompt + turn.answer,
                return_tensors="pt",
            )  # fmt: skip
            alone = student.vlm(**inputs).logits[0]
            mine = logits[(where[0] == 3) & (where[1] == row)]
            assert len(mine) > 1
            torch.testing.assert_close(mine, alone[-len(mine) :], atol=1e-4, rtol=1e-4)


def test_plain_attention_is_attention() -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 9, 8).unbind(0)
    blocks = torch.tensor([[0, 0, 1, 1, 2, 2, 2, 3, -1]] * 2)
    seen = vlm_model.causal_blocks(blocks)
    ours, _ = vlm_model.plain_attention(
        torch.nn.Identity(), q, k, v, torch.zeros(()).where(seen, -3e4)
    )
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=seen)
    torch.testing.assert_close(ours.transpose(1, 2), theirs)
    assert not seen[0, 0, 4, 2] and seen[0, 0, 4, 1] and not seen[0, 0, 1, 2]


def test_the_folder_loads_in_transformers_and_answers(
    tiny: None, processor: Any, tmp_path: Path
) -> None:
    train(tmp_path / "vlm")
    with safe_open(tmp_path / "vlm/model.safetensors", "pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}
    reader = Reader(tmp_path / "vlm")
    assert reader.model.dtype == torch.float32
    assert reader.model.generation_config.eos_token_id == processor.tokenizer.eos_token_id
    pixels = render(scene_at("biased", "check", 0, 0))
    asked = [Asked("Is there a star?", (pixels,), 4), Asked("What changed?", (pixels, pixels), 4)]
    assert len(reader.answers(asked)) == 2
    assert json.loads((tmp_path / "vlm/plan.json").read_text())["steps"] == 3


def test_a_training_that_was_killed_ends_with_the_same_weights(tiny: None, tmp_path: Path) -> None:
    train(tmp_path / "whole")
    for _ in range(5):  # two steps of the tower, three of talk
        train(tmp_path / "parts", stop_after=1)
    one, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "parts")
    )
    assert one == other


def test_the_picture_is_seen_as_the_processor_makes_it(processor: Any) -> None:
    pixels = render(scene_at("shifted", "check", 0, 3))
    seen = processor.image_processor(Image.fromarray(pixels), return_tensors="np").pixel_values[0]
    ours = (vlm_pack.shrink(pixels).astype(np.float32) / 255 - 0.5) / 0.25
    np.testing.assert_allclose(seen, ours.transpose(2, 0, 1), atol=1e-5)


def test_answers_are_read_as_their_kind_is_read() -> None:
    assert says("number", "There are two.", "2") and not says("number", "3", "2")
    assert says("number", "1 + 1 = 2.\nAnswer: 2", "2")
    assert says("text", "A blue ring.", "blue ring") and not says("text", "red ring", "blue ring")
    assert says("letter", "(B)", "B", options=("red", "blue"))
    assert not says("yes_no", "perhaps", "yes")


def test_a_blank_picture_is_an_empty_scene() -> None:
    asked = Asked("?", (render(scene_at("biased", "check", 0, 0)),) * 2)
    empty = render(Scene(()))
    assert [np.array_equal(p, empty) for p in blank(asked).pictures] == [True, True]
