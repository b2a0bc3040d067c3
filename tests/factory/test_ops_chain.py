"""The whole chain of the shipped pair recipes over tiny models of the real classes: no row may fail by accident."""

from pathlib import Path

import pytest
from tests import tiny

from counterfactory.factory.ops.base import Context
from counterfactory.factory.recipe import resolve
from counterfactory.factory.run.chain import Chain
from counterfactory.factory.run.fit import check_chain
from counterfactory.models import Models
from counterfactory.records import Candidate, Reason, Reject

BUGS = {Reason.OP_FAILED, Reason.CHECK_FAILED}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {"sam": tiny.sam(folder), "clip": tiny.clip(folder), "inpaint": tiny.sd_inpaint(folder)}


def outcomes(made: dict[str, Path], *more: str) -> list[Candidate | Reject]:
    """Run eight scenes through region-diff with tiny models; `more` are overrides."""
    recipe = resolve(
        "region-diff",
        [
            "source.n=8", f"ops.mask.model={made['sam']}", f"ops.mask.clip={made['clip']}",
            f"ops.edit.model={made['inpaint']}", "ops.edit.steps=2", f"ops.diff.model={made['sam']}",
            f"ops.diff.clip={made['clip']}", "ops.diff.max_similarity=1.0", "ops.diff.min_change=0.0",
            "ops.mask.min_fit=0.0", *more,
        ],
    )  # fmt: skip
    recipe = recipe.model_copy(update={"checks": ()})
    assert check_chain(recipe) == []
    context = Context(recipe_seed=recipe.seed, focus=(), models=Models("cpu"), workdir=Path("."))
    opened = recipe.source.open(Path("."), recipe.seed)
    chain = Chain(recipe, context)
    return chain.run([chain.bare(str(index), opened.load(index)) for index in range(len(opened))])


def test_every_candidate_ends_as_a_pair_or_with_a_reason_and_none_by_accident(made) -> None:
    done = outcomes(made)
    assert len(done) == 8
    assert not [one.note for one in done if isinstance(one, Reject) and one.reason in BUGS]
    kept = [one for one in done if isinstance(one, Candidate)]
    assert kept
    for one in kept:
        assert one.image_b is not None and one.boxes and one.caption_a != one.caption_b
        assert one.question and one.answer_a != one.answer_b and one.ops[0] == "propose"


def test_the_chain_gives_the_same_pictures_again(made) -> None:
    once, again = outcomes(made, "source.n=3"), outcomes(made, "source.n=3")
    for one, other in zip(once, again, strict=True):
        assert type(one) is type(other)
        if isinstance(one, Candidate) and isinstance(other, Candidate):
            assert (one.key, one.caption_b, one.boxes) == (other.key, other.caption_b, other.boxes)
            assert one.image_b.tobytes() == other.image_b.tobytes()
