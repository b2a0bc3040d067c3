"""The order of rows: every row comes, like lengths stand together, and the seed alone decides."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.training.lengths import order

NUMBERS = st.lists(st.integers(1, 500), min_size=1, max_size=60)


@given(NUMBERS, st.integers(1, 9), st.integers(1, 20), st.integers(0, 5))
def test_so_many_rows_as_the_steps_take(lengths, rows, steps, seed):
    found = order(lengths, rows=rows, steps=steps, seed=seed)
    assert len(found) == rows * steps
    assert set(found) <= set(range(len(lengths)))
    assert found == order(lengths, rows=rows, steps=steps, seed=seed)


@given(st.integers(2, 8), st.integers(2, 8), st.integers(0, 5))
def test_no_row_comes_again_before_all_have_come(rows, steps, seed):
    found = order(range(rows * steps), rows=rows, steps=2 * steps, seed=seed)
    assert (
        sorted(found[: rows * steps]) == sorted(found[rows * steps :]) == list(range(rows * steps))
    )


def test_a_longer_run_begins_like_a_shorter_one():
    lengths = np.random.default_rng(0).integers(1, 300, 400)
    assert order(lengths, rows=8, steps=90, seed=3)[:320] == order(
        lengths, rows=8, steps=40, seed=3
    )


def test_little_is_padding():
    lengths = np.random.default_rng(0).integers(1, 300, 800)
    found = lengths[order(lengths, rows=16, steps=50, seed=0)].reshape(50, 16)
    shuffled = lengths[np.random.default_rng(1).permutation(800)].reshape(50, 16)
    assert found.max(1).mean() / found.mean() < 1.1 < shuffled.max(1).mean() / shuffled.mean()
