"""Every metric against numbers worked out by hand, and against what constant answers must get."""

import itertools
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from counterfactory.eval.answers import VERDICTS
from counterfactory.eval.columns import columns_of, take
from counterfactory.eval.estimates import worst_case
from counterfactory.eval.metrics import CV_BENCH, METRICS

sys.path.append(str(Path(__file__).parent))
from answer_rows import OTHER, answer, answers


def value(name: str, rows: list[dict[str, Any]]) -> float:
    return METRICS[name].value(columns_of(rows))


def units(name: str, rows: list[dict[str, Any]]) -> int:
    return len(METRICS[name].parts(columns_of(rows))[1])


def pope(say: str) -> list[dict[str, Any]]:
    """Three there and three not, on each of five images."""
    golds = [("yes", "no")[number % 2] for number in range(30)]
    return [
        answer(number, gold == say, gold=gold, cluster_id=f"i{number // 6}")
        for number, gold in enumerate(golds)
    ]


def test_always_yes_gets_what_theory_says() -> None:
    rows = pope("yes")
    assert value("accuracy", rows) == 0.5
    assert value("f1_yes", rows) == pytest.approx(2 / 3)
    assert (value("yes_ratio", rows), value("yes_bias", rows)) == (1.0, 0.5)
    assert value("f1_no", rows) == 0.0
    assert np.isnan(value("precision_no", rows))  # nothing was said to be absent


def test_always_no_gets_what_theory_says() -> None:
    rows = pope("no")
    assert (value("accuracy", rows), value("f1_yes", rows), value("yes_ratio", rows)) == (0.5, 0, 0)
    assert value("f1_no", rows) == pytest.approx(2 / 3)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(["yes", "no"]), st.booleans()), min_size=1, max_size=40))
def test_yes_no_metrics_are_those_of_scikit_learn(cells: list[tuple[str, bool]]) -> None:
    rows = [answer(number, right, gold=gold) for number, (gold, right) in enumerate(cells)]
    gold, said = [row["gold"] for row in rows], [row["parsed"] for row in rows]
    for name, theirs in (
        ("f1", f1_score),
        ("precision", precision_score),
        ("recall", recall_score),
    ):
        for label in ("yes", "no"):
            mine = value({"f1yes": "f1_yes", "f1no": "f1_no"}.get(
                name + label, name if label == "yes" else f"{name}_no"), rows)  # fmt: skip
            expected = theirs(gold, said, pos_label=label, zero_division=np.nan)
            if name == "f1" and label not in (*gold, *said):
                expected = np.nan
            assert mine == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("gold", ["yes", "no"])
def test_an_unread_answer_never_scores_better_than_a_wrong_one(gold: str) -> None:
    rest = pope("yes")
    wrong = [*rest, answer(99, False, gold=gold)]
    unread = [*rest, answer(99, "unparsed", gold=gold)]
    for name in ("accuracy", "f1_yes", "precision", "recall", "f1_no", "recall_no"):
        assert value(name, unread) == value(name, wrong)
    assert value("parse_failure", unread) == 1 / 31
    assert value("yes_ratio", unread) == 1.0  # it said nothing, so it is not among the answers read


def test_categories_are_averaged_not_pooled() -> None:
    rows = [
        *[answer(n, n < 9, category="large") for n in range(10)],
        *[answer(n, n < 11, category="small") for n in (10, 11)],
    ]
    assert value("accuracy", rows) == 10 / 12
    assert value("macro_accuracy", rows) == pytest.approx((0.9 + 0.5) / 2)
    large, small = 2 * 9 / (2 * 9 + 1), 2 / 3  # F1 where every gold answer is yes
    assert value("mean_f1_by_category", rows) == pytest.approx((large + small) / 2)


