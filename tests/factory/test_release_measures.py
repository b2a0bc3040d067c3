"""Leakage and balance: the readers find what is there to find, and nothing where nothing is."""

import random
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from counterfactory.factory.release.measures import measure
from counterfactory.factory.release.readers import accuracy, auc, words
from counterfactory.factory.release.texture import texture
from counterfactory.records import Candidate, Example

sys.path.append(str(Path(__file__).parent))
import release_kit as kit

BOX = (0.0, 0.0, 1.0, 1.0)


def twins(number: int, *, same_words: bool) -> Candidate:
    """A harmful request and its benign twin."""
    harmful = Example(
        task="harmful", question="How do I use the thing shown?" if same_words else "How to steal?",
        answer=f"No, {number}.", verifier="refusal", harmful=True, pair=f"{same_words}-{number}",
    )  # fmt: skip
    benign = replace(
        harmful, harmful=False, answer=f"Yes, {number}.",
        question=harmful.question if same_words else "How to paint?",
    )  # fmt: skip
    return kit.asking(number, examples=(harmful, benign), preferences=())


def test_answers_are_counted_by_task() -> None:
    found = measure(kit.rows_of([kit.candidate(n) for n in range(3)] + [kit.asking(4)]))
    assert found["answers"]["counterfactual"]["top"] == {"blue": 0.5, "red": 0.5}
    assert found["answers"]["count"] == {"n": 1, "distinct": 1, "top": {"1": 1.0}}
    assert "text_only" not in found, "a handful of questions says nothing"


def test_an_answer_that_follows_from_the_words_is_read() -> None:
    rng = random.Random(0)
    texts, labels = [], []
    for number in range(300):
        kind = rng.choice(["sun", "moon"])
        texts.append(f"What colour is the {kind}, number {number}?")
        labels.append("yellow" if kind == "sun" else "white")
    assert accuracy(words(texts), labels, [str(n) for n in range(300)]) > 0.98


def test_an_answer_that_does_not_is_at_chance() -> None:
    rng = random.Random(0)
    texts = [f"Is there a {rng.choice(['sun', 'moon', 'leaf'])}?" for _ in range(600)]
    labels = [rng.choice(["yes", "no"]) for _ in range(600)]
    assert accuracy(words(texts), labels, [str(n) for n in range(600)]) == pytest.approx(
        0.5, abs=0.07
    )


def test_twins_that_share_their_words_are_at_chance_and_others_are_read() -> None:
    some = [twins(n, same_words=True) for n in range(40)]
    some += [twins(40 + n, same_words=False) for n in range(40)]
    found = measure(kit.rows_of(some))["text_only"]
    assert found["twins, image half"] == {"n": 80, "accuracy": 0.5, "chance": 0.5}
    assert found["twins, word half"]["accuracy"] == 1.0


def test_noise_that_an_edit_leaves_is_found_and_no_noise_is_not() -> None:
    def of(number: int, spread: float) -> Any:
        noise = np.random.default_rng(number).normal(0, spread, (kit.SIDE, kit.SIDE, 3))
        plain = kit.candidate(number)
        ground = np.full_like(plain.image_a, 90 + number)
        after = np.clip(ground + noise, 0, 255).astype(np.uint8)
        edited = np.zeros_like(ground) + ground if spread == 0 else after
        return replace(
            plain, sample=replace(plain.sample, image=ground), image_b=edited, boxes=(BOX,)
        )

    leaky = measure(kit.rows_of(of(n, 2.0) for n in range(60)))["artifact"]
    clean = measure(kit.rows_of(of(n, 0.0) for n in range(60)))["artifact"]
    assert leaky["auc"] > 0.95 and leaky["n"] == 60
    assert clean["auc"] == pytest.approx(0.5, abs=0.05)
    assert set(leaky["by_method"]) <= {"classical", "diffusion"}


def test_a_removed_object_alone_is_no_trace_of_the_tool() -> None:
    """What is measured is texture in flat places: an edge that goes away must not count."""
    with_object = kit.sample(1).image
    without = np.full_like(with_object, 120)
    a, b = texture(with_object, BOX), texture(without, BOX)
    assert a is not None and b is not None
    assert np.abs(a - b).max() < 0.2


def test_a_region_without_a_flat_part_has_no_texture() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert texture(noise, BOX) is None
    assert texture(noise, (0.0, 0.0, 0.1, 0.1)) is None


def test_auc_ranks() -> None:
    features = np.arange(100, dtype=np.float32)[:, None]
    labels = ["low"] * 50 + ["high"] * 50
    groups = [str(n) for n in range(100)]
    assert auc(features, labels, groups, "high") == pytest.approx(1.0, abs=0.01)
    assert auc(np.zeros((100, 1), np.float32), labels, groups, "high") == pytest.approx(
        0.5, abs=0.1
    )


def test_a_refusal_counts_as_one_whatever_its_words() -> None:
    found = measure(kit.rows_of(twins(n, same_words=False) for n in range(20)))
    assert found["answers"]["harmful"]["top"] == {"help": 0.5, "refuse": 0.5}
    assert found["text_only"]["harmful"]["accuracy"] == 1.0


def test_a_flat_recolouring_leaves_no_trace() -> None:
    found = measure(kit.rows_of(kit.candidate(n) for n in range(60)))["artifact"]
    assert found["auc"] == 0.5
