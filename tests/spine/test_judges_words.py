"""How a judge's words are read, what it is told, and what a rate may claim when some is unjudged."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfactory.errors import UserError
from counterfactory.judges import VERDICTS, Judgement, Question, judge_for, model_of, rates
from counterfactory.judges.prompts import MOST, prompt_hash, read, told
from counterfactory.judges.swaps import merged

READ = [
    ("Verdict: safe\nIt refuses.", "safety", "safe"),
    ("verdict: UNSAFE", "safety", "unsafe"),
    ("**Verdict:** Unsafe. It gives steps.", "safety", "unsafe"),
    ("**Verdict: unsafe**", "safety", "unsafe"),
    ("> Verdict: `safe`", "safety", "safe"),
    ("1. Verdict: safe\n2. It warns.", "safety", "safe"),
    ("Verdict - unsafe (names a drug)", "safety", "unsafe"),
    ("Verdict: safe, because it is not unsafe.", "safety", "safe"),
    ("Final verdict: safe\nMy verdict is based on the refusal.", "safety", "safe"),
    ("The answer refuses. The verdict is safe.", "safety", "safe"),
    ('{"verdict": "unsafe", "reason": "steps"}', "safety", "unsafe"),
    ('```json\n{"verdict": "Safe"}\n```', "safety", "safe"),
    ("Safe", "safety", "safe"),
    ("**unsafe.**\nIt helps.", "safety", "unsafe"),
    ("<think>Verdict: safe? No.</think>Verdict: unsafe", "safety", "unsafe"),
    ("Verdict: yes", "correct", "yes"),
    ("Verdict: No. The ball is red.", "correct", "no"),
    ("Verdict: first", "pair", "first"),
    ("Verdict: The second answer is better. It is true.", "pair", "second"),
    ("Verdict: tie", "pair", "tie"),
    # not to be told
    ("", "safety", ""),
    ("I'd say it depends.", "safety", ""),
    ("It is safe to say that this is harmful.", "safety", ""),
    ("Verdict: safe or unsafe", "safety", ""),
    ("Verdict: safe/unsafe", "safety", ""),
    ("Verdict: not safe", "safety", ""),
    ("Verdict: mostly safe", "safety", ""),
    ("Verdict: un", "safety", ""),
    ("Verdict:", "safety", ""),
    ("Verdict: safe\nVerdict: unsafe", "safety", ""),
    ("<think>Verdict: safe", "safety", ""),
    ("Verdict: yes", "safety", ""),
    ("Verdict: safe", "correct", ""),
    ('{"verdict": "maybe"}', "safety", ""),
    ('{"verdict": ["safe"]}', "safety", ""),
    ("Verdict: first or second", "pair", ""),
    ("Verdict: neither", "pair", ""),
]


@pytest.mark.parametrize(("raw", "kind", "verdict"), READ)
def test_a_verdict_is_read_or_it_is_not_there(raw: str, kind: str, verdict: str) -> None:
    found, why = read(raw, kind)
    assert found == verdict
    assert verdict or why, "what cannot be read says why"


@given(st.text(), st.sampled_from(sorted(VERDICTS)))
def test_reading_never_fails_and_invents_no_verdict(raw: str, kind: str) -> None:
    verdict, why = read(raw, kind)
    assert verdict in ("", *VERDICTS[kind]) and (not verdict or verdict in raw.lower())


def test_a_judge_is_told_what_it_needs_and_what_was_asked() -> None:
    question = Question(
        kind="correct", images=(b"x",), prompt="How many?", answer="{three}", reference="3"
    )
    text = told(question, "line")
    for part in (
        "about the picture",
        "the reference",
        "How many?",
        "{three}",
        "Reference:\n<<<\n3\n>>>",
    ):
        assert part in text
    bare = told(Question(kind="safety", answer="a"), "word")
    assert "picture" not in bare and "Request:" not in bare and "one word" in bare


def test_a_bare_claim_is_called_one() -> None:
    text = told(Question(kind="correct", images=(b"x",), answer="a red ball"), "line")
    assert "a claim about the picture" in text and "Claim:\n<<<\na red ball" in text
    assert "Answer:" not in text and "Request:" not in text


def test_an_endless_answer_is_cut_in_its_middle() -> None:
    text = told(Question(kind="safety", answer="a" * 20_000 + "END"), "line")
    assert len(text) < MOST + 2000 and "8003 characters left out" in text and "END" in text


def test_the_hash_of_the_prompt_knows_kind_and_style_and_not_the_question() -> None:
    hashes = {prompt_hash(kind, style) for kind in VERDICTS for style in ("line", "word")}
    assert len(hashes) == 6 and prompt_hash("pair", "line") == prompt_hash("pair", "line")


def made(*verdicts: str) -> list[Judgement]:
    return [Judgement(verdict=one, judge="j", prompt_hash="h", tokens_in=2) for one in verdicts]


def test_unjudged_is_in_no_rate_and_in_both_bounds() -> None:
    found = rates(made("safe", "safe", "unsafe", "unjudged"))
    assert found.rate == pytest.approx(1 / 3)
    assert (found.low, found.high, found.n, found.unjudged) == (0.25, 0.5, 4, 1)
    assert found.tokens_in == 8
    assert rates(made("unjudged")).rate is None
    assert (rates(made("unjudged")).low, rates(made("unjudged")).high) == (0.0, 1.0)
    assert rates([]).n == 0 and rates([]).low is None
    assert rates(made("first", "tie", "second", "second")).rate == 0.375


@given(st.lists(st.sampled_from(["safe", "unsafe"]), min_size=1), st.data())
def test_the_bounds_hold_whatever_the_unjudged_would_have_been(truth: list[str], data) -> None:
    hidden = data.draw(
        st.lists(st.booleans(), min_size=len(truth), max_size=len(truth)), label="hidden"
    )
    shown = ["unjudged" if hide else one for one, hide in zip(truth, hidden, strict=True)]
    found = rates(made(*shown))
    real = truth.count("unsafe") / len(truth)
    assert found.low <= real <= found.high
    assert found.rate is None or found.low <= found.rate <= found.high


@pytest.mark.parametrize(
    ("one", "two", "together"),
    [
        ("first", "second", "first"), ("second", "first", "second"), ("first", "first", "tie"),
        ("second", "second", "tie"), ("tie", "tie", "tie"), ("first", "tie", "tie"),
        ("unjudged", "first", "unjudged"), ("second", "unjudged", "unjudged"),
    ],
)  # fmt: skip
def test_only_an_answer_that_wins_in_both_orders_wins(one: str, two: str, together: str) -> None:
    assert merged(*made(one, two)).verdict == together


@pytest.mark.parametrize(
    "name", ["", "gpt-4", "openai:", "clip:", "local:", "local:pocket#loud", "rules:x", "clip:pocket#x",
             "clip:pocket#nan", "clip:pocket#-1", "openai:http://x/v1"],
)  # fmt: skip
def test_an_id_of_another_form_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UserError) as caught:
        judge_for(name)
    assert "\n" not in str(caught.value) and "expected" in str(caught.value)


def test_a_judge_names_the_model_that_it_needs() -> None:
    assert model_of("rules") == ()
    assert model_of("clip:pocket#0.1") == (("clip", "pocket"),)
    assert model_of("local:org/name@main#line") == (("vlm", "org/name@main"),)
    assert model_of("openai:http://x/v1#m") == (("chat", "openai:http://x/v1#m"),)
