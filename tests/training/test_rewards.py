"""Each reward says by example what it gives; here the examples are run, and odd answers tried."""

import doctest
from importlib import import_module
from pathlib import Path

import pytest

import counterfactory.training.rewards as rewards
from counterfactory.training.lagrange import Multiplier
from counterfactory.training.rewards.hybrid import RULES, accuracies, hybrid
from counterfactory.training.rewards.said import Said

FILES = sorted(path.stem for path in Path(rewards.__path__[0]).glob("*.py"))
WITH_EXAMPLES = {
    "choice",
    "form",
    "helped",
    "hybrid",
    "judged",
    "number",
    "said",
    "text",
    "unsafe",
    "yes_no",
}


@pytest.mark.parametrize("name", [*FILES, "../lagrange"])
def test_the_examples_of_a_reward_hold(name: str) -> None:
    package = "counterfactory.training"
    module = import_module(f"{package}.lagrange" if "/" in name else f"{package}.rewards.{name}")
    ran = doctest.testmod(module)
    assert ran.failed == 0
    assert ran.attempted or name not in WITH_EXAMPLES


@pytest.mark.parametrize(
    "raw", ["", " ", "\n\n", "yes no", "?" * 50, "3" * 400, "<think>yes", "\x00", "１２"]
)
@pytest.mark.parametrize("verifier", RULES)
def test_no_answer_breaks_a_rule(raw: str, verifier: str) -> None:
    (value,) = hybrid([Said(said=raw, gold="3", verifier=verifier)], None)
    assert value is None or 0.0 <= value <= 1.0


def test_rules_and_judge_share_the_answers_between_them() -> None:
    closed = Said(said="no", gold="yes", verifier="yes_no")
    open_ = Said(said="A star.", gold="A red star.", verifier="description")
    seen: list[int] = []

    def judge(answers: object) -> list[float | None]:
        seen.append(len(answers))  # type: ignore[arg-type]
        return [0.5] * len(answers)  # type: ignore[arg-type]

    assert accuracies([closed, open_], judge, "hybrid") == [0.0, 0.5]
    assert accuracies([closed, open_], judge, "rule") == [0.0, None]
    assert accuracies([closed, open_], judge, "judge") == [0.5, 0.5]
    assert seen == [1, 2]


def test_dual_ascent_settles_where_the_budget_is_met() -> None:
    """A policy that is unsafe in max(0, 1 - m / 2) of the cases meets 10 % at m = 1.8."""
    dual = Multiplier(budget=0.1, value=0.0, rate=0.2)
    for _ in range(200):
        dual.update(max(0.0, 1 - dual.value / 2))
    assert dual.value == pytest.approx(1.8, abs=0.01)
    for _ in range(200):
        dual.update(0.0)
    assert dual.value == 0.0
