"""What the policy tests ask of the repository: its files, as git would commit them."""

import os
import subprocess
from pathlib import Path

import pytest

OUTPUTS = {".venv", ".venv-contract", "build", "demo", "dist", "runs"}  # never committed, and large
CACHES = (".egg-info", "_cache", "__pycache__")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Every tracked or new file that git does not ignore, relative to the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True)
    if listed.returncode:  # an archive without git: everything but outputs and caches
        return sorted(unpacked(root))
    paths = sorted({Path(name) for name in listed.stdout.decode().split("\0") if name})
    return [path for path in paths if (root / path).exists()]


def unpacked(root: Path) -> list[Path]:
    """Return the files and links below a folder, relative to it; links are not entered."""
    found = []
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if f not in OUTPUTS and not f.endswith(CACHES)]
        links = [name for name in folders if Path(folder, name).is_symlink()]
        found += [Path(folder, name) for name in [*names, *links]]
    return [path.relative_to(root) for path in found]
