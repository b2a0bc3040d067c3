"""Which slices a round aims at: mass, past gains, the floor, what is put back."""

from dataclasses import replace

import pytest

from counterfactory.factory.recipe import resolve
from counterfactory.loop.history import History, Seen
from counterfactory.loop.parts import Part
from counterfactory.loop.serving import ability
from counterfactory.loop.slices import Slice
from counterfactory.loop.target import Bandit, choose, likeness, whole

NAMES = ("region-diff", "world-qa", "world-math", "world-safety")


def slice_of(*conditions: str, mass: float = 0.1, items: int = 200, errors: int = 100) -> Part:
    name = " and ".join(conditions)
    one = Slice(name, conditions, items, errors, mass, 50.0, 30.0, 1e-6, 1e-5, ())
    return Part(name, one)


def seen(
    build: str, *conditions: str, number: int = 1, rows: int = 300, after: float = 0.5
) -> Seen:
    return Seen(
        round=number, name=" and ".join(conditions), conditions=conditions, build=build, wanted=300,
        rows=rows, before=0.5, after=after,
    )  # fmt: skip


@pytest.fixture(scope="module")
def able():
    return [ability(name, resolve(name)) for name in NAMES]


LEAVES = ("task:existence", "category:adversarial", "kind:leaf")
MOONS = ("task:existence", "kind:moon")
SUMS = ("task:arithmetic_two", "answer:5+")


@pytest.mark.parametrize(
    ("conditions", "build", "labels"),
    [
        (LEAVES, "region-diff", ("task:existence", "kind:leaf")),
        (("task:usual", "attribute:usual or not"), "region-diff", ("task:usual",)),
        (
            ("task:relation", "relation:left of"),
            "region-diff",
            ("task:relation", "relation:left of"),
        ),
        (("task:relation", "relation:near"), "world-qa", ("task:relation", "relation:near")),
        (("task:attribute", "attribute:size"), "world-qa", ("task:attribute", "attribute:size")),
        (("task:description",), "world-qa", ("task:description",)),
        (("task:attribute", "text:any"), "world-qa", ("task:attribute",)),
        (("task:attribute", "verdict:unparsed"), "world-qa", ("task:attribute",)),
        (SUMS, "world-math", ("task:arithmetic_two",)),
        (("request:harmful", "twin:image"), "world-safety", ()),
        (("kind:leaf", "colour:red"), "region-diff", ("kind:leaf", "colour:red")),
        (("task:difference", "edit:remove"), "region-diff", ("edit:remove",)),
    ],
)
def test_a_slice_goes_to_the_build_that_serves_it(able, conditions, build, labels) -> None:
    (aim,), back = choose([slice_of(*conditions)], History(), able, rows=100)
    assert (aim.build, aim.labels, aim.rows, back) == (build, labels, 100, ())


def test_what_no_build_makes_is_put_back_with_a_reason(able) -> None:
    aims, (back,) = choose([slice_of("task:difference", "edit:resize")], History(), able, rows=100)
    assert aims == () and "no build" in back.why


def test_more_mass_gets_more_rows_and_all_rows_are_given_out(able) -> None:
    slices = [slice_of(*LEAVES, mass=0.4), slice_of(*MOONS, mass=0.1), slice_of(*SUMS, mass=0.2)]
    aims, _ = choose(slices, History(), able, rows=1000)
    assert [aim.conditions for aim in aims] == [LEAVES, SUMS, MOONS]
    assert sum(aim.rows for aim in aims) == 1000


def test_rows_follow_what_past_rounds_gained(able) -> None:
    past = History(seen=(
        seen("region-diff", *LEAVES, after=0.1), seen("region-diff", "task:usual", after=0.5),
        seen("world-qa", "task:usual", after=0.5), seen("world-qa", *LEAVES, after=0.1),
    ))  # fmt: skip
    aims, _ = choose([slice_of(*LEAVES), slice_of("task:usual")], past, able, rows=1000, number=2)
    first, second = aims
    assert first.conditions == LEAVES and first.rows > 1.5 * second.rows
    assert second.rows >= 100, "the floor keeps every slice alive"


def test_a_gain_in_fewer_rows_counts_for_more(able) -> None:
    past = History(seen=(
        seen("region-diff", *LEAVES, after=0.3, rows=100),
        seen("region-diff", "task:usual", after=0.3, rows=500),
    ))  # fmt: skip
    aims, _ = choose([slice_of(*LEAVES), slice_of("task:usual")], past, able, rows=1000, number=2)
    assert aims[0].conditions == LEAVES


