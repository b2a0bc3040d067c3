"""A result that keeps a share of the model given lies on the line between the two."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from counterfactory.errors import UserError
from counterfactory.training.keep import blend
from counterfactory.training.outfit import load_outfit
from counterfactory.training.train import train


@pytest.mark.parametrize("how", [[], ["lora.rank=4"]], ids=["whole", "adapters"])
def test_weights_lie_between_the_model_given_and_the_one_trained(
    how: list[str], world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    how = [*how, "batch=2", "lr=0.01", "warmup=0"]
    found = {}
    for keep in (0.0, 0.25):
        out = tmp_path / str(keep)
        train("sft", str(tiny_llava), [str(world_qa)], out, [*how, f"keep={keep}"], steps=3)
        found[keep] = load_file(out / "model.safetensors")
    given, whole, kept = load_file(tiny_llava / "model.safetensors"), found[0.0], found[0.25]
    moved = 0
    for name, weight in kept.items():
        assert torch.allclose(weight, 0.75 * whole[name] + 0.25 * given[name], atol=1e-5), name
        moved += not torch.allclose(weight, whole[name], atol=1e-5)
    assert moved > 3


def test_weights_that_two_layers_share_move_once() -> None:
    outfit = load_outfit("pocket", device="cpu")
    given = {name: weight.detach().clone() for name, weight in outfit.model.named_parameters()}
    tied = outfit.model.get_output_embeddings().weight
    assert tied.data_ptr() == outfit.model.get_input_embeddings().weight.data_ptr()
    with torch.no_grad():
        for weight in outfit.model.parameters():
            weight.add_(1.0)
    blend(outfit, 0.25)
    for name, weight in outfit.model.named_parameters():
        assert torch.allclose(weight, given[name] + 0.75, atol=1e-5), name


def test_nothing_is_learned_where_all_would_be_kept(
    world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match=r"--set keep: found 1(\.0)?, expected less than 1"):
        train("sft", str(tiny_llava), [str(world_qa)], tmp_path / "run", ["keep=1"], steps=1)
