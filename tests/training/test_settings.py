"""Settings: every field can be set, wrong ones get one clear line."""

import pytest
import torch

from counterfactory.errors import UserError
from counterfactory.training.settings import Lora, settings_from
from counterfactory.training.sft import Settings


def test_set_reaches_plain_and_nested_fields() -> None:
    made = settings_from(Settings, ["lr=1e-3", "lora.rank=4", "lora.merge=false", "steps=7"])
    assert (made.lr, made.steps, made.lora) == (0.001, 7, Lora(rank=4, merge=False))


@pytest.mark.parametrize(("text", "wanted"), [("lora=true", Lora()), ("lora=false", None)])
def test_lora_is_switched_on_and_off(text: str, wanted: Lora | None) -> None:
    assert settings_from(Settings, [text]).lora == wanted


def test_options_win_and_missing_ones_change_nothing() -> None:
    made = settings_from(Settings, ["steps=7"], steps=9, report_to=None)
    assert (made.steps, made.report_to) == (9, "none")


def test_a_release_to_replay_may_stand_alone() -> None:
    assert settings_from(Settings, ["replay=runs/a"]).replay == ("runs/a",)
    assert settings_from(Settings, replay=["a", "b"]).replay == ("a", "b")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("stpes=5", r"--set stpes: found an unknown setting.*did you mean 'steps'"),
        ("lora.rnak=5", r"--set lora.rnak: .*one of rank, alpha.*did you mean 'rank'"),
        ("lr=0", r"--set lr: found 0, expected greater than 0"),
        ("lr=fast", r"--set lr: found 'fast', expected a valid number"),
        ("steps=2.5", r"--set steps: found 2.5, expected a valid integer"),
        ("schedule=cosin", r"--set schedule: found 'cosin', expected 'constant', 'linear' or"),
        ("bf16=maybe", r"--set bf16: found 'maybe', expected 'auto', True or False"),
        ("lora=8", r"--set lora: found 8, expected"),
        ("replay_share=1", r"--set replay_share: found 1, expected less than 1"),
        ("lr", r"--set: found 'lr', expected key=value"),
        ("lr=[1", r"--set lr"),
    ],
)
def test_what_is_wrong_gets_one_line(text: str, line: str) -> None:
    with pytest.raises(UserError, match=line) as raised:
        settings_from(Settings, [text])
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("told", "half"), [({"amx_bf16": True}, True), ({"avx512_bf16": True}, False), ({}, False)]
)
def test_half_precision_is_for_a_cpu_that_is_faster_with_it(
    told: dict[str, bool], half: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: told, raising=False)
    assert settings_from(Settings, ["bf16=auto"]).half is half
    assert settings_from(Settings, ["bf16=true"]).half and not Settings().half


def test_how_often_it_saves_is_no_part_of_a_runs_identity() -> None:
    plain, often = Settings(), Settings(save_every=1, report_to="tensorboard")
    assert plain.inputs() == often.inputs() != Settings(lr=1.0).inputs()
