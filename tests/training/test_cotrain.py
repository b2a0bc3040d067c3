"""Co-training on real pairs: what it leaves, its ablations, restarts, several processes, refusals."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests import releases, tiny, tiny_vlm
from tests.training.test_resume import killed, losses

from counterfactory.errors import UserError
from counterfactory.training import resume
from counterfactory.training.train import train

HOW = ["batch=2", "pairs=2", "lr=0.003", "schedule=constant", "warmup=0", "save_every=2"]
ALONE = ["itc=0", "synthesis=0", "rsc=0"]


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny release of pairs."""
    return releases.region_diff(tmp_path_factory)


@pytest.fixture(scope="session")
def tiny_sd(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A tiny inpainting pipeline, as a setting."""
    return f"generator={tiny.sd_inpaint(tmp_path_factory.mktemp('sd'))}"


def lines(out: Path) -> list[dict[str, Any]]:
    """The record of a run."""
    return [json.loads(line) for line in (out / "training.jsonl").read_text().splitlines()]


def weights(out: Path) -> dict[str, Any]:
    """The model's weights."""
    from safetensors.torch import load_file

    return dict(load_file(out / "model.safetensors"))


def test_a_run_leaves_a_model_and_a_generator_that_edits(
    pairs: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    from counterfactory.models.ids import identify
    from counterfactory.models.inpaint import load_inpainter
    from counterfactory.models.vlm import load_vlm

    out = tmp_path / "run"
    result = train("cotrain", str(tiny_llava), [str(pairs)], out, HOW, steps=3)
    assert {"lm", "itc", "itc_accuracy", "synthesis", "rsc", "rsc_cosine"} <= lines(out)[0].keys()
    read = [line["num_tokens"] for line in lines(out)]
    assert 0 < read[0] < read[1] < read[2]
    assert load_vlm(str(out)).weights_hash == result["weights_hash"]
    before, after = (identify("inpaint", m).revision for m in ("pocket", str(out / "generator")))
    assert before != after
    picture, mask = tiny.picture(0, 128, 128), np.zeros((128, 128), bool)
    mask[40:70, 40:70] = True
    [made] = load_inpainter(str(out / "generator")).inpaint(
        [picture], [mask], ["a large red ball"], [1], steps=4, guidance=1.5, crop_padding=8
    )
    assert (made[mask] != picture[mask]).any() and (made[~mask] == picture[~mask]).all()
    unet = out / "generator" / "unet" / "diffusion_pytorch_model.safetensors"
    assert unet.stat().st_size < 12e6, "written as fp16, as it came"


def test_every_ablation_hears_the_same_talks(
    pairs: Path, tiny_llava: Path, tiny_sd: str, tmp_path: Path
) -> None:
    arms = {"lm": ALONE, "itc": ["synthesis=0", "rsc=0"], "is": ["rsc=0"], "all": []}
    for name, off in arms.items():
        how = [*HOW, *off, *([] if name in ("lm", "itc") else [tiny_sd])]
        train("cotrain", str(tiny_llava), [str(pairs)], tmp_path / name, how, steps=2)
    found = {name: lines(tmp_path / name) for name in arms}
    assert len({found[name][0]["lm"] for name in arms}) == 1
    assert "itc" not in found["lm"][0] and "synthesis" not in found["itc"][0]
    assert "rsc" not in found["is"][0] and found["itc"][0]["itc"] == found["all"][0]["itc"]
    assert not (tmp_path / "itc" / "generator").exists()
    # the generator reaches the VLM through the consistency alone
    itc, synthesis, whole = (weights(tmp_path / name) for name in ("itc", "is", "all"))
    assert all(itc[key].equal(synthesis[key]) for key in itc)
    assert any(not itc[key].equal(whole[key]) for key in itc)


def test_contrast_is_learned_on_three_pairs(
    tiny_llava: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    few = releases.built(tmp_path_factory, "region-diff", samples=3)
    how = [*HOW, "synthesis=0", "rsc=0", "itc=1", "captions=false", "lr=0.001"]
    train("cotrain", str(tiny_llava), [str(few)], tmp_path / "run", how, steps=80)
    found = [line["itc"] for line in lines(tmp_path / "run")]
    assert np.mean(found[-10:]) < 0.8 * np.mean(found[:10])


RARE = [pytest.param(name, marks=pytest.mark.slow) for name in ("idefics3", "gemma3")]


@pytest.mark.parametrize("family", ["qwen25", *RARE])
def test_other_families_go_through_all_terms(
    family: str, pairs: Path, tiny_sd: str, tmp_path: Path
) -> None:
    model = tiny_vlm.ALL[family](tmp_path)
    how = [*HOW, tiny_sd, "lora=true"] if family == "qwen25" else [*HOW, tiny_sd]
    train("cotrain", str(model), [str(pairs)], tmp_path / "run", how, steps=2)
    first, second = lines(tmp_path / "run")
    assert first["rsc"] > 0 and second["lm"] != first["lm"]


@pytest.mark.slow
def test_an_sdxl_pipeline_is_trained_along(pairs: Path, tiny_llava: Path, tmp_path: Path) -> None:
    from counterfactory.models.inpaint import load_inpainter

    how = [*HOW, f"generator={tiny.sdxl_inpaint(tmp_path)}"]
    train("cotrain", str(tiny_llava), [str(pairs)], tmp_path / "run", how, steps=2)
    assert load_inpainter(str(tmp_path / "run" / "generator")).native_size == 32


def test_an_open_clip_model_learns_its_hard_negatives(
    pairs: Path, tiny_sd: str, tmp_path: Path
) -> None:
    from counterfactory.models.clip import load_clip
    from counterfactory.models.ids import identify

    out, model = tmp_path / "run", tiny.clip(tmp_path)
    how = [*HOW, tiny_sd, "kind=clip", "batch=4", "itc=1", "synthesis=0", "rsc=0"]
    result = train("cotrain", str(model), [str(pairs)], out, how, steps=40)
    found = [line["itc"] for line in lines(out)]
    assert np.mean(found[-5:]) < 0.9 * np.mean(found[:5])
    assert identify("clip", str(out)).revision == result["weights_hash"]
    assert load_clip(str(out)).texts(["a red ball"]).shape == (1, 32)
    assert "library_name: open_clip" in (out / "README.md").read_text()
    both = [one for one in how if one not in ("synthesis=0", "rsc=0")]
    train("cotrain", str(model), [str(pairs)], tmp_path / "all", both, steps=2)
    assert {"itc", "synthesis", "rsc"} <= lines(tmp_path / "all")[0].keys()


def test_a_killed_run_ends_as_an_uninterrupted_one(
    pairs: Path, tiny_llava: Path, tiny_sd: str, tmp_path: Path
) -> None:
    whole, cut, how, steps = tmp_path / "whole", tmp_path / "cut", [*HOW, tiny_sd], 12
    straight = train("cotrain", str(tiny_llava), [str(pairs)], whole, how, steps=steps)
    sets = [part for one in how for part in ("--set", one)]
    call = [
        sys.executable, "-m", "counterfactory.cli", "train", "cotrain", str(tiny_llava),
        "--data", str(pairs), "--out", str(cut), "--steps", str(steps), *sets,
    ]  # fmt: skip
    work = resume.work_folder(cut)
    killed(call, work / "training.jsonl", after=5)
    assert not cut.exists() and resume.checkpoints(work)
    resumed = train("cotrain", str(tiny_llava), [str(pairs)], cut, how, steps=steps)
    assert losses(cut) == losses(whole)
    assert resumed["weights_hash"] == straight["weights_hash"]


def test_two_processes_are_one_with_twice_the_batch(
    pairs: Path, tiny_llava: Path, tiny_sd: str, tmp_path: Path
) -> None:
    two, one, how = tmp_path / "two", tmp_path / "one", ["lr=0.003", tiny_sd, "accumulate=2"]
    call = [
        sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2",
        "--rdzv_backend=c10d", "--rdzv_endpoint=localhost:0",
        "-m", "counterfactory.cli", "train", "cotrain", str(tiny_llava), "--data", str(pairs),
        "--out", str(two), "--steps", "3", "--device", "cpu",
        *[part for key in [*how, "batch=2", "pairs=2"] for part in ("--set", key)],
    ]  # fmt: skip
    alone = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(call, check=True, env={**os.environ, **alone}, timeout=240)
    train("cotrain", str(tiny_llava), [str(pairs)], one, [*how, "batch=4", "pairs=4"], steps=3)
    for a, b in zip(lines(two), lines(one), strict=True):
        for name in ("loss", "lm", "itc", "synthesis", "rsc"):
            assert a[name] == pytest.approx(b[name], abs=1e-4), name
    differing = [(w - weights(one)[k]).abs().max().item() for k, w in weights(two).items()]
    assert max(differing) < 1e-3


def test_what_cannot_be_trained_is_said_in_one_line(
    pairs: Path, world_qa: Path, tiny_llava: Path, tmp_path: Path
) -> None:
    def refused(match: str, *how: str, model: object = tiny_llava, data: Path = pairs) -> None:
        with pytest.raises(UserError, match=match) as caught:
            train("cotrain", str(model), [str(data)], tmp_path / "no", how, steps=1, restart=True)
        assert "\n" not in str(caught.value)

    refused("found no view 'pairs', it has sft", data=world_qa)
    refused("holds no open_clip_config.json", "kind=clip")
    refused("expected one of them above", "kind=clip", *ALONE, model=tiny.clip(tmp_path))
    refused(
        "Flux2Klein.*expected an inpainting pipeline with a UNet",
        f"generator={tiny.klein(tmp_path)}",
    )
    refused("found -1, expected greater than", "itc=-1")


def test_a_loss_that_is_no_number_stops_before_the_step(
    pairs: Path, tiny_llava: Path, tiny_sd: str, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    with pytest.raises(UserError, match=r"stopped before the step.*checkpoint-2"):
        from counterfactory.training.cotraining import together

        inner, calls = together.synthesis_loss, []

        def torn(*args: Any) -> Any:
            calls.append(1)
            return inner(*args) * (float("nan") if len(calls) == 4 else 1)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(together, "synthesis_loss", torn)
            train("cotrain", str(tiny_llava), [str(pairs)], out, [*HOW, tiny_sd], steps=6)
    assert not out.exists()


def test_the_measure_tells_a_reader_from_a_guesser(
    pairs: Path, tiny_llava: Path, tiny_sd: str, tmp_path: Path
) -> None:
    from counterfactory import pocket
    from counterfactory.training.cotraining.measure import measure

    clip = measure(str(pocket.path("clip")), count=40, scenes=0)
    assert clip["feature_swapped"]["value"] > 0.85 and clip["retrieval_text"]["value"] > 0.2
    train("cotrain", str(tiny_llava), [str(pairs)], tmp_path / "run", [*HOW, tiny_sd], steps=1)
    random = measure(str(tmp_path / "run"), count=40, scenes=0)
    for name in ("swapped", "swapped_image", "feature_swapped"):
        assert random[name]["low"] < 0.5 < random[name]["high"], name
    assert random["swapped_pair"]["value"] < 0.5


def test_the_likelihood_of_a_caption_is_that_of_the_plain_reader(tiny_llava: Path) -> None:
    from counterfactory.factory.release.views import DESCRIBE
    from counterfactory.models.vlm import load_vlm
    from counterfactory.training.cotraining.measure import logps, twins

    drawn, vlm = twins("balanced", "gate", 3), load_vlm(str(tiny_llava), "cpu")
    prompt = vlm.prompt([{"type": "image"}, {"type": "text", "text": DESCRIBE}])
    images = [one.images[side] for one in drawn for side in (0, 1)]
    captions = [one.captions[side] for one in drawn for side in (1, 0)]
    plain = [
        vlm.choice_logps(prompt, [image], [f"{caption}{tiny_vlm.END}\n"])[0]
        for image, caption in zip(images, captions, strict=True)
    ]
    assert logps(vlm, images, captions) == pytest.approx(plain, abs=1e-3)
