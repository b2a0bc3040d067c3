"""What the policy tests ask of the repository: its files, as git would commit them."""

import subprocess
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return Path(__file__).parents[2]


@pytest.fixture(scope="session")
def tracked(root: Path) -> list[Path]:
    """Every tracked or new file that git does not ignore, relative to the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
    paths = sorted({Path(name) for name in listed.split("\0") if name})
    return [path for path in paths if (root / path).exists()]
