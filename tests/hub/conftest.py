"""Fixtures of the hub's tests: a served folder, and Hugging Face's own client pointed at it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from counterfactory.factory.release.hub import serve

sys.path.append(str(Path(__file__).parent))  # `raw_http`, `hub_process`: shared by these tests


@pytest.fixture(autouse=True)
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the client talk to this machine; the other tests run offline."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A server over a fresh folder, without tokens."""
    with serve(tmp_path / "hub") as address:
        yield address


@pytest.fixture
def api(url: str) -> HfApi:
    """The client, unmodified."""
    return HfApi(endpoint=url, token="local")
