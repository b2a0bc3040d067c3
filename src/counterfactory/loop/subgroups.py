"""Where errors are denser than what is already explained predicts: conjunctions of conditions.

    found, tested = search(flags, errors, clusters, most=12, depth=3, q=0.05, least=20)
    found[0].conditions, found[0].excess        ->  (17, 42), 318.4      # columns of `flags`

Greedy: the conjunction with the largest log-likelihood gain over a logistic model of those already
chosen is next, so each explains errors that the others do not, and the model's constant is the rate
of everything that is in none. A condition more must be worth its description, ln(number of
conditions). Pairs are all tried, triples grow from the best pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from counterfactory.eval.columns import Floats, Ints
from counterfactory.eval.stats import effective, wilson_clustered

Flags = NDArray[np.bool_]
BEAM = 120  # pairs that grow into triples
TRIES = 40  # best conjunctions whose p is computed before a search gives up
SHARE = 0.003  # of all errors: less is not worth a slice
LIFT = 1.25  # at least so many times the errors that the rest predicts
RIDGE = 1e-2


@dataclass(frozen=True, slots=True)
class Found:
    """A conjunction, with the numbers at the moment when it was chosen."""

    conditions: tuple[int, ...]
    rows: Flags
    items: int
    errors: float
    excess: float
    low: float
    p: float
    q: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """Conjunctions of one depth with their log-likelihood gains, price paid."""

    conditions: Ints  # (candidates, depth)
    gain: Floats


class Search:
    """The counts that all steps share."""

    def __init__(
        self, flags: Flags, errors: Floats, clusters: Ints, least: int, worth: Floats
    ) -> None:
        from scipy.sparse import csr_array

        self.flags = flags
        self.sparse = csr_array(flags.astype(np.float64))  # most conditions do not hold
        self.errors = errors
        self.clusters = clusters
        self.least = least
        self.price = float(np.log(max(flags.shape[1], 2)))
        self.together = self._weighted(np.ones(len(errors)))
        self.wrong = self._weighted(errors)
        self.worth = worth
        self.tested = 0

    def _weighted(self, values: Floats) -> Floats:
        """Sum the values of the rows in which both of two conditions hold, for all pairs."""
        weighted = self.sparse.multiply(values[:, None]).tocsr()
        return np.asarray((self.sparse.T @ weighted).toarray())

    def best(self, predicted: Floats, depth: int) -> Iterator[tuple[tuple[int, ...], Flags]]:
        """Yield conjunctions, the largest gain first."""
        parts = [*self._small(predicted, depth)]
        if depth > 2 and len(parts[-1].gain):
            parts.append(self._triples(parts[-1], predicted))
        self.tested = sum(len(part.gain) for part in parts)
        ranked = sorted(
            (-float(gain), tuple(int(i) for i in conditions))
            for part in parts
            for at in np.argsort(-part.gain, kind="stable")[:TRIES]
            for gain, conditions in [(part.gain[at], part.conditions[at])]
        )
        for gain, conditions in ranked[:TRIES]:
            if gain < 0:
                yield conditions, np.asarray(self.flags[:, conditions].all(axis=1))

    def _small(self, predicted: Floats, depth: int) -> Iterator[Candidates]:
        """Yield all single conditions and all pairs that have enough items."""
        expected = self._weighted(predicted)
        n, wrong = self.together, self.wrong
        one = np.flatnonzero(np.diag(n) >= self.least)
        yield self._priced(
            one[:, None], gains(np.diag(wrong)[one], np.diag(expected)[one], np.diag(n)[one])
        )
        if depth > 1:
            above = np.triu(n >= self.least, k=1)
            smaller = np.minimum(np.diag(n)[:, None], np.diag(n)[None, :])
            a, b = np.nonzero(above & (n < smaller))  # else one condition says it all
            yield self._priced(
                np.stack([a, b], axis=1), gains(wrong[a, b], expected[a, b], n[a, b])
            )

    def _priced(self, conditions: Ints, gain: Floats) -> Candidates:
        """Return candidates with what their conditions cost taken off."""
        worth = self.worth[conditions].prod(axis=1)
        return Candidates(conditions, gain * worth - conditions.shape[1] * self.price)

    def _triples(self, pairs: Candidates, predicted: Floats) -> Candidates:
        """Grow the best pairs by every condition."""
        chosen = pairs.conditions[np.argsort(-pairs.gain, kind="stable")[:BEAM]]
        from scipy.sparse import csr_array

        both = self.flags[:, chosen[:, 0]] & self.flags[:, chosen[:, 1]]
        side = csr_array(both.astype(np.float64)).T
        n, wrong, expected = (
            (side @ self.sparse.multiply(weight[:, None]).tocsr()).toarray()
            for weight in (np.ones_like(predicted), self.errors, predicted)
        )
        smaller = n < both.sum(axis=0)[:, None]
        at, third = np.nonzero((n >= self.least) & smaller)
        conditions = np.sort(np.concatenate([chosen[at], third[:, None]], axis=1), axis=1)
        gain = gains(wrong[at, third], expected[at, third], n[at, third])
        conditions, first = np.unique(conditions, axis=0, return_index=True)
        return self._priced(conditions, gain[first])


def gains(wrong: Floats, expected: Floats, n: Floats) -> Floats:
    """Return the log-likelihood gained where more is wrong than expected; 0 elsewhere."""
    wrong, expected, n = (np.asarray(values, dtype=np.float64) for values in (wrong, expected, n))
    expected = np.clip(expected, 1e-6, np.maximum(n - 1e-6, 1e-6))
    right = np.maximum(n - wrong, 0.0)
    gain = wrong * np.log(np.maximum(wrong, 1e-9) / expected)
    gain += right * np.log(np.maximum(right, 1e-9) / (n - expected))
    return np.asarray(np.where(wrong > expected, gain, 0.0))


def search(
    flags: Flags, errors: Floats, clusters: Ints, *,
    most: int, depth: int, q: float, least: int, worth: Floats | None = None,
) -> tuple[list[Found], int]:  # fmt: skip
    """Return the chosen conjunctions in the order in which they were found, and how many were tried.

    `worth` (0..1 a condition) multiplies the gain: of two that explain about the same, prefer one.
    """
    worth = np.ones(flags.shape[1]) if worth is None else worth
    work = Search(flags, errors, clusters, least, worth)
    found: list[Found] = []
    tested = 0
    while len(found) < most:
        predicted = fitted([one.rows for one in found], errors)
        chosen = _next(work, predicted, found, depth, q)
        tested = max(tested, work.tested)
        if chosen is None:
            break
        found.append(chosen)
    return found, tested


def _next(
    work: Search, predicted: Floats, found: list[Found], depth: int, q: float
) -> Found | None:
    """Return the best conjunction that stands, or nothing."""
    total = float(work.errors.sum())
    alike = likeness(work.errors - predicted, work.clusters)
    for conditions, rows in work.best(predicted, depth):
        errors, expected = float(work.errors[rows].sum()), float(predicted[rows].sum())
        if errors - expected < SHARE * total or errors < LIFT * expected:
            continue
        p = surprise(work.errors[rows], predicted[rows], work.clusters[rows], alike)
        corrected = min(1.0, p * work.tested / (len(found) + 1))
        if corrected <= q:
            low = lowest(work.errors[rows], work.clusters[rows]) * int(rows.sum()) - expected
            return Found(
                conditions, rows, int(rows.sum()), errors, errors - expected, low, p, corrected
            )  # fmt: skip
    return None


def surprise(errors: Floats, predicted: Floats, clusters: Ints, alike: float) -> float:
    """Return the chance of so many errors: a binomial tail with the number of items that count.

    Items of a cluster count less the more alike errors are in clusters, here or everywhere.
    """
    from scipy.special import betainc

    sizes = np.bincount(np.unique(clusters, return_inverse=True)[1])
    n = len(errors)
    design = 1 + alike * (float((sizes**2).sum()) / n - 1)
    worth = min(n / design, _effective(errors, clusters)) / n
    rate = float(np.clip(predicted.mean(), 1e-6, 1 - 1e-6))
    right = n - float(errors.sum())
    return float(betainc(max(errors.sum() * worth, 1e-9), right * worth + 1, rate))


def likeness(residuals: Floats, clusters: Ints) -> float:
    """Return how alike residuals are within clusters: 0 not at all, 1 equal."""
    sums, sizes = np.bincount(clusters, weights=residuals), np.bincount(clusters)
    pairs, own = float((sizes * (sizes - 1)).sum()), float((residuals**2).sum())
    if not pairs or not own:
        return 0.0
    return float(np.clip(((sums**2).sum() - own) / pairs / (own / len(residuals)), 0, 1))


def _by_cluster(errors: Floats, clusters: Ints) -> tuple[Floats, Floats]:
    place = np.unique(clusters, return_inverse=True)[1]
    hits: Floats = np.bincount(place, weights=errors).astype(np.float64)
    sizes: Floats = np.bincount(place).astype(np.float64)
    return hits, sizes


def _effective(errors: Floats, clusters: Ints) -> float:
    return effective(*_by_cluster(errors, clusters))


def lowest(errors: Floats, clusters: Ints) -> float:
    """Return the lower end of the error rate's 95 % interval."""
    return float(wilson_clustered(*_by_cluster(errors, clusters)).low)


def fitted(chosen: list[Flags], errors: Floats, steps: int = 30) -> Floats:
    """Return each item's error probability by a logistic model of the chosen conjunctions."""
    x = np.stack([np.ones(len(errors)), *(rows.astype(np.float64) for rows in chosen)], axis=1)
    patterns, place = np.unique(x, axis=0, return_inverse=True)
    place = place.reshape(-1)
    n, wrong = np.bincount(place).astype(np.float64), np.bincount(place, weights=errors)
    ridge = RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 1e-9
    weights = np.zeros(x.shape[1])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(patterns @ weights, -30, 30)))
        slope = patterns.T @ (wrong - n * p) - ridge @ weights
        curve = patterns.T @ ((n * np.maximum(p * (1 - p), 1e-6))[:, None] * patterns) + ridge
        move = np.clip(np.linalg.solve(curve, slope), -2.0, 2.0)
        weights = weights + move
        if np.abs(move).max() < 1e-6:
            break
    return np.asarray(1 / (1 + np.exp(-np.clip(patterns @ weights, -30, 30))))[place]
