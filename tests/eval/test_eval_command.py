"""`counterfactory eval run` on the command line: its JSON, its table, and one line for each mistake."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests import tiny_vlm

from counterfactory.cli import main
from counterfactory.eval.answer_dummy import DUMMIES, Blank, blank
from counterfactory.eval.answerers import answerer_for
from counterfactory.eval.asking import Ask

QUICK = ["--suite", "pocket-quick", "--task", "count/balanced", "--limit", "3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vlm.llava(tmp_path_factory.mktemp("command"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path / "cache"))


def run(*words: str) -> int:
    try:
        return main(["eval", "run", *words])
    except SystemExit as leave:
        return int(leave.code or 0)


def test_json_has_the_promised_keys(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(str(folder), *QUICK, "--out", str(tmp_path / "a"), "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"suite", "split", "model", "weights_hash", "axes", "tasks", "parse_failures", "asked",
            "seconds", "out"} <= found.keys()  # fmt: skip
    assert found["asked"] == 3 and found["axes"]["math"].keys() >= {"value", "low", "high", "n"}


def test_one_changed_weight_in_the_file_asks_everything_again(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = Path(shutil.copytree(folder, tmp_path / "changed"))
    state = load_file(changed / "model.safetensors")
    name = next(iter(state))
    state[name].view(-1)[0] += 1
    save_file(state, changed / "model.safetensors", {"format": "pt"})
    asked = []
    for model, out in ((folder, "a"), (folder, "b"), (changed, "c")):
        assert run(str(model), *QUICK, "--out", str(tmp_path / out), "--json") == 0
        asked.append(json.loads(capsys.readouterr().out)["asked"])
    assert asked == [3, 0, 3]


def without_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def with_nan(folder: Path) -> None:
    state = load_file(folder / "model.safetensors")
    name = next(name for name in state if name.endswith("norm.weight"))
    state[name][0] = float("nan")
    save_file(state, folder / "model.safetensors", {"format": "pt"})


def torn(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    ("harm", "line"),
    [
        (without_template, "no chat template"),
        (
            with_nan,
            "no answer to item '00000' of task 'count/balanced': the model's logits are NaN",
        ),
        (torn, "cannot be loaded"),
    ],
)
def test_a_broken_model_is_one_line(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    harm: Callable[[Path], None], line: str,
) -> None:  # fmt: skip
    broken = Path(shutil.copytree(folder, tmp_path / "broken"))
    harm(broken)
    assert run(str(broken), *QUICK, "--out", str(tmp_path / "out")) == 2
    said = [one for one in capsys.readouterr().err.splitlines() if "error:" in one]
    assert len(said) == 1 and line in said[0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["dummy:oracle", "--suite", "pockt"], "did you mean 'pocket'?"),
        (["dummy:oracle", "--suite", "pocket", "--task", "count/balancd"], "did you mean 'count/balanced'?"),
        (["dummy:oracle", "--suite", "pocket", "--split", "test"], "mine, gate, final"),
        (["dummy:oracl", "--suite", "pocket"], "did you mean 'oracle'?"),
        (["no/such/folder", "--suite", "pocket"], "no such folder"),
        (["dummy:oracle", "--suite", "pocket", "--select", "best"], "greedy, vote:N, self-select:N"),
        (["dummy:oracle", "--suite", "pocket", "--temperature", "-1"], "--temperature"),
        (["openai:localhost", "--suite", "pocket"], "expected openai:URL#model"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_exit_2(
    words: list[str], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words, "--out", str(tmp_path / "out")) == 2
    said = [one for one in capsys.readouterr().err.splitlines() if "error:" in one]
    assert len(said) == 1 and line in said[0]


def test_a_blind_model_gets_grey_pictures_of_the_same_size() -> None:
    from tests.tiny import picture

    from counterfactory.images import decode, png

    image = png(picture(0, 40, 60))
    grey = decode(blank(image))
    assert grey.shape == (40, 60, 3) and (grey == 128).all() and blank(b"broken") == b"broken"
    model = Blank(DUMMIES["always-yes"]())
    assert model.name == "blank:dummy:always-yes" and model.identity()["images"] == "blank"
    assert model.replies([Ask(content=[], images=(image,))])[0].text == "yes"


def test_a_local_model_is_known_before_it_is_loaded(folder: Path) -> None:
    model = answerer_for(str(folder), device="cpu")
    known = model.identity()
    assert model._inner is None and known == model.inner.identity()  # type: ignore[attr-defined]
    assert torch.is_tensor(model.inner.vlm.model.lm_head.weight)  # type: ignore[attr-defined]


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, 3_000))
from counterfactory import cli
sys.exit(cli.main(sys.argv[1:]))
"""


def test_a_full_disk_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ["dummy:always-yes", *QUICK, "--out", str(out)]
    done = subprocess.run(
        [sys.executable, "-c", FULL, "eval", "run", *words], capture_output=True, text=True
    )
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert f"{out}: a file grew beyond the size that is allowed here; mend that" in done.stderr
    assert not (out / "summary.json").exists()
    assert run(*words) == 0 and (out / "summary.json").exists()
