"""Small real releases, made once a run of the tests by the factory's own recipes.

folder = world_qa(tmp_path_factory)        # views sft, dpo, grpo; 24 samples, a few seconds
"""

from pathlib import Path

import pytest

from counterfactory.factory.recipe import checked
from counterfactory.factory.run.build import build

_MADE: dict[tuple[str, int], Path] = {}


def built(factory: pytest.TempPathFactory, recipe: str, samples: int = 24) -> Path:
    """Return the folder of a tiny release, built once."""
    if (recipe, samples) not in _MADE:
        out = factory.mktemp("releases") / recipe
        build(checked(recipe, [f"source.n={samples}"]), out, workers=1)
        _MADE[recipe, samples] = out
    return _MADE[recipe, samples]


def world_qa(factory: pytest.TempPathFactory) -> Path:
    """Questions, answers, rationales; descriptions ranked: views sft, dpo, grpo."""
    return built(factory, "world-qa")


def world_safety(factory: pytest.TempPathFactory) -> Path:
    """Harmful requests and benign twins: views dpo, kto, grpo."""
    return built(factory, "world-safety", samples=30)


def region_diff(factory: pytest.TempPathFactory) -> Path:
    """Counterfactual pairs: all views. Slower, since it edits pictures."""
    return built(factory, "region-diff", samples=16)
