"""The loops for real models, every stage of them: tiny random models of the same classes, benchmarks and
photographs as the Hub has them, one or two steps a stage. What comes out means nothing; that it comes
out, is measured, judged and told does."""

import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests import tiny, tiny_vlm
from tests.eval.standard import kit

from counterfactory.eval.benchmarks import BENCHMARKS
from counterfactory.eval.items import Suite
from counterfactory.eval.suites import SUITES, index
from counterfactory.eval.suites.standard import STANDARD, task_of
from counterfactory.loop.generators import GENERATOR
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import read, round_of
from counterfactory.loop.recipe import checked_loop
from counterfactory.loop.rounds import Work
from counterfactory.loop.run import run_loop
from counterfactory.loop.stages import STAGES as STAGES_OF

CAPTIONS = (
    "A large red ball on a table.",
    "A small green box and a dog.",
    "A blue star and a cup.",
)
MODELS = {"loop/smolvlm": tiny_vlm.smolvlm, "loop/qwen2.5-vl": tiny_vlm.qwen25}
FEW = ("pope", "vlguard")  # of the suite: sight and safety
STAGES = (
    "before", "measure", "mine", "plan", "build/region-diff-hub", "build/world-math", "build/world-safety",
    "build/world-qa", "build/requests", "data", "train/cotrain", "train/reflect", "train/prefer",
    "train/reinforce", "after", "gate", "generator",
)  # fmt: skip


