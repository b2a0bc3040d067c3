"""What an installation holds: the namespace `counterfactory` with its data, and no bare names.

Built with the installed setuptools from a copy of the repository, so nothing is fetched and the
tree stays clean.
"""

import json
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path
from typing import Literal

import pytest
from build import ProjectBuilder
from pyproject_hooks import quiet_subprocess_runner

Kind = Literal["wheel", "sdist", "editable"]
BARE = ("cards", "eval", "factory", "recipes", "src", "tests", "training")
WANTED = [
    *(f"counterfactory.{name}" for name in ("cards", "eval", "factory", "recipes", "training"))
]
PROBE = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name)]))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, root: Path, tracked: list[Path]) -> Path:
    """A copy of what git would commit, links as links."""
    folder = tmp_path_factory.mktemp("copy") / "repository"
    for path in tracked:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target, follow_symlinks=False)
    return folder


def built(source: Path, kind: Kind, out: Path) -> Path:
    """Build a "wheel", "sdist" or "editable" wheel."""
    return Path(ProjectBuilder(source, runner=quiet_subprocess_runner).build(kind, out))


@pytest.fixture(scope="module")
def wheel(copy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel made from the copy."""
    return built(copy, "wheel", tmp_path_factory.mktemp("wheel"))


def contents(wheel: Path) -> set[str]:
    """Return the names of a wheel's files, without its metadata."""
    names = zipfile.ZipFile(wheel).namelist()
    return {name for name in names if ".dist-info/" not in name}


def importable(wheel: Path, folder: Path) -> list[str]:
    """Install a wheel into a fresh environment; return which of the names found there can be imported."""
    venv.create(folder / "venv", with_pip=False)
    python = folder / "venv" / "bin" / "python"
    site = next((folder / "venv" / "lib").glob("python3.*")) / "site-packages"
    zipfile.ZipFile(wheel).extractall(site)
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    command = [str(python), "-c", PROBE, *BARE, *WANTED]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def test_the_wheel_holds_only_the_namespace(wheel: Path) -> None:
    assert {name.split("/")[0] for name in contents(wheel)} == {"counterfactory"}
    assert [name for name in contents(wheel) if "__pycache__" in name or "/tests/" in name] == []


def test_the_wheel_holds_every_module_and_data_file(
    wheel: Path, root: Path, tracked: list[Path]
) -> None:
    wanted = set()
    for path in tracked:
        name = path.as_posix()
        if (root / path).is_symlink():
            continue
        if name.startswith("src/counterfactory/"):
            name = name.removeprefix("src/")
        elif name.split("/")[0] in ("cards", "eval", "factory", "recipes", "training"):
            name = f"counterfactory/{name}"
        else:
            continue
        wanted.add(name)
    assert "counterfactory/factory/__init__.py" in wanted
    assert wanted - contents(wheel) == set()


def test_a_wheel_made_from_the_sdist_is_the_same(copy: Path, wheel: Path, tmp_path: Path) -> None:
    sdist = built(copy, "sdist", tmp_path / "sdist")
    shutil.unpack_archive(sdist, tmp_path / "unpacked")
    (source,) = (tmp_path / "unpacked").iterdir()
    again = built(source, "wheel", tmp_path / "wheel")
    assert contents(again) == contents(wheel)


@pytest.mark.parametrize("kind", ["wheel", "editable"])
def test_an_installation_knows_the_namespace_and_no_bare_name(
    kind: Kind, copy: Path, wheel: Path, tmp_path: Path
) -> None:
    made = wheel if kind == "wheel" else built(copy, "editable", tmp_path / "editable")
    assert importable(made, tmp_path) == WANTED


def test_the_probe_sees_a_bare_name(wheel: Path, tmp_path: Path) -> None:
    spoiled = tmp_path / "spoiled.whl"
    shutil.copy(wheel, spoiled)
    with zipfile.ZipFile(spoiled, "a") as archive:
        archive.writestr("training/__init__.py", "")
    assert importable(spoiled, tmp_path) == ["training", *WANTED]


def test_the_weights_in_a_wheel_stay_small(wheel: Path) -> None:
    sizes = [i.file_size for i in zipfile.ZipFile(wheel).infolist() if "/pocket/" in i.filename]
    assert max(sizes, default=0) <= 12 * 2**20
    assert sum(sizes) <= 30 * 2**20


def test_this_environment_runs_the_code_of_this_repository(root: Path) -> None:
    import counterfactory

    assert Path(counterfactory.__file__).is_relative_to(root), sys.path
