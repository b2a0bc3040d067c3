"""Building from the command line: the JSON of a build, going on after Ctrl-C, looking into a release."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

RECIPE = """\
kind: build
name: tiny-qa
source: {kind: world, n: 40, batch: 8, questions: 3}
ops: [{op: annotate}]
views: [sft, grpo, rejects]
"""


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "counterfactory", *args]


def run(*args: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*args), capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe and the release built from it."""
    folder = tmp_path_factory.mktemp("build")
    (folder / "tiny.yaml").write_text(RECIPE, encoding="utf-8")
    done = run("build", "tiny.yaml", "--out", "out", "--workers", "1", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "answer.json").write_text(done.stdout, encoding="utf-8")
    return folder


def test_the_json_of_a_build_has_the_promised_shape(place: Path) -> None:
    answer: dict[str, Any] = json.loads((place / "answer.json").read_text())
    shape = {
        "release": str, "name": str, "version": str, "fingerprint": str, "rows": dict,
        "candidates": int, "resumed": int, "rejects": dict, "seconds": float,
        "rows_per_second": float,
    }  # fmt: skip
    assert {key: type(answer.get(key)) for key in shape} == shape
    assert (answer["name"], answer["version"], answer["candidates"]) == ("tiny-qa", "dev", 40)
    assert Path(answer["release"]) == place / "out" and answer["rows"]["sft"] > 0
    assert "oracle" not in answer


def test_the_same_command_does_nothing_when_all_is_done(place: Path) -> None:
    before = (place / "out" / "manifest.json").stat().st_mtime_ns
    done = run("build", "tiny.yaml", "--out", "out", "--workers", "1", "--json", cwd=place)
    assert json.loads(done.stdout)["resumed"] == 40
    assert (place / "out" / "manifest.json").stat().st_mtime_ns == before


def test_another_recipe_in_the_same_folder_is_refused(place: Path) -> None:
    done = run("build", "tiny.yaml", "--out", "out", "--set", "seed=1", cwd=place)
    assert done.returncode == 2 and "another recipe" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_release_can_be_validated_explained_and_compared(place: Path) -> None:
    ok = json.loads(run("release", "validate", "out", "--json", cwd=place).stdout)
    assert ok == {"ok": True, "problems": []}
    same = json.loads(run("release", "diff", "out", "out", "--json", cwd=place).stdout)
    assert same["same_data"] is True
    missing = run("release", "explain", "out", "nothing-like-it", cwd=place)
    assert missing.returncode == 2 and len(missing.stderr.splitlines()) == 1


def test_an_oracle_report_needs_the_world(tmp_path: Path) -> None:
    done = run("build", "photo-edits", "--out", "out", "--oracle-report", cwd=tmp_path)
    assert done.returncode == 2 and "expected 'world'" in done.stderr
    assert not (tmp_path / "out.build").exists()


def _heeds_ctrl_c() -> None:
    """Undo what a shell does to jobs in the background: they ignore SIGINT, and so would the command."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_ctrl_c_is_one_line_and_the_same_command_goes_on(tmp_path: Path) -> None:
    big = RECIPE.replace("n: 40", "n: 3000")
    (tmp_path / "big.yaml").write_text(big, encoding="utf-8")
    words = command("build", "big.yaml", "--out", "out", "--workers", "1")
    process = subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, preexec_fn=_heeds_ctrl_c,
    )  # fmt: skip
    segments = tmp_path / "out.build" / "segments"
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not list(segments.glob("*.parquet")):
        time.sleep(0.05)
    time.sleep(0.3)
    os.killpg(process.pid, signal.SIGINT)  # what a terminal sends: to the workers as well
    out, err = process.communicate(timeout=300)
    assert process.returncode == 130 and out == ""
    said = [
        line for line in err.splitlines() if line and "rows" not in line and "samples" not in line
    ]
    assert said == ["counterfactory: interrupted; the same command continues where it stopped"]
    again = run(
        "build",
        "big.yaml",
        "--out",
        "out",
        "--workers",
        "1",
        "--budget",
        "1",
        "--json",
        cwd=tmp_path,
    )
    assert json.loads(again.stdout)["resumed"] > 0
