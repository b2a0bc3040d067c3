"""Canonical rows and the views made from them: columns, counts, placeholders, hostile text."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.factory.release.rows import ROW_SCHEMA, table
from counterfactory.factory.release.views import PLACEHOLDER, VIEWS, base_id, plain
from counterfactory.images import decode
from counterfactory.records import Example
from counterfactory.selecting import THINK

sys.path.append(str(Path(__file__).parent))
import release_kit as kit

COLUMNS = {
    "pairs": (
        "id group_id image_a image_b mask boxes edit caption_a caption_b difference question "
        "answer_a answer_b verdicts slices provenance license"
    ),
    "sft": "images prompt completion messages conversations id source_ids",
    "dpo": "images prompt chosen rejected prompt_text chosen_text rejected_text id kind",
    "kto": "images prompt completion label id",
    "grpo": "prompt images answer verifier harmful id",
    "clip": "image caption neg_caption neg_image id",
    "rejects": "id stage reason metric value threshold parents",
}
HOSTILE = '<script>alert("1")</script> <image> <|image_pad|> | `a` \n\n# "q" \u202e ☃ \ud800'
TEXT = st.text(st.characters(), max_size=60) | st.sampled_from([HOSTILE, "<image><image>", ""])


def pair(**changes: Any) -> dict[str, Any]:
    return kit.rows_of([kit.candidate(1, **changes)])[0]


def view(name: str, row: dict[str, Any]) -> list[dict[str, Any]]:
    """Rows of a view, after the trip through Arrow that files make."""
    made = list(VIEWS[name].rows(row))
    return pa.Table.from_pylist(made, schema=VIEWS[name].schema()).to_pylist()


def texts(value: Any) -> list[str]:
    """Every text in a row."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for part in value.values() for text in texts(part)]
    return [text for part in value for text in texts(part)] if isinstance(value, list) else []


@pytest.mark.parametrize("name", VIEWS)
def test_every_view_has_the_columns_that_were_agreed_on(name: str) -> None:
    assert list(VIEWS[name].features()) == COLUMNS[name].split()
    assert b"huggingface" in VIEWS[name].schema().metadata


def test_a_row_survives_its_segment_file() -> None:
    rows = kit.rows_of([kit.candidate(1), kit.asking(2)])
    assert table(rows).schema == ROW_SCHEMA
    assert table(rows).to_pylist() == [
        row | {"boxes": np.float32(row["boxes"]).tolist()} for row in rows
    ]


def test_a_row_holds_its_pictures_exactly() -> None:
    candidate = kit.candidate(1)
    row = kit.rows_of([candidate])[0]
    assert candidate.mask is not None and candidate.image_b is not None
    assert np.array_equal(decode(row["image_b"]["bytes"]), candidate.image_b)
    assert np.array_equal(decode(row["mask"]["bytes"])[..., 0] > 127, candidate.mask)


def test_a_sample_without_edit_makes_no_pair_but_keeps_what_was_asked() -> None:
    row = kit.rows_of([kit.asking(1)])[0]
    assert row["image_b"] is row["mask"] is row["edit"] is None
    assert view("pairs", row) == view("clip", row) == []
    assert [one["answer"] for one in view("grpo", row)] == ["1", "I won't.", "Sure."]
    assert [one["harmful"] for one in view("grpo", row)] == [False, True, False]


def test_what_the_source_asked_about_the_original_does_not_slip_into_a_pair() -> None:
    asked = kit.asking(1).examples
    row = kit.rows_of([kit.candidate(1, sample=kit.sample(1, examples=asked))])[0]
    assert row["examples"] == []


def test_a_pair_gives_sft_both_images_with_flipped_answers_and_the_difference() -> None:
    rows = view("sft", pair())
    assert [row["completion"][0]["content"] for row in rows] == [
        "red", "blue", "The red box became blue.",
    ]  # fmt: skip
    assert rows[0]["prompt"] == rows[1]["prompt"]
    assert rows[0]["images"] != rows[1]["images"]
    assert [len(row["images"]) for row in rows] == [1, 1, 2]


def test_what_is_asked_about_both_pictures_shows_both() -> None:
    both = Example(
        task="difference", question="What is new?", answer="blue box", rationale="It is."
    )
    row = pair(examples=(both,))
    for name, parts in {"sft": ["q0", "r0"], "grpo": ["q0"]}.items():
        made = {one["id"].rpartition("-")[2]: one for one in view(name, row)}
        images = [made["a"]["images"][0], made["b"]["images"][0]]
        assert [made[part]["images"] for part in parts] == [images] * len(parts)