def test_a_build_that_did_not_help_gives_way_to_the_next(able) -> None:
    past = History(seen=tuple(seen("region-diff", *LEAVES, number=n, after=0.6) for n in (1, 2, 3)))
    (aim,), _ = choose([slice_of(*LEAVES)], past, able, rows=100, number=4)
    assert aim.build == "world-qa" and aim.labels == ("task:existence_adversarial", "kind:leaf")


def test_what_was_tried_little_gets_a_bonus(able) -> None:
    past = History(seen=tuple(
        seen(name, *LEAVES, number=n, after=0.25) for n in (1, 2, 3) for name in NAMES[:2]
    ))  # fmt: skip
    bold, shy = (
        choose(
            [slice_of(*LEAVES), slice_of("task:binding")], past, able, rows=1000, number=4,
            bandit=Bandit(explore=explore),
        )[0]
        for explore in (2.0, 0.0)
    )  # fmt: skip
    new = [next(a for a in some if a.conditions == ("task:binding",)).rows for some in (bold, shy)]
    assert new[0] > new[1]


def test_thompson_draws_by_the_seed(able) -> None:
    slices = [slice_of(*LEAVES), slice_of(*SUMS), slice_of("task:usual")]
    draws = [
        choose(slices, History(), able, rows=900, seed=seed, bandit=Bandit(kind="thompson"))
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_a_slice_that_lost_all_rows_rests_longer_each_time_and_comes_back(able) -> None:
    sums = slice_of(*SUMS)
    only = [one for one in able if one.name == "world-math"]

    def aimed(number: int, *lost: int) -> bool:
        past = History(seen=tuple(seen("world-math", *SUMS, number=n, rows=0) for n in lost))
        return bool(choose([sums], past, only, rows=100, number=number)[0])

    assert not aimed(2, 1) and aimed(3, 1)
    assert [aimed(number, 1, 3) for number in (4, 5, 6)] == [False, False, True]
    _, (back,) = choose(
        [sums], History(seen=(seen("world-math", *SUMS, rows=0),)), only, rows=9, number=2
    )
    assert "round 3" in back.why


def test_parts_of_a_slice_that_fail_in_one_round_are_one_failure(able) -> None:
    only = [one for one in able if one.name == "world-math"]
    past = History(seen=tuple(
        seen("world-math", *SUMS, *part, rows=0) for part in ((), ("kind:leaf",))
    ))  # fmt: skip
    assert choose([slice_of(*SUMS)], past, only, rows=100, number=3)[0]


def test_a_slice_without_a_right_sample_waits_where_only_samples_teach(able) -> None:
    hopeless = slice_of(*SUMS, items=50, errors=50)
    only = [one for one in able if one.name == "world-math"]
    sampled = frozenset({"world-math"})
    aims, (back,) = choose([hopeless], History(), only, rows=100, sampled=sampled)
    assert aims == () and "no right answer" in back.why
    assert choose([hopeless], History(), only, rows=100)[0], "shown answers teach it all the same"
    assert choose(
        [slice_of(*SUMS, items=50, errors=49)], History(), only, rows=100, sampled=sampled
    )[0]


def test_few_rows_are_not_spread_thin(able) -> None:
    slices = [slice_of("task:existence", f"kind:{kind}") for kind in ("sun", "moon", "leaf", "box")]
    aims, back = choose(slices, History(), able, rows=30)
    assert len(aims) == 2 and len(back) == 2 and "promise more" in back[0].why


def test_whole_parts_add_up() -> None:
    assert whole([1 / 3] * 3, 100) == [34, 33, 33]
    assert likeness(LEAVES, MOONS) == 0.25


def test_what_the_model_takes_back_itself_gets_more_rows(able) -> None:
    one, other = slice_of(*LEAVES), slice_of(*MOONS)
    firm = replace(one, slice=replace(one.slice, contradictions=0.0))
    doubted = replace(other, slice=replace(other.slice, contradictions=0.5))
    plain, _ = choose([one, other], History(), able, rows=1000)
    assert len({aim.rows for aim in plain}) == 1, "no cross-examination, no difference"
    aims, _ = choose([firm, doubted], History(), able, rows=1000)
    rows = {aim.conditions: aim.rows for aim in aims}
    assert rows[MOONS] > 1.3 * rows[LEAVES]
