"""The shipped recipe `photo-edits`, from photographs to judged pairs, without the engine around it."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from tests.photos import context

from counterfactory.factory.recipe import checked
from counterfactory.factory.run.chain import Chain
from counterfactory.records import Candidate

N = 15


@pytest.fixture(scope="module")
def outcomes() -> list:
    recipe = checked("photo-edits", [f"source.n={N}", "source.max_side=256"])
    source = recipe.source.open(Path("."), recipe.seed)
    chain = Chain(recipe, context())
    return chain.run([chain.bare(source.key(i), source.load(i)) for i in range(N)])


def test_most_photographs_become_pairs_and_all_end_somewhere(outcomes: list) -> None:
    assert len(outcomes) == N
    assert sum(isinstance(one, Candidate) for one in outcomes) >= 0.6 * N


def test_kept_pairs_are_local_told_and_boxed(outcomes: list) -> None:
    for one in (one for one in outcomes if isinstance(one, Candidate)):
        changed = (one.image_a != one.image_b).any(axis=2)
        assert not changed[~one.mask].any()
        assert one.boxes and one.question and one.answer_a != one.answer_b
        assert one.caption_b.startswith(one.sample.caption.rstrip("."))
        x0, y0, x1, y1 = one.boxes[0]
        height, width = changed.shape
        inside = np.zeros_like(changed)
        inside[int(y0 * height) : int(y1 * height) + 1, int(x0 * width) : int(x1 * width) + 1] = (
            True
        )
        assert (inside & one.mask).any()


def test_every_kind_of_edit_is_there(outcomes: list) -> None:
    kinds = Counter(one.edit.kind for one in outcomes if isinstance(one, Candidate))
    assert set(kinds) == {"recolour", "remove", "move"}
