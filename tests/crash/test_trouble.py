"""What the machine can do to a build: a full disk, a folder in use. One line, and nothing half- written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from engine_toys import toy_recipe

from counterfactory.errors import UserError
from counterfactory.factory.run import build
from counterfactory.factory.run.disk import disk_trouble, locked

LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
from engine_toys import toy_recipe
from counterfactory.errors import UserError
from counterfactory.factory.run import build
try:
    build(toy_recipe(n=200), Path(sys.argv[1]), workers=1, progress=False)
except UserError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize("limit", [2_000, 14_000, 100_000], ids=["ledger", "segment", "release"])
def test_a_disk_that_takes_no_more_is_one_line_and_no_release(tmp_path: Path, limit: int) -> None:
    out = tmp_path / "out"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    script = LIMITED.format(limit=limit)
    done = subprocess.run(
        [sys.executable, "-c", script, str(out)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"{out}.build: ") and "run the same command again to go on" in last
    assert "Traceback" not in done.stderr
    assert not out.exists()
    assert not (tmp_path / "out.build" / "release.tmp").exists()
    result = build(toy_recipe(n=200), out, workers=1, progress=False)
    assert result.finished


WEIGHTS = """
import resource, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from counterfactory.errors import UserError
from counterfactory.factory.run.disk import disk_errors
out = Path(sys.argv[1])
weights = {"head": torch.zeros(200_000)}
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for save, name in ((save_file, "model.safetensors"), (torch.save, "state.pt")):
    try:
        with disk_errors(out):
            save(weights, out / name)
    except UserError as error:
        print(error)
for broken in (lambda: save_file(weights, out / "no" / "x"), lambda: torch.zeros(2) @ torch.zeros(3)):
    try:
        with disk_errors(out):
            broken()
    except UserError as error:
        print(error)
    except Exception as error:
        print(type(error).__name__)
"""


def test_weights_that_a_disk_does_not_take_are_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", WEIGHTS, str(tmp_path)],
        env=environment,
        capture_output=True,
        text=True,
    )
    again = "; mend that and run the same command again to go on"
    assert done.stdout.splitlines() == [
        f"{tmp_path}: a file grew beyond the size that is allowed here{again}",
        f"{tmp_path}: the disk cannot be written (full, or faulty){again}",
        "SafetensorError", "RuntimeError",
    ], done.stderr  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "[enforce fail at inline_container.cc:671] . unexpected pos 576 vs 534",
            "full, or faulty",
        ),
        (
            "[enforce fail at inline_container.cc:863] . "
            "PytorchStreamWriter failed writing file data/0: file write failed",
            "full, or faulty",
        ),
        ("[enforce fail at inline_container.cc:99] . PytorchStreamReader failed reading", ""),
    ],
)
def test_only_what_torch_could_not_write_is_trouble_with_the_disk(text: str, said: str) -> None:
    found = disk_trouble(RuntimeError(text))
    assert said in found if said else not found


def test_two_builds_in_one_folder(tmp_path: Path) -> None:
    work = tmp_path / "out.build"
    work.mkdir()
    with locked(work / "lock"), pytest.raises(UserError) as caught:
        build(toy_recipe(), tmp_path / "out", workers=1, progress=False)
    assert str(caught.value).count("\n") == 0
    assert f"another build at work here (process {os.getpid()})" in str(caught.value)
    assert [path.name for path in work.iterdir()] == ["lock"]


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="expected a folder"):
        build(toy_recipe(), tmp_path / "file" / "out", workers=1, progress=False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="no permission to write here"):
        build(toy_recipe(), tmp_path / "out", workers=1, progress=False)
