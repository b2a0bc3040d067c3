"""Intervals and tests against scipy, hand-worked numbers, and simulations of what they promise."""

import numpy as np
import pytest
from scipy.stats import binomtest

from counterfactory.eval.columns import Floats
from counterfactory.eval.estimates import Estimate, estimate, mean_of
from counterfactory.eval.metrics import METRICS
from counterfactory.eval.resample import draws, products, swaps
from counterfactory.eval.stats import (
    effective,
    holm,
    mcnemar,
    mde,
    non_inferior,
    paired,
    percentiles,
    shrink,
    wilson,
    wilson_clustered,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 1), (3, 3), (0, 50), (50, 50), (7, 30), (812, 1000)])
def test_wilson_is_scipys(hits: int, n: int) -> None:
    theirs = binomtest(hits, n).proportion_ci(0.95, method="wilson")
    assert wilson(hits, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_clusters_of_one_are_independent_items() -> None:
    hits = np.array([1.0, 0, 1, 1, 0, 1])
    assert wilson_clustered(hits, np.ones(6)) == wilson(4, 6)


def test_items_that_repeat_their_cluster_are_worth_one() -> None:
    hits, sizes = np.array([5.0, 0, 5, 5, 0, 5, 5, 0]), np.full(8, 5.0)
    assert effective(hits, sizes) == pytest.approx(7)  # of 8 clusters, one spent on the mean
    low, high = wilson_clustered(hits, sizes)
    plain = wilson(25, 40)
    assert high - low > 2 * (plain.high - plain.low)
    assert shrink(8) < 1 and shrink(10**6) == pytest.approx(1, abs=1e-4)


def test_all_right_in_few_clusters_is_not_certain() -> None:
    low, high = wilson_clustered(np.full(10, 20.0), np.full(10, 20.0))
    assert high == 1.0 and low < 0.75


@pytest.mark.parametrize(("b", "c"), [(0, 0), (0, 1), (0, 5), (5, 5), (30, 12), (3, 4), (400, 460)])
def test_mcnemar_is_the_exact_binomial_test(b: int, c: int) -> None:
    p, mid = mcnemar(b, c)
    n = b + c
    expected = binomtest(b, n).pvalue if n else 1.0
    assert p == pytest.approx(expected)
    assert mcnemar(c, b) == (p, mid)
    if b != c:
        at = p - (binomtest(min(b, c) - 1, n).pvalue if min(b, c) else 0)
        assert mid == pytest.approx(p - at / 2)  # half the two-sided weight of what was seen


def test_holm_steps_down() -> None:
    got = holm({"math": 0.01, "spatial": 0.04, "attribute": 0.03, "safety": 0.5})
    assert got == pytest.approx({"math": 0.04, "spatial": 0.09, "attribute": 0.09, "safety": 0.5})
    assert list(got) == ["math", "spatial", "attribute", "safety"]
    assert holm({}) == {}


def test_the_least_detectable_effect_is_as_published() -> None:
    n, discordant = 1000, 0.10
    assert mde(np.sqrt(discordant / n), n) == pytest.approx(0.028, abs=1e-4)
    assert mde(0.0, 300) == 6 / 300  # even without noise an exact test wants six


def test_non_inferiority_looks_at_the_low_end() -> None:
    assert non_inferior(-0.009, 0.01)
    assert not non_inferior(-0.011, 0.01)


def test_resamples_are_draws_of_whole_clusters_and_repeat() -> None:
    weights = np.concatenate(list(draws(7, 500, np.random.default_rng(3))))
    assert weights.shape == (500, 7) and (weights.sum(axis=1) == 7).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(7), abs=0.2)
    again = np.concatenate(list(draws(7, 500, np.random.default_rng(3))))
    assert (weights == again).all()


def test_swaps_are_fair_coins() -> None:
    sides = np.concatenate(list(swaps(2000, 700, np.random.default_rng(3))))
    assert sides.shape == (700, 2000) and set(np.unique(sides)) == {0.0, 1.0}
    assert abs(sides.mean() - 0.5) < 0.003
    assert len({row.tobytes() for row in sides}) == 700


def covered(interval: tuple[float, float], true: float) -> bool:
    return interval[0] <= true <= interval[1]


def toy_clusters(
    rng: np.random.Generator, count: int, p: float, rho: float
) -> tuple[Floats, Floats]:
    """Items of a cluster share a beta-distributed accuracy, correlated by `rho`."""
    strength = 1 / rho - 1
    chance = rng.beta(p * strength, (1 - p) * strength, count)
    sizes = rng.integers(4, 7, count)
    return rng.binomial(sizes, chance).astype(np.float64), sizes.astype(np.float64)


@pytest.mark.parametrize(
    ("p", "count", "rho"),
    [(0.5, 40, 0.3), (0.7, 6, 0.2), (0.8, 100, 0.2), (0.95, 80, 0.3), (0.99, 100, 0.1)],
)
def test_clustered_intervals_cover_and_plain_ones_do_not(p: float, count: int, rho: float) -> None:
    rng = np.random.default_rng(11)
    ours, plain = 0, 0
    for _ in range(800):
        hits, sizes = toy_clusters(rng, count, p, rho)
        ours += covered(wilson_clustered(hits, sizes), p)
        plain += covered(wilson(hits.sum(), sizes.sum()), p)
    assert 0.93 <= ours / 800 <= 0.985
    assert plain < ours - 8


def test_wilson_covers_near_the_ends() -> None:
    rng = np.random.default_rng(12)
    for p, n in ((0.98, 60), (0.5, 25), (0.9, 300)):
        got = [covered(wilson(hits, n), p) for hits in rng.binomial(n, p, 2000)]
        assert np.mean(got) > 0.93


def test_bootstrap_intervals_of_ratios_cover() -> None:
    """CHAIR-like: hallucinations over mentions, captions of an image alike."""
    rng = np.random.default_rng(13)
    hit, runs, metric = 0, 300, METRICS["chair_i"]
    for _ in range(runs):
        mention = rng.integers(1, 9, 60)
        hall = rng.binomial(mention, rng.beta(2, 8, 60))
        counts = np.zeros((60, 7))
        counts[:, 0], counts[:, 1] = hall, mention
        values = metric.combine(products(draws(60, 400, rng), counts))
        hit += covered(percentiles(values, 60), 0.2)
    assert 0.91 <= hit / runs <= 0.985


def test_intervals_of_paired_differences_cover() -> None:
    rng = np.random.default_rng(14)
    for n, lost, won in ((80, 0.05, 0.12), (400, 0.02, 0.02), (1000, 0.1, 0.13)):
        cells = rng.multinomial(n, [lost, won, 1 - lost - won], 1500)
        got = [covered(paired(int(b), int(c), n), won - lost) for b, c, _ in cells]
        assert np.mean(got) > 0.935


def test_an_axis_of_perfect_tasks_is_not_certain() -> None:
    perfect = Estimate(value=1.0, low=0.96, high=1.0, n=100, clusters=100)
    axis = mean_of([perfect, perfect], [np.ones(50), np.ones(50)])
    assert (axis.value, axis.high) == (1.0, 1.0)
    assert axis.low == pytest.approx(1 - 0.04 / np.sqrt(2))


def test_a_perfect_ratio_is_not_certain() -> None:
    counts = np.tile([[1.0, 0, 0, 0, 1, 1]], (30, 1))
    values = METRICS["f1_yes"].combine(products(draws(30, 50, np.random.default_rng(0)), counts))
    found = estimate(METRICS["f1_yes"], counts, np.arange(30), values)
    assert found.value == 1.0 and found.low == pytest.approx(wilson(30, 30).low)
