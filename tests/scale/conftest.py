"""These tests share `storage` (a real S3 server) and the engine's toys, which workers import too."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

for folder in (Path(__file__).parent, Path(__file__).parents[1] / "crash"):
    sys.path.append(str(folder))


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The server's address; it holds one empty bucket, `acme`."""
    from storage import s3_server

    with s3_server("acme") as url:
        yield url


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's own cache, empty."""
    monkeypatch.setenv("COUNTERFACTORY_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"
