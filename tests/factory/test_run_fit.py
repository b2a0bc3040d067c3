"""The check of a chain before anything loads."""

import sys
from pathlib import Path
from typing import Any

import pytest

from counterfactory.factory.run.fit import check_chain

sys.path.append(str(Path(__file__).parents[1] / "crash"))
from engine_toys import Bright, Paint, Propose, toy_recipe


def changed(**parts: Any) -> Any:
    return toy_recipe().model_copy(update=parts)


def test_a_chain_that_fits_has_no_problem() -> None:
    assert check_chain(toy_recipe()) == []


def test_an_op_before_the_one_it_needs_is_named_with_the_remedy() -> None:
    problems = check_chain(changed(ops=(Paint(), Propose())))
    assert problems == [
        "ops[0] (toy_paint): reads 'edit', which nothing before it writes; put 'toy_propose' before it"
    ]


def test_a_check_without_its_field_is_named() -> None:
    (problem,) = check_chain(changed(ops=(Propose(),), checks=(Bright(),), views=("rejects",)))
    assert problem.startswith("checks[0] (toy_bright): reads 'image_b'")


def test_a_source_without_captions_is_named() -> None:
    class Mute(type(toy_recipe().source)):  # type: ignore[misc]
        def provides(self) -> tuple[str, ...]:
            return ("sample.image",)

    (problem,) = check_chain(changed(source=Mute()))
    assert problem == (
        "ops[0] (toy_propose): reads 'sample.caption', which the source 'toys' does not give"
    )


@pytest.mark.parametrize("view", ["pairs", "clip", "sft", "grpo", "dpo", "kto"])
def test_a_view_that_would_be_empty_is_named(view: str) -> None:
    (problem,) = check_chain(changed(ops=(Propose(),), checks=(), views=(view, "rejects")))
    assert problem.startswith(f"views: '{view}' needs ")
