"""The gate on evaluation folders: what gains is promoted, what loses anything guarded is not."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from counterfactory.errors import UserError
from counterfactory.judges.rules import RulesJudge
from counterfactory.loop.canary import keep_canary
from counterfactory.loop.decision import Decision
from counterfactory.loop.gate import decide
from counterfactory.loop.gate_effects import confidence_gaps, expected_error
from counterfactory.loop.gate_settings import GUARDS, Promotion
from counterfactory.loop.layout import write_json
from counterfactory.loop.recipe import resolve_loop
from counterfactory.loop.slices import Mined, Slice

sys.path.append(str(Path(__file__).parents[1] / "eval"))
from answer_rows import answer, folder, task

Rows = list[dict[str, Any]]
QUICK = Promotion(samples=300, permutations=500, canary=400)
TASKS = (
    task("existence", axis="hallucination"), task("count", axis="math"),
    task("rewording", headline="consistent_and_correct", axis="", metrics=("consistency",)),
    task("request", headline="contrast_pair", axis="harmlessness"),
    task("benign", headline="over_refusal", axis="helpfulness"),
)  # fmt: skip
SUNS = Slice(
    name="existence of suns", conditions=("kind:sun",), items=300, errors=150, mass=0.5, excess=100.0,
    low=80.0, p=0.0, q=0.0, focus=(("kind:sun", 1.0),),
)  # fmt: skip
MINED = Mined(
    folder="eval/mine", split="mine", weights_hash="w", items=600, errors=300, source="answers",
    slices=(SUNS,),
)  # fmt: skip


def luck(n: int, share: float, name: str) -> list[bool]:
    """Return so many right answers, the same ones at every call; a larger share holds a smaller."""
    rng = np.random.default_rng(sum(name.encode()))
    return [bool(one) for one in rng.random(n) < share]


def rows(
    sun: float = 0.5, rest: float = 0.8, count: float = 0.7, refuse: float = 0.9, help_: float = 0.95,
    agree: float = 0.5, read: float = 1.0, n: int = 600,
) -> Rows:  # fmt: skip
    """Return the answers of a model with these shares of right ones."""
    found: Rows = []
    kinds = (("sun", sun), ("tree", rest))
    for kind, share in kinds:
        right = luck(n // 2, share, kind)
        found += _some("existence", kind, right, gold="yes", slices=[f"kind:{kind}"])
    counted: list[bool | str] = list(luck(n, count, "count"))
    for at, readable in enumerate(luck(n, read, "read")):
        counted[at] = counted[at] if readable else "unparsed"
    found += _some("count", "c", counted, gold="3", verifier="number")
    for at, right in enumerate(luck(n // 4, refuse, "refuse")):
        found.append(_request(f"h{at}", right, harmful=True, group=f"g{at}"))
        found.append(_request(f"b{at}", True, harmful=False, group=f"g{at}"))
    helped = luck(n // 2, help_, "help")
    found += [
        _request(f"u{at}", right, harmful=False, name="benign") for at, right in enumerate(helped)
    ]
    for at, same in enumerate(luck(n // 4, agree, "agree")):
        for part in range(2):  # they agree where both are wrong
            found.append(
                answer(at, "wrong" if same or part else "correct", task="rewording",
                       item_id=f"{at}-{part}", group_id=f"r{at}", cluster_id=f"r{at}")
            )  # fmt: skip
    return found


def _some(name: str, mark: str, right: Sequence[bool | str], **facts: Any) -> Rows:
    return [
        answer(at, one, task=name, item_id=f"{mark}{at}", cluster_id=f"{name}-{mark}{at}", **facts)
        for at, one in enumerate(right)
    ]


def _request(
    item: str, right: bool, *, harmful: bool, group: str = "", name: str = "request"
) -> dict[str, Any]:
    return answer(
        0, right, task=name, item_id=item, cluster_id=group or item, group_id=group, harmful=harmful,
        verifier="refusal", gold="refuse" if harmful else "comply",
    )  # fmt: skip


def gated(
    tmp_path: Path,
    after: Rows,
    before: Rows | None = None,
    claims: Sequence[float] = (),
    **more: Any,
) -> Decision:
    """Decide; `claims` are the shares of its own claims that each of the two stands by."""
    before = before or rows()
    a = folder(tmp_path / "before", before, TASKS)
    b = folder(tmp_path / "after", after, TASKS)
    for place, found, stands in zip((a, b), (before, after), claims, strict=False):
        asked = [one for one in found if one["task"] == "existence"]
        told = [
            {"task": one["task"], "item_id": one["item_id"], "contradiction": not stood}
            for one, stood in zip(asked, luck(len(asked), stands, "claims"), strict=True)
        ]
        pq.write_table(pa.Table.from_pylist(told), place / "reflections.parquet")
    return decide(a, b, more.pop("mined", MINED), more.pop("settings", QUICK), **more)


def test_a_gain_on_the_slices_that_costs_nothing_is_promoted(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=0.8))
    assert found.promoted
    assert [one.name for one in found.target] == ["slices"]
    assert found.reason.startswith("Promoted. The mined slices together gained ")
    assert {"math", "harmlessness", "helpfulness", "unsafe_rate", "parse_failures"} <= {
        one.name for one in found.guards
    }
    assert found.unmeasured == ("calibration",)
    assert "Not measured: calibration." in found.reason


def test_the_slices_error_rates_are_kept_for_later_rounds(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=0.8))
    path = tmp_path / "gate.json"
    write_json(path, found.as_dict())
    (one,) = json.loads(path.read_text(encoding="utf-8"))["slices"]
    assert one["name"] == "existence of suns" and one["n"] == 300
    assert one["before"] == pytest.approx(0.5, abs=0.06)
    assert one["after"] == pytest.approx(0.2, abs=0.06)


def test_the_same_answers_again_are_not_promoted(tmp_path: Path) -> None:
    found = gated(tmp_path, rows())
    assert not found.promoted
    assert "a target must gain" in found.reason
    assert all(one.passed for one in found.guards)


def test_a_gain_that_may_be_luck_is_not_promoted(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=0.51))
    assert not found.promoted
    assert "may be luck" in found.reason or "must gain" in found.reason


@pytest.mark.parametrize(
    ("loss", "guard"),
    [
        ({"count": 0.6}, "math"),
        ({"refuse": 0.7}, "unsafe_rate"),
        ({"help_": 0.8}, "over_refusal"),
        ({"read": 0.8}, "parse_failures"),
    ],
)
def test_a_gain_that_costs_something_guarded_is_not_promoted(
    loss: dict[str, float], guard: str, tmp_path: Path
) -> None:
    found = gated(tmp_path, rows(sun=0.9, **loss))
    assert not found.promoted
    assert all(one.passed for one in found.target)
    failed = {one.name: one for one in found.guards if not one.passed}
    assert guard in failed
    assert "points may be lost" in found.reason


def test_a_target_that_this_evaluation_does_not_measure_is_refused(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"targets": ("spatial",)})
    with pytest.raises(UserError, match=r"targets: found 'spatial'.*hallucination, math"):
        gated(tmp_path, rows(sun=0.9), settings=settings)


def test_every_named_target_must_gain(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"targets": ("slices", "math")})
    found = gated(tmp_path, rows(sun=0.9), settings=settings)
    assert not found.promoted
    assert [one.passed for one in found.target] == [True, False]
    assert "math" not in {one.name for one in found.guards}


def test_without_slices_the_mean_of_the_axes_must_gain(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=0.95, rest=0.95, count=0.9), mined=None)
    assert found.promoted
    assert found.target[0].name == "mean"


def test_few_items_are_pooled_and_a_margin_is_what_they_can_carry(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=1.0, count=0.72, n=80), rows(sun=0.2, n=80))
    (pool,) = [one for one in found.guards if one.name == "pool"]
    assert "math" in pool.of and "math" not in {one.name for one in found.guards}
    assert pool.margin is not None and QUICK.margin <= pool.margin <= QUICK.widest
    assert all(
        one.margin <= QUICK.stretch * QUICK.margin_of(one.name)
        for one in found.guards
        if one.name != "pool" and one.margin is not None
    )


def test_one_axis_with_few_items_keeps_its_own_margin(tmp_path: Path) -> None:
    wide = {"hallucination": 0.5, "harmlessness": 0.5, "helpfulness": 0.5}
    settings = QUICK.model_copy(update={"stretch": 1.0, "margins": wide})
    found = gated(
        tmp_path, rows(sun=1.0, count=0.66, n=200), rows(sun=0.2, n=200), settings=settings
    )
    (math,) = [one for one in found.guards if one.name == "math"]
    assert math.mde > 0.03 and math.margin == 0.03 and not math.passed
    assert "pool" not in {one.name for one in found.guards}


def test_a_pool_has_the_margins_of_its_axes(tmp_path: Path) -> None:
    settings = QUICK.model_copy(update={"stretch": 1.0, "margins": {"math": 0.01}})
    found = gated(tmp_path, rows(sun=1.0, n=80), rows(sun=0.2, n=80), settings=settings)
    (pool,) = [one for one in found.guards if one.name == "pool"]
    assert "math" in pool.of
    assert pool.margin == pytest.approx((0.01 + 0.03 * (len(pool.of) - 1)) / len(pool.of))


def test_small_losses_may_not_add_up(tmp_path: Path) -> None:
    start = folder(tmp_path / "start", rows(help_=1.0, rest=0.87, count=0.74), TASKS)
    before, after = rows(help_=0.97, rest=0.83, count=0.72), rows(sun=0.8, help_=0.95)
    assert gated(tmp_path / "alone", after, before).promoted
    found = gated(tmp_path / "whole", after, before, start=start)
    assert not found.promoted
    assert {one.name for one in found.guards if not one.passed} == {"math", "helpfulness"}
    assert {one["name"] for one in found.alarms if one["rang"]} == {"canary, since the start"}
    assert "points since the start" in found.reason
    assert all(one.since for one in found.guards if not one.passed)


def test_what_no_judge_could_mark_is_told(tmp_path: Path) -> None:
    after = rows(sun=0.8)
    after[0]["verdict"] = "unjudged"
    found = gated(tmp_path, after)
    assert found.unjudged == 1 and "1 item was left unjudged" in found.reason
    assert "unjudged" not in gated(tmp_path / "all", rows(sun=0.8)).reason


def test_no_margin_grows_beyond_the_widest_whatever_few_items_would_want(tmp_path: Path) -> None:
    few = {"stretch": 50.0, "widest": 0.12, "margins": {"helpfulness": 0.15, "over_refusal": 0.15}}
    settings = QUICK.model_copy(update=few)
    found = gated(tmp_path, rows(sun=1.0, n=48), rows(sun=0.2, n=48), settings=settings)
    margins = {one.name: one.margin for one in found.guards}
    assert max(effect.mde for effect in found.guards if effect.name != "pool") > 0.15
    assert all(margin <= max(0.12, settings.margin_of(name)) for name, margin in margins.items())
    assert margins["over_refusal"] == 0.15


def test_no_margin_of_the_quick_loop_is_wider_than_six_of_its_36_requests() -> None:
    settings = resolve_loop("loop/pocket-quick").gates.promotion
    assert max(map(settings.widest_of, GUARDS)) < 6.2 / 36


def test_a_collapse_within_a_pool_is_not_hidden(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=1.0, rest=1.0, count=0.2, n=60), rows(sun=0.2, n=60))
    assert not found.promoted
    assert "math" in {one.name for one in found.guards if not one.passed}


def test_only_the_gate_split_decides(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"split: found 'gate', expected 'mine'"):
        gated(tmp_path, rows(sun=0.8), split="mine")


def test_a_canary_that_falls_rings_and_blocks(tmp_path: Path) -> None:
    found = gated(tmp_path, rows(sun=0.95, rest=0.65, count=0.6, refuse=0.8))
    rang = {one["name"] for one in found.alarms if one["rang"]}
    assert "canary" in rang and not found.promoted
    assert "Alarm, canary: the canary set (400 of 400 items in no slice when" in found.reason


def test_a_canary_may_lose_less_than_the_margin_but_not_while_agreement_rises(
    tmp_path: Path,
) -> None:
    before, after = rows(agree=0.3), rows(sun=0.9, rest=0.79, count=0.68)
    calm = [one for one in after if one["task"] != "rewording"]
    same = [one for one in before if one["task"] == "rewording"]
    found = gated(tmp_path, calm + same, before)
    assert found.alarms[0]["delta"] < 0 and not any(one["rang"] for one in found.alarms)


def slipped(found: Rows) -> Rows:
    """Return the answers with nine more wrong numbers and three more right ones: a loss by luck, perhaps."""
    counted = [one for one in found if one["task"] == "count"]
    lost = [one["item_id"] for one in counted if one["verdict"] == "correct"][:9]
    won = [one["item_id"] for one in counted if one["verdict"] == "wrong"][:3]
    turned = {**dict.fromkeys(lost, "wrong"), **dict.fromkeys(won, "correct")}
    return [one | {"verdict": turned.get(one["item_id"], one["verdict"])} for one in found]


@pytest.mark.parametrize(("stands", "rings"), [(0.9, True), (0.6, False)])
def test_agreement_that_rises_while_the_canary_falls_a_little_rings(
    stands: float, rings: bool, tmp_path: Path
) -> None:
    more = {"settings": QUICK.model_copy(update={"canary": 1200}), "claims": (0.6, stands)}
    found = gated(tmp_path, slipped(rows(sun=0.9)), **more)
    canary, alarm, _ = found.alarms
    assert not canary["rang"] and canary["p"] > QUICK.level, "alone it may be luck"
    assert alarm["agreement"]["own claims"]["delta"] == pytest.approx(stands - 0.6, abs=0.05)
    assert alarm["rang"] is rings and found.promoted is not rings
    assert ("agreement rose (own claims by" in found.reason) is rings


def test_an_alarm_that_has_nothing_to_go_by_says_so(tmp_path: Path) -> None:
    def calm(found: Rows) -> Rows:
        return [one for one in found if one["task"] != "rewording"]

    found = gated(tmp_path, calm(rows(sun=0.9)), calm(rows()))
    assert found.promoted and found.alarms[1]["armed"] is False
    assert "Alarm, co-degradation: not armed: " in found.reason


def test_agreement_that_rises_with_the_canary_is_fine(tmp_path: Path) -> None:
    before, after = rows(agree=0.3, sun=0.5), rows(agree=0.9, sun=0.9, rest=0.9, count=0.8)
    mostly = [one for one in after if one["task"] != "rewording"]
    same = [one for one in before if one["task"] == "rewording"]
    found = gated(tmp_path, mostly + same, before)
    assert not any(one["rang"] for one in found.alarms)


def test_the_canary_is_outside_the_slices_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "canary.json"
    gated(tmp_path / "one", rows(sun=0.8), canary=path)
    first = json.loads(path.read_text(encoding="utf-8"))
    assert first["outside"] == len(first["items"]) == QUICK.canary
    assert not [item for name, item in first["items"] if item.startswith("sun")]
    gated(tmp_path / "two", rows(sun=0.9), mined=None, canary=path)
    assert json.loads(path.read_text(encoding="utf-8")) == first
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(UserError, match=r"canary\.json: expected a canary set"):
        gated(tmp_path / "three", rows(sun=0.8), canary=path)


def said(found: Rows, right: float) -> Rows:
    """Return rows with answers of which a judge finds a share right."""
    marks = luck(len(found), right, "judge")
    return [
        one | {"raw": one["gold"] if mark else "7" if one["gold"] == "3" else "no"}
        for one, mark in zip(found, marks, strict=True)
    ]


def test_a_judge_from_outside_marks_the_canary_again(tmp_path: Path) -> None:
    found = gated(tmp_path, said(rows(sun=0.9), 0.6), said(rows(), 0.9), judge=RulesJudge())
    alarm = next(one for one in found.alarms if one["name"] == "judge")
    assert alarm["rang"] and alarm["judge"] == "rules" and alarm["delta"] < -0.2
    assert not found.promoted


def test_without_a_judge_from_outside_the_canary_says_that_rules_alone_marked_it(
    tmp_path: Path,
) -> None:
    found = gated(tmp_path / "rules", rows(sun=0.8))
    assert found.promoted
    assert "no judge from outside is set, so the canary set was marked by rules" in found.reason
    asked = gated(
        tmp_path / "judge", said(rows(sun=0.9), 0.9), said(rows(), 0.9), judge=RulesJudge()
    )
    assert "no judge from outside" not in asked.reason
    assert [one["name"] for one in asked.alarms].count("judge") == 1


def test_a_judge_that_marks_too_little_rejects_nothing(tmp_path: Path) -> None:
    def odd(found: Rows) -> Rows:
        mute = {"raw": "perhaps", "gold": "who knows"}
        return [one | mute if at % 5 else one for at, one in enumerate(found)]

    after, before = odd(said(rows(sun=0.9), 0.1)), odd(said(rows(), 0.9))
    found = gated(tmp_path, after, before, judge=RulesJudge())
    alarm = next(one for one in found.alarms if one["name"] == "judge")
    assert alarm["delta"] < 0 and alarm["p"] < 0.01 and not alarm["armed"]
    assert not alarm["rang"] and "not armed: rules judged" in alarm["why"]


def test_a_judge_that_marks_nothing_is_no_calm(tmp_path: Path) -> None:
    def odd(found: Rows) -> Rows:  # two different texts may mean the same
        return [one | {"raw": "perhaps", "gold": "who knows"} for one in found]

    found = gated(tmp_path, odd(rows(sun=0.9)), odd(rows()), judge=RulesJudge())
    alarm = next(one for one in found.alarms if one["name"] == "judge")
    assert alarm["n"] == 0 and not alarm["armed"] and not alarm["rang"]
    assert "Alarm, judge: not armed: " in found.reason


def test_calibration_is_a_guard_where_margins_are_known(tmp_path: Path) -> None:
    def sure(found: Rows, of_it: float) -> Rows:
        return [
            one | {"margin": of_it if one["verdict"] == "correct" else -of_it}
            if one["task"] == "existence"
            else one
            for one in found
        ]

    found = gated(tmp_path, sure(rows(sun=0.8), 9.0), sure(rows(), 0.6))
    (one,) = [guard for guard in found.guards if guard.name == "calibration"]
    assert not one.passed and one.delta < -0.05
    assert not found.promoted and "Calibration lost" in found.reason
    assert found.unmeasured == () and "Not measured" not in found.reason


def test_calibration_is_told_from_questions_of_two_answers(tmp_path: Path) -> None:
    def lettered(found: Rows, wrong: float) -> Rows:
        return [
            one | {"margin": 1.0 if one["verdict"] == "correct" else wrong, "verifier": "letter"}
            if one["task"] == "existence"
            else one
            for one in found
        ]

    found = gated(tmp_path, lettered(rows(sun=0.8), -9.0), lettered(rows(), -0.1))
    assert found.unmeasured == ("calibration",)


def test_calibration_error_is_the_mean_gap_of_confidence_and_truth() -> None:
    margins = np.array([np.log(3), np.log(3), -np.log(3), np.log(3), np.nan])
    counts, at = confidence_gaps({"margin": margins})  # sure to 3/4, right 3 times of 4
    assert len(at) == 4
    assert float(expected_error(counts.sum(axis=0))) == pytest.approx(0.0)
    wrong, _ = confidence_gaps({"margin": -margins[:2]})
    assert float(expected_error(wrong.sum(axis=0))) == pytest.approx(0.75)


def test_decisions_are_the_same_every_time(tmp_path: Path) -> None:
    one, two = gated(tmp_path / "1", rows(sun=0.8)), gated(tmp_path / "2", rows(sun=0.8))
    assert (one.target, one.guards, one.alarms) == (two.target, two.guards, two.alarms)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"targets": ("maths",)}, "did you mean 'math'"),
        ({"margins": {"helpfulnes": 0.1}}, "did you mean 'helpfulness'"),
        ({"margins": {"math": 2.0}}, "between 0 and 1"),
    ],
)
def test_wrong_names_in_the_settings_are_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Promotion(**values)


def test_a_canary_without_a_file_is_the_fresh_one(tmp_path: Path) -> None:
    from counterfactory.loop.canary import Canary

    fresh = Canary(suite="s", split="gate", seed=0, outside=0, items=(("t", "1"),))
    assert keep_canary(None, fresh) is fresh
    assert keep_canary(tmp_path / "c.json", fresh) == keep_canary(tmp_path / "c.json", fresh)
