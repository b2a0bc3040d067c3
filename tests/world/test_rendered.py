"""The rendered counterfactual: always right, only by its name as an oracle."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from counterfactory.errors import UserError
from counterfactory.factory.ops import OPS, Context
from counterfactory.factory.recipe import resolve
from counterfactory.factory.sources import ORACLE_OPS
from counterfactory.factory.world.oracle import edit_problems, scene_of, true_regions, truth_of
from counterfactory.factory.world.rendered import Render
from counterfactory.models import Models
from counterfactory.records import Box, Candidate, Mask, Object

KINDS = {"replace": 4, "recolour": 3, "remove": 3, "add": 3, "move": 3}


def proposed(tmp_path: Path, n: int = 40) -> list[Candidate]:
    """Return edits of world scenes, each with a mask of the boxes that it touches."""
    recipe = resolve("region-diff", [f"source.n={n}"])
    source = recipe.source.open(tmp_path, 0)
    context = Context(recipe_seed=0, focus=(), models=Models(), workdir=tmp_path)
    bare = [Candidate(key=str(at), seed=at, sample=source.load(at)) for at in range(n)]
    made = OPS["propose"](kinds=KINDS).setup(context)(bare)
    found = [one for (one,) in made if isinstance(one, Candidate)]
    return [one.with_(mask=mask_of(one)) for one in found]


def mask_of(one: Candidate) -> Mask:
    assert one.edit is not None
    things = (one.edit.target, one.edit.replacement)
    boxes = [it.box for it in things if isinstance(it, Object) and it.box is not None]
    return boxed(boxes, len(one.sample.image))


def boxed(boxes: Sequence[Box], side: int) -> Mask:
    mask = np.zeros((side, side), bool)
    for box in boxes:
        x0, y0, x1, y1 = (round(at * side) for at in box)
        mask[max(y0 - 3, 0) : y1 + 3, max(x0 - 3, 0) : x1 + 3] = True
    return mask


def test_every_edit_is_drawn_right(tmp_path: Path) -> None:
    candidates = proposed(tmp_path)
    context = Context(recipe_seed=0, focus=(), models=Models(), workdir=tmp_path)
    drawn = Render(oracle=True).setup(context)(candidates)
    pairs = [one for one in drawn if isinstance(one, Candidate)]
    assert len(pairs) > 30
    assert {one.edit.kind for one in pairs if one.edit} == set(KINDS)
    for one in pairs:
        assert one.edit is not None and one.mask is not None and one.image_b is not None
        told = {
            "kind": one.edit.kind,
            "target": one.edit.target.phrase if one.edit.target else "",
            "replacement": one.edit.replacement.phrase if one.edit.replacement else "",
        }
        truth = truth_of(scene_of(one.sample.source_id), told, one.mask)
        assert truth is not None
        touched = one.mask | boxed(true_regions(truth), len(one.mask))
        assert edit_problems(truth, one.sample.image, one.image_b, touched) == []


def test_a_picture_that_is_no_scene_costs_its_row(tmp_path: Path) -> None:
    from dataclasses import replace

    (one, *_) = proposed(tmp_path, 2)
    other = replace(one, sample=replace(one.sample, source_id="folder:cat.jpg"))
    context = Context(recipe_seed=0, focus=(), models=Models(), workdir=tmp_path)
    (found,) = Render(oracle=True).setup(context)([other])
    assert not isinstance(found, Candidate) and found.stage == "render"


def test_the_recipe_has_to_say_that_it_is_an_oracle() -> None:
    plain = "[{op: propose}, {op: mask}, {op: render}, {op: caption}]"
    with pytest.raises(UserError, match="ops.2.oracle: found nothing, expected"):
        resolve("region-diff", [f"ops={plain}"])
    recipe = resolve("region-diff", [f"ops={plain.replace('render', 'render, oracle: true')}"])
    assert [getattr(op, "oracle", False) for op in recipe.ops] == [False, False, True, False]
    assert not ORACLE_OPS.keys() & OPS.keys(), "ops of the factory never see the truth"
