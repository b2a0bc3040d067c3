"""Which generator edits in a round: the recipe's, or one that an earlier round co-trained.

    handed_on(work.earlier)        Handed("pocket", "round-01/model/1-cotrain/generator")
    edited_with(recipe, handed)    ['ops.2.model="round-01/model/1-cotrain/generator"']
    rivals(work)                   the generator that a round edited with, and the one that it co-trained

A co-training leaves its pipeline in `generator/`. Only a promoted round hands it on, and only where
its edits passed as often (painting.py): the next round's builds edit with it, and its co-training
starts from it. It goes by its place in the loop's folder, so that a release names no folder of this
machine and two loops of one recipe make the same rows.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from counterfactory.factory.ops.edit import EditOp
from counterfactory.factory.ops.propose import DEFAULT_METHODS, Propose
from counterfactory.factory.recipe import Recipe, resolve
from counterfactory.loop.layout import Round, read
from counterfactory.loop.recipe import Build
from counterfactory.loop.rounds import Work

GENERATOR = "generator.json"  # in a round's folder: what painting.py found
MADE = "generator"  # the pipeline's folder in the model that a co-training wrote


@dataclass(frozen=True, slots=True)
class Handed:
    """A generator that earlier rounds handed on."""

    stands_for: str  # the model that recipes name
    model: str  # its place in the loop's folder


@dataclass(frozen=True, slots=True)
class Rivals:
    """Two generators of one build."""

    build: Build
    stands_for: str  # the model that its recipe names
    old: str
    new: str

    def recipe(self, model: str, changes: Sequence[str]) -> Recipe:
        """Return the build as one of them would make it."""
        given = self.build.overrides()
        models = _models(resolve(self.build.recipe, given), self.stands_for, model)
        return resolve(self.build.recipe, [*given, *changes, *models])


def handed_on(rounds: Sequence[Round]) -> Handed | None:
    """Return the generator that the last of these rounds left, None where it is still the recipe's."""
    for one in reversed(rounds):
        facts = read(one.folder / GENERATOR) if one.promoted else {}
        if facts.get("chosen") == "new":
            return Handed(str(facts["stands_for"]), str(facts["new"]))
    return None


def edited_with(recipe: Recipe, handed: Handed | None) -> list[str]:
    """Return the overrides by which a build edits with the generator that was handed on."""
    return _models(recipe, handed.stands_for, handed.model) if handed else []


def _models(recipe: Recipe, stands_for: str, model: str) -> list[str]:
    return [
        f"ops.{at}.model={json.dumps(model)}"
        for at, op in enumerate(recipe.ops)
        if isinstance(op, EditOp) and op.model == stands_for
    ]


def rivals(work: Work) -> Rivals | None:
    """Return what is to be compared: None where nothing was co-trained, or no build paints."""
    folders = [out / MADE for _, out in work.trainings()]
    made = [folder for folder in folders if (folder / "model_index.json").is_file()]
    for build in work.recipe.builds if made else ():
        recipe = resolve(build.recipe, build.overrides())
        painter = next((op for op in recipe.ops if isinstance(op, EditOp)), None)
        if painter is None or not _paints(recipe):
            continue
        handed = handed_on(work.earlier)
        follows = handed is not None and handed.stands_for == painter.model
        old = handed.model if handed is not None and follows else painter.model
        new = made[-1].relative_to(work.folder).as_posix()
        return Rivals(build, painter.model, old, new)
    return None


def _paints(recipe: Recipe) -> bool:
    """Say whether any edit of a recipe is made by its generator."""
    op = next((op for op in recipe.ops if isinstance(op, Propose)), None)
    return op is not None and any(
        (op.methods.get(kind) or DEFAULT_METHODS[kind]).get("diffusion", 0) > 0
        for kind, weight in op.kinds.items()
        if weight > 0
    )
