"""The spine and the command line load no heavy library: `--help` must answer at once."""

import json
import pkgutil
import resource
import subprocess
import sys
from pathlib import Path

import pytest

SPINE = Path(__file__).parents[2] / "src" / "counterfactory"
LINKED = {"factory", "eval", "training", "recipes", "cards"}
ABOVE = {"loop"}  # stands on training; the commands import it when it is used
HEAVY = (
    "cv2", "datasets", "diffusers", "jinja2", "open_clip", "pandas", "pyarrow", "scipy",
    "segment_anything", "skimage", "sklearn", "torch", "torchvision", "transformers",
)  # fmt: skip
# files behind the lazy loader: one library each, loaded on use
LEAVES = ("counterfactory.models.",)

PROBE = """
import importlib, json, sys
for name in {names!r}:
    importlib.import_module(name)
print(json.dumps(sorted({heavy!r} & sys.modules.keys())))
"""


def spine() -> list[str]:
    """Return every module of the spine, the commands among them."""
    found = ["counterfactory"]
    for info in pkgutil.walk_packages([str(SPINE)], "counterfactory."):
        part = info.name.split(".")[1]
        if part not in LINKED | ABOVE and part != "__main__" and not info.name.startswith(LEAVES):
            found.append(info.name)
    return found


def loaded_by(names: list[str], tmp_path: Path) -> list[str]:
    """Return the heavy libraries that a fresh interpreter holds after importing `names`."""
    code = PROBE.format(names=names, heavy=set(HEAVY))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_the_spine_and_the_command_line_load_nothing_heavy(tmp_path: Path) -> None:
    names = spine()
    assert {"counterfactory.records", "counterfactory.models", "counterfactory.cli"} <= set(names)
    assert loaded_by(names, tmp_path) == []


def test_the_probe_sees_a_heavy_import(tmp_path: Path) -> None:
    assert "pyarrow" in loaded_by(["counterfactory.records", "pyarrow"], tmp_path)


@pytest.mark.parametrize("arguments", [["--help"], ["build", "--help"], ["release", "--help"]])
def test_help_costs_less_than_half_a_second_of_work(arguments: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "counterfactory.cli", *arguments]
    spent = []
    for _ in range(3):  # processor time, the least of three: a busy machine changes it little
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert done.returncode == 0, done.stderr
        assert "usage: counterfactory" in done.stdout
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(spent) < 0.5
