"""Two readers too simple to cheat: logistic regression over words, and over texture.

    accuracy(words(["Is the sun red?", ...]), ["no", ...], groups)  -> 0.52, cross-validated
    auc(features, ["original", "edited", ...], groups, "edited")    -> 0.61, cross-validated

A group (an image, a pair of twins) stands wholly in one fold, so nothing is learnt from its other
member. The folds follow from the group's name: the same rows give the same numbers.
"""

import re
import zlib
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]

FOLDS = 5
MAX_WORDS = 300
_STEPS, _RATE, _DECAY = 80, 0.3, 1e-3
_WORD = re.compile(r"[\w']+")


def words(texts: Sequence[str]) -> Matrix:
    """Return which of the most frequent words each text holds, one column a word."""
    split = [set(_WORD.findall(text.lower())) for text in texts]
    counts = Counter(word for text in split for word in text)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:MAX_WORDS]
    column = {word: place for place, word in enumerate(ranked)}
    bag = np.zeros((len(texts), len(ranked)), np.float32)
    for line, text in enumerate(split):
        bag[line, [column[word] for word in text if word in column]] = 1.0
    return bag


def accuracy(features: Matrix, labels: Sequence[str], groups: Sequence[str]) -> float:
    """Return the share of labels that a reader gets right on groups it was not trained on."""
    classes = sorted(set(labels))
    if len(classes) == 1:
        return 1.0
    truth = np.array([classes.index(label) for label in labels])
    scores = _held_out(features, truth, len(classes), groups)
    best = scores.max(axis=1, keepdims=True)
    winners = scores >= best - 1e-6  # a tie counts as a guess
    return float((winners[np.arange(len(truth)), truth] / winners.sum(axis=1)).mean())


def auc(features: Matrix, labels: Sequence[str], groups: Sequence[str], positive: str) -> float:
    """Return how often a reader ranks a positive above a negative; 0.5 is chance."""
    truth = np.array([label == positive for label in labels]).astype(np.int64)
    scores = _held_out(features, truth, 2, groups)[:, 1]
    ranks = _ranks(scores)
    positives, negatives = int(truth.sum()), int((1 - truth).sum())
    if not positives or not negatives:
        return 0.5
    above = ranks[truth == 1].sum() - positives * (positives + 1) / 2
    return float(above / (positives * negatives))


def _held_out(
    features: Matrix, truth: npt.NDArray[np.int64], classes: int, groups: Sequence[str]
) -> Matrix:
    """Return the class scores of every line, each from a reader that did not see its group."""
    folds = np.array([zlib.crc32(group.encode()) % FOLDS for group in groups])
    scores = np.zeros((len(truth), classes), np.float32)
    for fold in range(FOLDS):
        test = folds == fold
        if not test.any():
            continue
        train = ~test if (~test).any() else test
        mean, spread = features[train].mean(axis=0), features[train].std(axis=0)
        scaled = ((features - mean) / np.maximum(spread, 1e-3)).clip(-5, 5).astype(np.float32)
        weights = _fit(scaled[train], truth[train], classes)
        scores[test] = _softmax(_with_one(scaled[test]) @ weights)
    return scores


def _fit(features: Matrix, truth: npt.NDArray[np.int64], classes: int) -> Matrix:
    """Return the weights of a softmax regression with a little decay, by accelerated descent."""
    inputs = _with_one(features)
    wanted = np.eye(classes, dtype=np.float32)[truth]
    weights = np.zeros((inputs.shape[1], classes), np.float32)
    speed = np.zeros_like(weights)
    rate = _RATE / max(1.0, float((inputs**2).sum(axis=1).mean()) / 30)
    for _ in range(_STEPS):
        ahead = weights + 0.9 * speed
        error = (_softmax(inputs @ ahead) - wanted) / len(truth)
        speed[:] = 0.9 * speed - rate * (inputs.T @ error + _DECAY * ahead)
        weights += speed
    return weights


def _with_one(features: Matrix) -> Matrix:
    return np.hstack([features, np.ones((len(features), 1), np.float32)])


def _softmax(scores: Matrix) -> Matrix:
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True), np.float32)


def _ranks(scores: Matrix) -> npt.NDArray[np.float64]:
    """Return the rank of every score from 1; equal scores share their mean rank."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse], np.float64)