def test_cv_bench_weighs_its_sources_as_its_authors_do() -> None:
    right = {"ADE20K": 3, "COCO": 1, "Omni3D": 2}  # of four each
    rows = [
        answer(4 * place + n, n < right[source], category=source)
        for place, source in enumerate(CV_BENCH)
        for n in range(4)
    ]
    assert value("cv_bench", rows) == pytest.approx(((0.75 + 0.25) / 2 + 0.5) / 2)
    assert value("cv_bench", rows[::-1]) == value("cv_bench", rows)
    assert value("cv_bench", rows[:8]) == pytest.approx(0.5)  # one dimension alone


def caption(number: int, hall: int, mention: int, found: int, gold: int) -> dict[str, Any]:
    verdict = "unparsed" if not mention else "correct" if not hall and found == gold else "wrong"
    return answer(
        number, verdict, n_hall=hall, n_mention=mention, n_found=found, n_gold=gold, n_words=10 + hall
    )  # fmt: skip


def test_chair_counts_mentions_and_captions() -> None:
    rows = [caption(0, 1, 4, 2, 3), caption(1, 0, 2, 2, 2), caption(2, 2, 2, 0, 3)]
    assert value("chair_i", rows) == pytest.approx(3 / 8)
    assert value("chair_s", rows) == pytest.approx(2 / 3)
    assert value("chair_recall", rows) == pytest.approx(4 / 8)
    assert value("length", rows) == 11
    precision, recall = 5 / 8, 4 / 8
    assert value("chair_f1", rows) == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_model_that_describes_nothing_earns_nothing() -> None:
    rows = [caption(n, 0, 0, 0, 3) for n in range(4)]
    assert np.isnan(value("chair_i", rows))  # not 0, which would be perfect
    assert (value("chair_f1", rows), value("silent", rows)) == (0.0, 1.0)
    assert value("accuracy", rows) == 0.0


def natural(right: tuple[int, ...]) -> list[dict[str, Any]]:
    """Two questions about two images: yes no, no yes."""
    return [
        answer(n, bool(ok), gold=("yes", "no", "no", "yes")[n], group_id="g", cluster_id="g",
               prompt=f"question {n // 2}", image_hashes=(f"image {n % 2}",))
        for n, ok in enumerate(right)
    ]  # fmt: skip


def test_natural_bench_scores_questions_images_and_groups() -> None:
    rows = natural((1, 1, 1, 0))  # the second question fails on the second image
    assert [value(name, rows) for name in ("accuracy", "q_acc", "i_acc", "g_acc")] == [
        0.75, 0.5, 0.5, 0.0,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["q_acc", "i_acc", "g_acc"])
def test_chance_is_the_mean_over_all_ways_to_answer(name: str) -> None:
    values = [value(name, natural(ways)) for ways in itertools.product((0, 1), repeat=4)]
    assert np.mean(values) == METRICS[name].chance


def test_a_figure_needs_an_image_and_may_be_named_by_a_slice() -> None:
    rows = [
        answer(0, group_id="s", slices=("question:0",)),  # HallusionBench's figure 0: no image
        answer(1, group_id="s", slices=("question:0",), image_hashes=("a",)),
        answer(2, False, group_id="s", slices=("question:1",), image_hashes=("a",)),
        answer(3, group_id="s", slices=("question:1", "figure:2"), image_hashes=("b",)),
        answer(4, group_id="s", slices=("question:2", "figure:2"), image_hashes=("b again",)),
    ]
    assert value("f_acc", rows) == 0.5  # a has an error, figure 2 has none
    assert units("f_acc", rows) == 2
    assert value("q_acc", rows) == pytest.approx(2 / 3)
    assert value("a_acc", rows) == 0.8


def test_pairs_are_parts_of_sets() -> None:
    rows = [
        answer(n, n != 3, group_id="cup and plate", slices=(f"pair:{n // 2}",)) for n in range(4)
    ]
    assert value("pair_accuracy", rows) == 0.5
    assert value("set_accuracy", rows) == 0.0
    plain = [{**row, "slices": ()} for row in rows]
    assert value("pair_accuracy", plain) == 0.0  # without marks the group is the pair


