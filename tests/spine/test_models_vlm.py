"""The loader of vision-language models: two families, exact likelihoods, and what it refuses."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from tests import tiny_vlm
from tests.tiny import picture

from counterfactory.errors import UserError
from counterfactory.models import Models
from counterfactory.models.vlm import Vlm, load_vlm

QUESTION = [{"type": "image"}, {"type": "text", "text": "Is there a red ball?"}]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("vlm")
    return {"llava": tiny_vlm.llava(base), "idefics3": tiny_vlm.idefics3(base)}


@pytest.fixture(scope="module")
def loaded(folders: dict[str, Path]) -> dict[str, Vlm]:
    return {name: load_vlm(str(folder), "cpu") for name, folder in folders.items()}


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_a_batch_of_questions_is_answered_as_if_each_was_asked_alone(
    loaded: dict[str, Vlm], family: str
) -> None:
    vlm = loaded[family]
    longer = [*QUESTION, {"type": "text", "text": " How many stars are there, all in all?"}]
    prompts = [vlm.prompt(QUESTION), vlm.prompt(longer)]
    pictures = [[picture(1)], [picture(2)]]
    together = vlm.generate(prompts, pictures, max_tokens=6)
    alone = [
        vlm.generate([p], [i], max_tokens=6)[0] for p, i in zip(prompts, pictures, strict=True)
    ]
    assert together == alone and len(together) == 2


@pytest.mark.parametrize("family", ["llava", "idefics3"])
def test_the_likelihood_of_a_choice_is_the_sum_over_its_tokens(
    loaded: dict[str, Vlm], family: str
) -> None:
    vlm = loaded[family]
    prompt = vlm.prompt(QUESTION)
    choices = ("yes", "I cannot help with that.")
    found = vlm.choice_logps(prompt, [picture(3)], choices)
    for choice, logp in zip(choices, found, strict=True):
        inputs = vlm.inputs([prompt + choice], [[picture(3)]])
        ids = inputs["input_ids"][0]
        count = len(vlm.tokenizer(choice, add_special_tokens=False).input_ids)
        with torch.inference_mode():
            logps = vlm.model(**inputs).logits[0].float().log_softmax(-1)
        by_hand = sum(float(logps[at - 1, ids[at]]) for at in range(len(ids) - count, len(ids)))
        assert logp == pytest.approx(by_hand, abs=1e-4)
    letters = vlm.choice_logps(prompt, [picture(3)], ("A", "B"))  # one token each: one look
    longer = vlm.choice_logps(prompt, [picture(3)], ("A", "B", "I cannot help."))
    assert longer[:2] == pytest.approx(letters, abs=1e-4)
    assert vlm.choice_logps(prompt, [picture(4)], choices) != found, "the picture must matter"


def test_a_question_without_a_picture_works_too(loaded: dict[str, Vlm]) -> None:
    vlm = loaded["llava"]
    prompt = vlm.prompt([{"type": "text", "text": "yes or no?"}])
    assert len(vlm.generate([prompt], [[]], max_tokens=3)) == 1
    assert len(vlm.choice_logps(prompt, [], ("yes", "no"))) == 2
    assert vlm.generate([], [], max_tokens=3) == []


def test_a_model_is_its_bytes_and_its_settings(folders: dict[str, Path], tmp_path: Path) -> None:
    first = load_vlm(str(folders["llava"]), "cpu")
    copy = tmp_path / "copy"
    shutil.copytree(folders["llava"], copy)
    assert load_vlm(str(copy), "cpu").identity() == first.identity()
    template = copy / "chat_template.jinja"
    template.write_text(template.read_text() + " ")
    changed = load_vlm(str(copy), "cpu")
    assert changed.weights_hash == first.weights_hash
    assert changed.settings_hash != first.settings_hash
    other = load_vlm(str(tiny_vlm.llava(tmp_path, seed=1)), "cpu")
    assert other.weights_hash != first.weights_hash


def test_models_keeps_what_it_loaded(folders: dict[str, Path]) -> None:
    models = Models("cpu")
    assert models.vlm(str(folders["llava"])) is models.vlm(str(folders["llava"]))


def refused(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load_vlm(str(folder), "cpu")
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    return str(caught.value)


def test_a_model_without_a_chat_template_is_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "plain"
    shutil.copytree(folders["llava"], copy)
    (copy / "chat_template.jinja").unlink()
    assert "chat template" in refused(copy)


def test_torn_and_missing_weights_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    copy = tmp_path / "torn"
    shutil.copytree(folders["llava"], copy)
    weights = copy / "model.safetensors"
    state = load_file(weights)
    name = next(name for name in state if "multi_modal_projector" in name)
    save_file({n: v for n, v in state.items() if n != name}, weights, metadata={"format": "pt"})
    assert "1 weights are missing" in refused(copy)
    whole = (folders["llava"] / "model.safetensors").read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    assert "cannot be loaded" in refused(copy)
    weights.unlink()
    assert "weight" in refused(copy)


def test_a_text_model_and_an_unknown_dtype_are_refused(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    copy = tmp_path / "text"
    shutil.copytree(folders["llava"], copy)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(
        json.dumps({**config["text_config"], "model_type": "llama", "architectures": None})
    )
    refused(copy)
    with pytest.raises(UserError, match="dtype"):
        load_vlm(str(folders["llava"]), "cpu", "int9")
