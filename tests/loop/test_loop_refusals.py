"""What `loop run` cannot work with: one line that says what and where, exit 2, nothing left behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests import tiny_vlm

from counterfactory.cli import main
from counterfactory.loop.journal import held

RECIPE = """\
kind: loop
name: small
rounds: 1
suite: pocket-quick
builds: [{recipe: world-qa}, {recipe: world-math}, {recipe: world-safety}]
stages:
- {train: sft, data: [world-qa], replay: [world-math], steps: 1}
- {train: prefer, data: [world-safety], steps: 1}
"""


def refused(
    out: Path, *sets: str, recipe: str, capsys: pytest.CaptureFixture[str], device: str = "auto"
) -> str:
    """Run the command; return its line without the head."""
    options = ["--device", device, *(part for one in sets for part in ("--set", one))]
    assert main(["loop", "run", recipe, "--out", str(out), *options]) == 2
    found = capsys.readouterr()
    progress = ("round 1/1", "pocket-quick 0 answers")
    lines = [line for line in found.err.splitlines() if not line.startswith(progress)]
    assert len(lines) == 1 and found.out == "", found.err
    assert lines[0].startswith("counterfactory: error: ")
    return lines[0].removeprefix("counterfactory: error: ")


@pytest.fixture
def small(tmp_path: Path) -> str:
    path = tmp_path / "small.yaml"
    path.write_text(RECIPE)
    return str(path)


BAD = {
    "unknown stage": (
        ["stages.refleckt.steps=3"],
        "--set stages.refleckt.steps=3: stages: found 'refleckt', expected an index or one of sft, prefer",
    ),
    "unknown method": (["stages.sft.train=sftt"], "stages.0.train: found 'sftt', expected one of"),
    "unknown setting": (["stages.sft.set.lrr=1"], "did you mean 'lr'?"),
    "unknown build": (["builds.world-math={recipe: world-mth, name: world-math}"], "did you mean 'world-math'?"),
    "unknown data": (["stages.sft.data=[world-q]"], "found 'world-q', expected a build of this recipe"),
    "missing view": (
        ["stages.prefer.data=[world-math]"],
        "stages.1.data: found 'world-math' with the views sft, grpo, rejects, expected the view 'dpo'",
    ),
    "missing view beside one that has it": (
        ["stages.sft.data=[world-qa, world-safety]"],
        "stages.0.data: found 'world-safety' with the views dpo, kto, grpo, rejects, expected the view 'sft'",
    ),
    "missing view to replay": (
        ["stages.sft.replay=[world-safety]"],
        "stages.0.replay: found 'world-safety' with the views dpo, kto, grpo, rejects, expected the view 'sft'",
    ),
    "unknown suite": (["suite=pockt"], "suite: no suite 'pockt' (did you mean 'pocket'?)"),
    "suite of one split": (["suite=folder:."], "suite:"),
    "too much mixed in": (["mix.replay=0.6", "mix.general=0.4"], "found 0.6 + 0.4, expected less than 1"),
    "nothing to aim": (
        ["builds=[{recipe: world-qa, always: true}, {recipe: world-math, always: true}, "
         "{recipe: world-safety, always: true}]"],
        "builds: found only builds with `always: true`",
    ),
    "no rounds": (["rounds=0"], "rounds: found 0"),
    "adapters to average": (
        ["averaged=true", "stages.sft.set={lora.rank: 4, lora.merge: false}"],
        "stages.0.set: lora.merge: found False, expected True",
    ),
    "no model of this name": (["model=pockt"], "did you mean 'pocket'?"),
    "no weights of this name": (
        ["builds.world-qa={recipe: region-diff, name: world-qa, set: {ops: {mask: {model: sam.pth}}}}"],
        "builds.0: world-qa: found 'sam.pth', expected a file that is there",
    ),
    "unknown build under its own name": (
        ["builds.world-math.recipe=worldmath"],
        "--set builds.world-math.recipe=worldmath: builds.1.recipe: found recipe 'worldmath'",
    ),
    "no release in a folder": (
        ["stages.sft.data=[./nowhere]"],
        "stages.0.data: found './nowhere', which holds no manifest.json, expected a release",
    ),
    "no release to replay": (
        ["stages.sft.replay=[world-math, .]"],
        "stages.0.replay: found '.', which holds no manifest.json, expected a release",
    ),
    "a served model cannot be trained": (
        ["model=openai:http://localhost:1/v1#x"], "expected weights: pocket, a folder, a Hub id",
    ),
    "no judge of this form": (["judge=nonsense"], "judge: judge 'nonsense': expected one of rules, clip:"),
    "no judge in this folder": (["judge=local:./nowhere"], "judge: found './nowhere', expected a folder"),
    "no judge of a training": (
        ["stages.prefer={train: reinforce, name: prefer, data: [world-safety], set: {judge: nonsense}}"],
        "stages.1.set.judge: judge 'nonsense': expected one of",
    ),
    "no auditor in this folder": (["auditors=[pocket, ./nowhere]"], "auditors.1: found './nowhere'"),
    "no generator in this folder": (
        ["stages.sft={train: cotrain, name: sft, data: [pairs], set: {generator: ./nowhere}}",
         "builds.world-math={recipe: region-diff, name: pairs}"],
        "stages.0.set.generator: found './nowhere', expected a folder that is there",
    ),
    "no photographs in this folder": (
        ["builds.world-math={recipe: photo-edits, name: world-math, set: {source: {path: ./nowhere}}}"],
        "builds.1: world-math: source.path: no folder './nowhere'",
    ),
    "one index lacks in two builds": (
        ["builds.world-qa.set.checks.contamination.index=none.gz",
         "builds.world-math.set.checks.contamination.index=none.gz"],
        "builds.0: world-qa, world-math: found no index 'none.gz'",
    ),
    "too few values": (
        ["stages.prefer.set.mpo_weights=[1]"], "--set mpo_weights: found [1], expected 3 values",
    ),
    "unknown kind of answer": (
        ["gates.data.max_top.yesno=0.5"],
        "--set gates.data.max_top.yesno=0.5: gates.data.max_top.yesno: found an unknown kind of answer",
    ),
    "no share": (["gates.data.max_leak.yes_no=5"], "max_leak.yes_no: found 5.0, expected a share"),
    "unknown guard": (
        ["gates.promotion.margins.halucination=0.1"],
        "--set gates.promotion.margins.halucination=0.1: gates.promotion.margins.halucination: found an unknown guard",
    ),
    "a build that leaves its folder": (
        ["stages.sft.replay=[]", "builds.world-math={recipe: world-math, name: ../../../victim}"],
        "builds.1.name: found '../../../victim', expected a name that matches ^[a-z0-9]",
    ),
    "a stage in a folder of its own": (
        ["stages.sft={train: sft, name: a/b, data: [world-qa]}"], "stages.0.name: found 'a/b', expected a name",
    ),
    "a build of the name that means all": (
        ["stages.sft.replay=[]", "builds.world-math={recipe: world-math, name: earlier}"],
        "builds.1.name: found 'earlier', which means the releases of earlier rounds",
    ),
    "no folder of this name": (["model=./nowhere"], "model: found './nowhere', expected a folder that is there"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_recipe_that_cannot_run_is_refused_before_anything_runs(
    name: str, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sets, said = BAD[name]
    found = refused(tmp_path / "loop", *sets, recipe=small, capsys=capsys)
    assert said in found, found
    assert not (tmp_path / "loop").exists()


def test_a_build_recipe_is_no_loop(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = refused(tmp_path / "loop", recipe="region-diff", capsys=capsys)
    assert "found 'build', expected 'loop' (`counterfactory build` runs build recipes)" in found


def test_a_loop_without_its_folder_is_recognised(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refused(tmp_path / "loop", recipe="pocket", capsys=capsys)
    assert "loop/qwen2.5-vl" in found and found.endswith("(did you mean 'loop/pocket'?)")


@pytest.mark.parametrize("device", ["cudda", "cuda:99"])
def test_a_device_that_is_not_here_is_refused_before_anything_runs(
    device: str, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = refused(tmp_path / "loop", recipe=small, capsys=capsys, device=device)
    assert found.startswith(f"--device: found {device!r}, expected one of auto, cpu")
    assert not (tmp_path / "loop").exists()


@pytest.mark.parametrize(
    ("text", "kind"), [("kind: build\nname: world-qa\n", "'build'"), ("hi\n", "None")]
)
def test_a_folder_with_another_recipe_in_it_stays_as_it_is(
    text: str, kind: str, small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "release"
    out.mkdir()
    (out / "recipe.yaml").write_text(text)
    said = f"{out / 'recipe.yaml'}: kind: found {kind}, expected 'loop'"
    assert refused(out, recipe=small, capsys=capsys).startswith(said)
    for command in ("status", "report"):
        assert main(["loop", command, str(out)]) == 2
        assert said in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == ["recipe.yaml"]


def test_a_folder_with_other_things_in_it_stays_as_it_is(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.txt").write_text("mine")
    found = refused(tmp_path / "thesis", recipe=small, capsys=capsys)
    assert "found files that are no loop, expected a new or empty folder" in found
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter-1.txt"]


def test_out_may_be_no_file(small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--out" in refused(Path(small), recipe=small, capsys=capsys)


def test_out_may_not_be_two_folders_of_a_list(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "2026-10-05T12:00"
    assert "12:00: found ':' in it, expected" in refused(out, recipe=small, capsys=capsys)
    assert not out.exists()


def test_a_second_process_is_told_who_is_at_work(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    out.mkdir()
    (out / "recipe.yaml").write_text(RECIPE)
    code = (
        "import sys, pathlib\nfrom counterfactory.loop.journal import held\n"
        "with held(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", code, str(out)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert other.stdin and other.stdout and other.stdout.readline() == b"held\n"
    found = refused(out, recipe=small, capsys=capsys)
    assert (
        f"found another loop at work here (process {other.pid} on " in found and "since 20" in found
    )
    other.kill()
    other.wait()
    with held(out):  # the kernel has freed it
        assert json.loads((out / "lock").read_text())["pid"] == os.getpid()


def test_a_line_of_the_journal_that_is_none_is_shown(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "loop"
    out.mkdir()
    (out / "recipe.yaml").write_text(RECIPE)
    (out / "journal.jsonl").write_text('{"round": 1, "stage"\n{"round": 1}\n')
    found = refused(out, recipe=small, capsys=capsys)
    assert "journal.jsonl:1: found" in found and "choose another --out" in found
    for command in ("status", "report"):
        assert main(["loop", command, str(out)]) == 2
        assert "journal.jsonl:1: found" in capsys.readouterr().err
    assert not (out / "report.html").exists()


def test_a_model_without_a_chat_template_cannot_be_measured(
    small: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tiny_vlm.llava(tmp_path)
    (model / "chat_template.jinja").unlink()
    capsys.readouterr()  # what writing it said
    found = refused(tmp_path / "loop", f"model={model}", "limit=1", recipe=small, capsys=capsys)
    assert "chat template" in found, found