def png(number: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(tiny.picture(number, 96, 128)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captioned photographs as a dataset, benchmarks, and the models of the factory."""
    import datasets

    folder = tmp_path_factory.mktemp("real")
    cells = [{"bytes": png(number), "path": None} for number in range(12)]
    answers = [[CAPTIONS[number % 3]] for number in range(12)]
    kinds = {"image": datasets.Image(), "answer": datasets.List(datasets.Value("string"))}
    made = datasets.Dataset.from_dict(
        {"image": cells, "answer": answers}, features=datasets.Features(kinds)
    )
    (folder / "photos" / "data").mkdir(parents=True)
    made.to_parquet(folder / "photos" / "data" / "val-00000-of-00001.parquet")
    for name in FEW:
        kit.lay(folder / "benchmarks", name, kit.FIXTURES[name])
    kit.lay(folder / "benchmarks", "pope", kit.FIXTURES["pope"], {("", "test"): pope(60)})
    tiny.clip(folder), tiny.sd_inpaint(folder), tiny.sam(folder, seed=4)
    return folder


def pope(count: int) -> list[dict[str, Any]]:
    """Return rows of POPE with a picture each: enough of them for slices and for every split."""
    return [
        {"id": str(k), "question_id": str(k), "question": f"Is there a {('dog', 'car')[k % 2]} in the image?",
         "answer": ("yes", "no")[k % 2], "image_source": f"COCO_val2014_{k:012d}", "image": kit.png(k),
         "category": ("random", "popular", "adversarial")[k % 3]}
        for k in range(count)
    ]  # fmt: skip


def tiny_sets(place: Path, model: Path) -> list[str]:
    """Return the overrides that put tiny models and local data in the place of the Hub's."""
    sam, clip = str(place / "sam"), str(place / "clip")
    editor = str(place / "sd")
    hub = {
        "source": {"path": str(place / "photos"), "max_side": 128},
        "ops": {
            "mask": {"model": sam, "clip": clip, "min_similarity": -1, "max_area": 1},
            "edit": {"model": editor, "size": 32, "steps": 1},
            "diff": {"model": sam, "clip": clip, "max_similarity": 1},
        },
        "checks": {
            "contamination": {"index": str(place / "index.jsonl.gz")},
            "similarity": {"model": clip, "min": -1, "max": 1.01},
            "presence": {"model": clip, "margin": -2}, "swap": {"model": clip, "margin": -2},
        },
    }  # fmt: skip
    # a random model has no right sample: it reflects on the release's answers and rationales alone
    small = {"lora": {"rank": 4}, "batch": 2, "accumulate": 1}
    stages = {
        "cotrain": {**small, "pairs": 2, "generator": editor}, "prefer": small,
        "reflect": {**small, "questions": 4, "iterations": 1, "max_tokens": 12, "rationales": 8,
                    "parts": ["qa", "answer"]},
        "reinforce": {**small, "batch": 4, "group": 2, "answer_tokens": 4, "head_rows": 10},
    }  # fmt: skip
    index = f"set.checks.contamination.index={place / 'index.jsonl.gz'}"
    return [
        *(f"builds.{name}.{index}" for name in ("world-math", "world-safety", "world-qa", "requests")),
        f"model={model}", "rounds=1", "limit=12", "budget.rows=16",
        "gated=false", "generator.candidates=2",  # what is promoted hands its generator on
        f"builds.region-diff-hub.set={json.dumps(hub)}",
        *(f"stages.{name}.steps={1 + (name == 'cotrain')}" for name in stages),
        *(f"stages.{name}.set.{key}={json.dumps(one)}" for name, some in stages.items() for key, one in some.items()),
    ]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def few(place: Path) -> Iterator[None]:
    """Put a few benchmarks of the suite in its place, read from the folder."""
    some = Suite(
        name="standard",
        tasks=tuple(task_of(BENCHMARKS[name]) for name in FEW),
        splits=STANDARD.splits,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COUNTERFACTORY_BENCHMARKS", str(place / "benchmarks"))
        patch.setitem(SUITES, "standard", lambda: some)
        assert index.main(["standard", str(place / "index.jsonl.gz")]) == 0
        yield


def ran(name: str, place: Path, folder: Path) -> Path:
    """Run a loop and run it again; return its folder."""
    recipe = checked_loop(name, tiny_sets(place, MODELS[name](folder)))
    out, said = folder / "loop", list[str]()
    result = run_loop(recipe, out, workers=1, device="cpu", say=said.append)
    assert [line.stage for line in Journal(out).lines] == list(STAGES), said
    again = run_loop(recipe, out, workers=1, device="cpu", say=said.append)
    assert again["ran"] == 0 and again["rounds"] == result["rounds"]
    return out


@pytest.fixture(scope="module")
def ended(place: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The loop of SmolVLM, ended."""
    return ran("loop/smolvlm", place, tmp_path_factory.mktemp("smolvlm"))


def judged(out: Path) -> None:
    """Look at what a round left: a model that has learnt, measured, and a decision with its reasons."""
    here = round_of(out, 1)
    decision = here.decision()
    assert decision["model"] == "model/4-reinforce" and decision["reason"], decision
    assert {"target", "guards", "alarms"} <= decision.keys()
    assert "calibration" in {one["name"] for one in decision["guards"]}
    assert all((folder / "reflections.parquet").is_file() for folder in (here.before, here.after))
    generator = here.models / "1-cotrain" / "generator" / "model_index.json"
    assert generator.is_file() and here.promoted
    before, after = (read(folder / "summary.json") for folder in (here.before, here.after))
    assert before["tasks"].keys() == after["tasks"].keys() == set(FEW)
    assert before["weights_hash"] != after["weights_hash"]


def test_every_stage_of_the_loop_for_smolvlm_runs(ended: Path, tmp_path: Path) -> None:
    judged(ended)
    found = read(round_of(ended, 1).folder / GENERATOR)
    assert found["n"] == 2 and found["new"] == "round-01/model/1-cotrain/generator", found
    assert (ended / "report.html").stat().st_size > 10_000
    shutil.copytree(ended, tmp_path / "loop")
    recipe = checked_loop(ended / "recipe.yaml")
    averaged(Work(recipe, tmp_path / "loop", round_of(tmp_path / "loop", 2), device="cpu"))


def test_every_stage_that_needs_the_model_runs_with_qwen(
    ended: Path, place: Path, tmp_path: Path
) -> None:
    """Trained on the releases of the other loop: builds know no model that is trained."""
    begun, out = tmp_path / "begun", tmp_path / "loop"
    recipe = checked_loop("loop/qwen2.5-vl", tiny_sets(place, tiny_vlm.qwen25(tmp_path)))
    first = Work(recipe, begun, round_of(begun, 1), workers=1, device="cpu")
    done(first, "opening")
    assert read(first.round.plan)["builds"]
    again = shutil.ignore_patterns("model", "before", "after", "gate.json", GENERATOR, ".begun")
    shutil.copytree(ended, out, ignore=again)
    work = Work(recipe, out, round_of(out, 1), workers=1, device="cpu")
    shutil.copytree(first.round.before, work.round.before)
    done(work, "teaching", "closing")
    judged(out)
    averaged(replace(work, round=round_of(out, 2)))


def averaged(second: Work) -> None:
    """Average in a second round, whose trainings end where the `prefer` of the first one did."""
    from safetensors.torch import load_file
    from transformers import AutoModelForImageTextToText

    first, trained = second.earlier[0], second.round.models / "4-reinforce"
    less = shutil.ignore_patterns("eval", "model", "gate.json", GENERATOR)
    shutil.copytree(first.folder, second.round.folder, ignore=less)
    shutil.copytree(first.models / "3-prefer", trained)
    (stage,) = [one for one in STAGES_OF["teaching"](second) if one.name == "average"]
    assert stage.takes(second)
    stage.run(second)
    mean = second.round.models / "5-average"
    assert second.made == mean and AutoModelForImageTextToText.from_pretrained(mean)
    given, last, half = (
        load_file(at / "model.safetensors") for at in (Path(second.model), trained, mean)
    )
    assert half.keys() == given.keys() and any(bool((given[k] != last[k]).any()) for k in half)
    assert all(bool(half[k].isclose((given[k] + last[k]) / 2, atol=1e-5).all()) for k in half)


def done(work: Work, *parts: str) -> None:
    """Do the stages of some parts of a round."""
    for part in parts:
        for stage in STAGES_OF[part](work):
            assert stage.takes(work)
            stage.run(work)


@pytest.mark.slow
def test_every_stage_of_the_loop_for_qwen_runs(place: Path, tmp_path: Path) -> None:
    out = ran("loop/qwen2.5-vl", place, tmp_path)
    judged(out)
    assert [line.stage for line in Journal(out).lines] == list(STAGES)
