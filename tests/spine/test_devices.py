"""Devices: what is not here is the user's to change, wherever a model is loaded."""

from collections.abc import Callable

import pytest

from counterfactory.errors import UserError
from counterfactory.eval.answerers import answerer_for
from counterfactory.models.devices import choose, here
from counterfactory.training.outfit import load_outfit


@pytest.mark.parametrize("use", [answerer_for, load_outfit])
@pytest.mark.parametrize("device", ["cudda", "cuda:99", "meta"])
def test_a_device_that_is_not_here_is_one_line(use: Callable[..., object], device: str) -> None:
    with pytest.raises(UserError, match=f"--device: found '{device}', expected one of auto, cpu"):
        use("pocket", device=device)


def test_what_is_here_can_be_chosen() -> None:
    assert [choose(device)[0] for device in here()] == here()
    assert choose()[0] in here()
    assert choose("cpu:1")[0] == "cpu:1", "so launchers name the second process's"