def test_what_is_usual_is_asked_about_the_edited_picture() -> None:
    known = Example(task="usual", question="What colour is a sun usually?", answer="yellow")
    shown = {
        one["id"].rpartition("-")[2]: one["images"] for one in view("sft", pair(examples=(known,)))
    }
    assert shown["q0"] == shown["b"] != shown["a"]
    alone = view("sft", pair(examples=(known,)) | {"image_b": None})
    assert [one["images"] for one in alone] == [shown["a"]]


def test_a_pair_gives_dpo_two_rows_with_chosen_and_rejected_swapped() -> None:
    a, b = view("dpo", pair())
    assert a["prompt"] == b["prompt"] and a["images"] != b["images"]
    assert (a["chosen"], a["rejected"]) == (b["rejected"], b["chosen"])
    assert (a["chosen_text"], a["rejected_text"]) == ("red", "blue")
    assert {a["kind"], b["kind"]} == {"image_contrast"}


def test_a_pair_without_a_question_contrasts_its_captions() -> None:
    a, b = view("dpo", pair(question="", answer_a="", answer_b=""))
    assert a["chosen_text"] == b["rejected_text"] == "A red box, number 1."
    assert a["rejected_text"] == b["chosen_text"] == "A blue box, 1."


def test_a_pair_about_which_nothing_can_be_said_gives_no_preference() -> None:
    assert view("dpo", pair(question="", caption_a="same", caption_b="same")) == []
    assert view("clip", pair(caption_a="same", caption_b="same")) == []


def test_kto_splits_each_preference_into_a_good_and_a_bad_row() -> None:
    good, bad = view("kto", kit.rows_of([kit.asking(1)])[0])
    assert (good["label"], bad["label"]) == (True, False)
    assert good["completion"][0]["content"] == "A red box."
    assert bad["completion"][0]["content"] == "A green sun."


def test_clip_rows_are_each_others_hard_negative() -> None:
    a, b = view("clip", pair())
    assert (a["caption"], a["image"]) == (b["neg_caption"], b["neg_image"])
    assert (b["caption"], b["image"]) == (a["neg_caption"], a["neg_image"])


def test_a_rationale_is_asked_for_in_a_row_of_its_own() -> None:
    short, refusal, help_, long = view("sft", kit.rows_of([kit.asking(1)])[0])
    assert refusal["completion"][0]["content"] == "I won't."
    assert help_["completion"][0]["content"] == "Sure."
    assert short["completion"][0]["content"] == "1"
    assert long["prompt"][0]["content"].endswith(THINK)
    assert long["completion"][0]["content"] == "I see one. 1\nAnswer: 1"


def test_a_reject_is_published_without_its_note() -> None:
    row = kit.reject_row(kit.rejects_of(2)[1]) | {"note": "a secret path"}
    assert "a secret path" not in str(view("rejects", row))


@given(caption=TEXT, question=TEXT, answer=TEXT)
def test_any_text_keeps_one_placeholder_for_each_image(
    caption: str, question: str, answer: str
) -> None:
    row = pair(caption_a=caption, question=question, answer_a=answer, difference=f"{caption}!")
    for one in view("sft", row):
        blocks = [block for said in one["messages"] for block in said["content"]]
        assert sum(block["type"] == "image" for block in blocks) == len(one["images"])
        assert not any("image" in block for block in blocks), "a key `image` miscounts in TRL"
        spoken = "".join(turn["value"] for turn in one["conversations"])
        assert spoken.count(PLACEHOLDER) == len(one["images"])
        assert PLACEHOLDER not in "".join(texts([one["prompt"], one["completion"], blocks]))
    for one in view("dpo", row):
        assert one["prompt_text"].count(PLACEHOLDER) == len(one["images"]) == 1
        rest = [one[name] for name in ("prompt", "chosen", "rejected", "chosen_text")]
        assert PLACEHOLDER not in "".join(texts(rest))


@given(text=TEXT)
def test_plain_text_has_no_placeholder_left_and_stays_so(text: str) -> None:
    assert PLACEHOLDER not in plain(text)
    assert plain(plain(text)) == plain(text)


def test_the_pairs_view_keeps_a_hostile_caption_but_for_what_no_file_can_hold() -> None:
    caption = view("pairs", pair(caption_a=HOSTILE))[0]["caption_a"]
    assert caption == HOSTILE.replace("\ud800", "?")


def test_ids_are_unique_in_a_view_and_name_their_source() -> None:
    rows = kit.rows_of([kit.candidate(1), kit.candidate(2), kit.asking(3)])
    known = {row["id"] for row in rows}
    for name in ("sft", "dpo", "kto", "grpo", "clip"):
        ids = [one["id"] for row in rows for one in view(name, row)]
        assert len(set(ids)) == len(ids) > 0
        assert {base_id(name, one) for one in ids} <= known