def test_a_group_cut_in_two_is_not_scored() -> None:
    rows = answers([True, True], group_id="g")
    assert units("group_accuracy", rows) == 1
    assert units("group_accuracy", rows[:1]) == 0
    alone = [answer(7, True)]
    assert units("group_accuracy", [*rows, *alone]) == 1


def test_winoground_scores_text_and_image_apart() -> None:
    rights = {"text": (True, True), "image": (True, False)}
    rows = [
        answer(n, ok, group_id="g", category=category)
        for category, pair in rights.items()
        for n, ok in enumerate(pair)
    ]
    assert [value(n, rows) for n in ("text_score", "image_score", "group_accuracy")] == [1, 0, 0]


def requests(harmful_right: bool | str, benign_right: bool | str) -> list[dict[str, Any]]:
    return [
        answer(0, harmful_right, gold="refuse", harmful=True, group_id="g", cluster_id="g"),
        answer(1, benign_right, gold="comply", group_id="g", cluster_id="g"),
    ]


@pytest.mark.parametrize(
    ("harmful", "benign", "pair", "unsafe", "over"),
    [
        (True, True, 1, 0, 0),  # as it should be
        (True, False, 0, 0, 1),  # refuses everything
        (False, True, 0, 1, 0),  # complies with everything
        ("unparsed", "unparsed", 0, 1, 1),  # says nothing: neither safe nor helpful
    ],
)
def test_contrast_pairs_reward_neither_refusing_nor_complying_with_all(
    harmful: bool | str, benign: bool | str, pair: int, unsafe: int, over: int
) -> None:
    rows = requests(harmful, benign)
    assert value("contrast_pair", rows) == pair
    assert (value("unsafe_rate", rows), value("over_refusal", rows)) == (unsafe, over)


def test_a_contrast_needs_both_sides() -> None:
    two_harmful = [{**row, "harmful": True} for row in requests(True, True)]
    assert units("contrast_pair", two_harmful) == 0


def test_the_unjudged_are_left_out_and_bounded() -> None:
    rows = [*answers([True, True, False], harmful=True), answer(3, "unjudged", harmful=True)]
    assert value("accuracy", rows) == pytest.approx(2 / 3)
    assert value("unsafe_rate", rows) == pytest.approx(1 / 3)
    assert worst_case(METRICS["accuracy"], columns_of(rows)) == (0.5, 0.75)
    assert worst_case(METRICS["unsafe_rate"], columns_of(rows)) == (0.25, 0.5)


def test_one_wrong_answer_decides_a_group_whatever_is_unjudged() -> None:
    for others, expected in ((False, 0.0), (True, None)):
        rows = [answer(0, "unjudged", group_id="g"), answer(1, others, group_id="g")]
        got = value("group_accuracy", rows)
        assert np.isnan(got) if expected is None else got == expected


def test_consistency_compares_what_is_meant() -> None:
    negated = [
        answer(0, True, gold="yes", group_id="negation"),
        answer(1, True, gold="no", group_id="negation"),
    ]
    assert value("consistency", negated) == 1.0
    contradiction = [negated[0], answer(1, False, gold="no", group_id="negation")]
    assert value("consistency", contradiction) == 0.0
    assert value("consistent_and_correct", negated) == 1.0

    orders = [("(A) red\n(B) blue", "A"), ("(A) blue\n(B) red", "B"), ("A. blue\nB. red", "A")]
    letters = [
        answer(n, n < 2, verifier="letter", group_id="g", prompt=f"Which?\n{lines}", parsed=said)
        for n, (lines, said) in enumerate(orders)
    ]
    assert value("consistency", letters[:2]) == 1.0  # red and red
    assert value("consistency", letters) == 0.0  # and blue


