"""Releases and tiny models, made once for all tests of the trainers."""

from pathlib import Path

import pytest
from tests import releases, tiny_vlm


@pytest.fixture(scope="session")
def world_qa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny release with the views sft, dpo, grpo."""
    return releases.world_qa(tmp_path_factory)


@pytest.fixture(scope="session")
def world_safety(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny release with the views dpo, kto, grpo."""
    return releases.world_safety(tmp_path_factory)


@pytest.fixture(scope="session")
def tiny_llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny LLaVA."""
    return tiny_vlm.llava(tmp_path_factory.mktemp("models"))
