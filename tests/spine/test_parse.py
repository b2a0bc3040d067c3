"""Replies as models write them are read as a careful person reads them, or not at all."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterfactory.parse import KINDS, final, parse, read

CASES = [
    json.loads(line)
    for line in Path(__file__).with_name("parse_cases.jsonl").read_text("utf-8").splitlines()
]
CANONICAL = {
    "yes_no": ("yes", "no"),
    "letter": tuple("ABCD"),
    "number": ("0", "3", "-2", "12", "1234", "0.5", "-3.25", "0.333333333333"),
    "text": ("red", "blue ring", "usually yellow here blue"),
}
FRAGMENTS = (
    "yes", "no", "not", "A", "B", "(C)", "red", "3", "-", "4", "1/2", "three", "twenty",
    "hundred", "=", "or", "and", "Answer:", "The answer is", "\\boxed{", "}", "<think>",
    "</think>", "<answer>", "</answer>", "**", "\n", ". ", ", ", "I can't", "help", "with that",
    "but here is how", "Sure", "1.", "2.", "?", "٣", "½", "²", "⟦0⟧", '"', "'", "{", "$",
    "\\frac{1}{0}", "maybe", "it is", "the", "a", "that", "e9", "000",
)  # fmt: skip


NONSENSE = (
    "a", "no, ", "(", "1 + ", "answer is ", "I can't ", "\\boxed{", "A. ", "<think>", "- ", "9",
)  # fmt: skip


def read_case(case: dict[str, Any]) -> str | None:
    options, question = case.get("options", ()), case.get("question", "")
    return parse(case["kind"], case["reply"], options=options, question=question).value


@pytest.mark.parametrize("kind", KINDS)
def test_replies_of_the_table_are_read(kind: str) -> None:
    cases = [case for case in CASES if case["kind"] == kind]
    wrong = [(case, read_case(case)) for case in cases if read_case(case) != case["value"]]
    assert not wrong
    assert len(cases) > 40


def test_the_table_is_large_and_holds_many_that_must_not_be_read() -> None:
    assert len(CASES) >= 300
    assert sum(case["value"] is None for case in CASES) >= 150


def test_what_is_not_read_says_why() -> None:
    for case in CASES:
        options, question = case.get("options", ()), case.get("question", "")
        parsed = parse(case["kind"], case["reply"], options=options, question=question)
        assert bool(parsed.why) == (parsed.value is None), case


@pytest.mark.parametrize("dress", ["{}", "**{}**", "Answer: {}", "<think>hm, A, 7, no</think>{}",
                                   "The answer is {}.", "\\boxed{{{}}}", "<answer>{}</answer>"])  # fmt: skip
@pytest.mark.parametrize("kind", CANONICAL)
def test_a_canonical_value_is_read_as_itself_however_it_is_dressed(kind: str, dress: str) -> None:
    options = ("red", "blue", "green", "white") if kind == "letter" else ()
    for value in CANONICAL[kind]:
        assert parse(kind, dress.format(value), options=options).value == value


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "raw", ["", " ", "\n", "...", "<think>yes, A, 3", "<think>no</think>", "\x00", "</think>"]
)
def test_nothing_said_is_nothing_read(kind: str, raw: str) -> None:
    assert parse(kind, raw, options=("red", "blue") if kind == "letter" else ()).value is None


@pytest.mark.parametrize(
    "raw", ["9" * 5000, "1" + "0" * 400, "1e999999999", "1e-99999", "9" * 31 + " million"]
)
def test_absurd_numbers_are_no_answers(raw: str) -> None:
    assert parse("number", raw).value is None


def test_the_answers_own_words_are_found() -> None:
    assert (
        final("<think>Two, no, three.</think>There are many. **Answer:** 3 stars\nDone.")
        == "3 stars"
    )
    assert final("It is \\boxed{\\text{B}} of course") == "B"
    assert final("red") == "red"
    assert final("<think>hm") == ""
    assert read("<think>hm").why == "truncated in <think>"
    assert read("The answer is: ").why == "cut off before the answer"


def test_two_letters_or_numbers_earn_nothing_whatever_the_gold() -> None:
    for one in "ABCD":
        for other in "ABCD".replace(one, ""):
            for text in (
                "{} or {}",
                "{}, {}",
                "{} and {}",
                "Answer: {}/{}",
                "({}) ({})",
                "Answer: {}\nAnswer: {}",
            ):
                assert parse("letter", text.format(one, other), options="wxyz").value is None, (
                    text,
                    one,
                    other,
                )
    for text in ("{} or {}", "{}, {}", "{} and {}", "{}-{}", "{}/{}/9", "Answer: {} or {}"):
        assert parse("number", text.format(3, 4)).value is None, text


@settings(max_examples=400)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=9), st.sampled_from(("", " ")))
def test_no_reply_breaks_a_parser_and_what_was_read_is_read_again(
    words: list[str], space: str
) -> None:
    raw = space.join(words)
    for kind in KINDS:
        options = ("red", "3", "the answer", "") if kind == "letter" else ()
        parsed = parse(kind, raw, options=options, question="Is it red?")
        if parsed.value is not None and kind not in ("refusal", "text"):
            assert parse(kind, parsed.value, options=options).value == parsed.value


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_no_text_breaks_a_parser(raw: str) -> None:
    for kind in KINDS:
        parsed = parse(kind, raw, options=(raw, "red"), question=raw)
        assert parsed.value is None or parsed.value
        assert parsed.value != "" and (parsed.value is not None or parsed.why)


@given(st.integers(-(10**12), 10**12), st.integers(0, 4))
def test_every_number_is_read_as_it_is_written(digits: int, places: int) -> None:
    written = f"{digits / 10**places:.{places}f}" if abs(digits) < 10**9 else str(digits)
    value = parse("number", f"There are {written} of them.").value
    assert value is not None and float(value) == float(written)


@pytest.mark.parametrize("word", NONSENSE)
def test_long_nonsense_is_read_in_no_time(word: str) -> None:
    raw = word * (20000 // len(word))
    start = time.process_time()
    for kind in KINDS:
        parse(kind, raw, options=("red", "blue"), question="Is it red?")
    assert time.process_time() - start < 5