def test_answers_that_cannot_be_read_do_not_agree() -> None:
    rows = answers(["unparsed", "unparsed"], group_id="g")
    assert value("consistency", rows) == 0.0


def test_likelihood_and_rating_read_their_own_columns() -> None:
    rows = [answer(0, margin=0.3), answer(1, margin=-0.1), answer(2)]
    assert value("likelihood_accuracy", rows) == 0.5
    rated = [
        answer(0, True, parsed="5"), answer(1, False, parsed="2"), answer(2, "unparsed"),
        answer(3, "unjudged"),
    ]  # fmt: skip
    assert value("mean_rating", rated) == pytest.approx(7 / 3)


cells = st.fixed_dictionaries({
    "verdict": st.sampled_from(VERDICTS),
    "gold": st.sampled_from(["yes", "no"]),
    "group": st.sampled_from(["", "a", "b", "c"]),
    "category": st.sampled_from(["", *CV_BENCH, "text", "image"]),
    "harmful": st.booleans(),
    "verifier": st.sampled_from(["yes_no", "letter", "number"]),
    "counts": st.none() | st.tuples(*[st.integers(0, 3)] * 4),
})  # fmt: skip


def row_of(number: int, cell: dict[str, Any]) -> dict[str, Any]:
    hall, more, found, missed = cell["counts"] or (None,) * 4
    return answer(
        number, cell["verdict"], gold=cell["gold"], group_id=cell["group"],
        category=cell["category"], harmful=cell["harmful"], verifier=cell["verifier"],
        n_hall=hall, n_mention=None if hall is None else hall + more, n_found=found,
        n_gold=None if found is None else found + missed, image_hashes=(cell["group"],),
    )  # fmt: skip


@settings(max_examples=40)
@given(st.lists(cells, max_size=12))
def test_every_metric_takes_any_rows_and_stays_between_its_ends(rows: list[dict[str, Any]]) -> None:
    columns = columns_of(row_of(number, cell) for number, cell in enumerate(rows))
    for name, metric in METRICS.items():
        got = metric.value(columns)
        least = -1 if name == "yes_bias" else 0
        assert np.isnan(got) or least <= got <= 1 or name in ("length", "mean_rating"), name
        counts, first = metric.parts(columns)
        assert len(counts) == len(first) == len(set(first.tolist())), name
        if metric.proportion:
            assert (
                counts.shape[1] == 2 and set(counts[:, 0]) <= {0, 1} and (counts[:, 1] == 1).all()
            )


@settings(max_examples=40)
@given(st.lists(cells, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(rows: list[dict[str, Any]], rng: Any) -> None:
    columns = columns_of(row_of(number, cell) for number, cell in enumerate(rows))
    order = list(range(len(rows)))
    rng.shuffle(order)
    shuffled = take(columns, np.array(order))
    for metric in METRICS.values():
        assert metric.value(shuffled) == pytest.approx(metric.value(columns), nan_ok=True)


def test_the_oracle_gets_all_and_its_opposite_nothing() -> None:
    def run(right: bool) -> list[dict[str, Any]]:
        return [
            answer(n, right, gold=("yes", "no")[n % 2], harmful=bool(n % 2), group_id=f"g{n // 4}",
                   category=(*CV_BENCH, "text", "image")[n // 8 % 5], image_hashes=(f"{n // 2}",),
                   margin=1.0 if right else -1.0, n_words=3, n_found=int(right), n_gold=1,
                   n_mention=1, n_hall=int(not right))
            for n in range(40)
        ]  # fmt: skip

    apart = {"yes_ratio", "yes_bias", "length", "mean_rating", "parse_failure", "silent"}
    apart |= {"consistency"}  # always wrong is consistent
    for name in METRICS.keys() - apart:
        best = 1.0 if METRICS[name].higher_is_better else 0.0
        assert value(name, run(True)) == best, name
        assert value(name, run(False)) == 1 - best, name
    assert set(OTHER) >= {"yes", "no"}
