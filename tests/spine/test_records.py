"""The record that flows: changed copies, never changes; every end carries its reason."""

import dataclasses

import numpy as np
import pytest

from counterfactory.records import Candidate, Object, Reason, Sample

IMAGE = np.zeros((4, 6, 3), np.uint8)


def candidate() -> Candidate:
    sample = Sample(id="s" * 64, image=IMAGE, source_id="folder:cat.jpg")
    return Candidate(key="k" * 64, seed=7, sample=sample)


def test_a_phrase_says_what_is_known_and_no_more() -> None:
    assert Object(kind="sun", colour="yellow", size="large").phrase == "large yellow sun"
    assert Object(kind="sun").phrase == "sun"


def test_a_copy_changes_and_the_original_stays() -> None:
    before = candidate()
    after = before.with_(caption_a="a sun", ops=("propose",))
    assert (before.caption_a, before.ops) == ("", ())
    assert (after.caption_a, after.ops, after.key) == ("a sun", ("propose",), before.key)
    with pytest.raises(dataclasses.FrozenInstanceError):
        before.caption_a = "a moon"  # type: ignore[misc]
    with pytest.raises(TypeError):
        before.with_(no_such_field=1)


def test_the_original_side_is_the_sample_unless_an_op_replaced_it() -> None:
    plain = candidate()
    assert plain.image_a is IMAGE
    other = IMAGE + 1
    assert plain.with_(original=other).image_a is other


def test_a_reject_names_stage_reason_numbers_and_parent() -> None:
    reject = candidate().rejected(
        "locality", Reason.OUTSIDE_CHANGED, metric="outside", value=0.09, threshold=0.02
    )
    assert (reject.id, reject.stage, reject.reason) == ("k" * 64, "locality", "outside_changed")
    assert (reject.metric, reject.value, reject.threshold) == ("outside", 0.09, 0.02)
    assert reject.parents == ("s" * 64,)
