"""Where things lie in a loop's folder.

    runs/loop/  journal.jsonl  recipe.yaml  canary.json  promoted.json  lock  report.html
      round-01/ recipe.yaml (the loop's, as the round last ran)
                eval/mine/ eval/before/ eval/after/  slices.json  plan.json  recipes/<build>.yaml
                release/<build>/  data.json  model/1-cotrain/ ...  gate.json
                unlabelled.json (what reflections alone say)  filter/ (a judge, where wanted)
                generator.json (who edits from here on)

`eval/before` (split gate, the model that the round starts from) is in a round only where no earlier
round has measured that model already.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.factory.recipe_yaml import read as read_yaml
from counterfactory.factory.run.disk import sync, write_whole

RECIPE, PROMOTED, REPORT = "recipe.yaml", "promoted.json", "report.html"
SLICES, PLAN, GATE, CANARY = "slices.json", "plan.json", "gate.json", "canary.json"


@dataclass(frozen=True, slots=True)
class Round:
    """The folder of one round."""

    number: int
    folder: Path

    @property
    def recipe(self) -> Path:
        """The loop's recipe as the round's stages last ran with it."""
        return self.folder / RECIPE

    @property
    def mine(self) -> Path:
        """The evaluation whose failures are mined."""
        return self.folder / "eval" / "mine"

    @property
    def before(self) -> Path:
        """The evaluation that the gate compares with, where this round made it."""
        return self.folder / "eval" / "before"

    @property
    def after(self) -> Path:
        """The evaluation of the trained model."""
        return self.folder / "eval" / "after"

    @property
    def slices(self) -> Path:
        """What was mined."""
        return self.folder / SLICES

    @property
    def unlabelled(self) -> Path:
        """What reflections alone would have mined, and how far that agrees."""
        return self.folder / "unlabelled.json"

    @property
    def plan(self) -> Path:
        """What is to be built, with which focus, and what is put back."""
        return self.folder / PLAN

    @property
    def recipes(self) -> Path:
        """The build recipes of the round, one file each."""
        return self.folder / "recipes"

    def release(self, build: str) -> Path:
        """The release of one build."""
        return self.folder / "release" / build

    @property
    def data(self) -> Path:
        """What the data gates found."""
        return self.folder / "data.json"

    @property
    def models(self) -> Path:
        """The folder of trained models, one a stage."""
        return self.folder / "model"

    @property
    def gate(self) -> Path:
        """The decision."""
        return self.folder / GATE

    @property
    def filter(self) -> Path:
        """The judge behind the round's model, where the recipe wants one."""
        return self.folder / "filter"

    @property
    def answers(self) -> str:
        """What was judged: the round's model, with the filter behind it where there is one.

        Empty where the round made no model.
        """
        model = self.decision().get("model")
        if not model:
            return ""
        return f"filtered:{self.filter}" if self.filter.is_dir() else str(self.folder / model)

    def decision(self) -> dict[str, Any]:
        """Return the decision; empty where there is none yet."""
        return read(self.gate)

    @property
    def promoted(self) -> bool:
        """Say whether the round's model was promoted."""
        return bool(self.decision().get("promoted"))


def round_of(folder: Path, number: int) -> Round:
    """Return a round of the loop in `folder`."""
    return Round(number, folder / f"round-{number:02d}")


def rounds_of(folder: Path) -> list[Round]:
    """Return the rounds that have begun, in order."""
    found = [int(path.name[6:]) for path in folder.glob("round-*") if path.name[6:].isdecimal()]
    return [round_of(folder, number) for number in sorted(found)]


def promoted_in(folder: Path) -> str | None:
    """Return what the loop in `folder` has promoted, with its filter; None where nothing is."""
    pointer = read(folder / PROMOTED)
    return (round_of(folder, pointer["round"]).answers or None) if pointer else None


def recipe_in(folder: Path) -> dict[str, Any]:
    """Return the recipe that a loop's folder holds. Raises `UserError` where it is no loop's."""
    path = folder / RECIPE
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = f"found no {RECIPE}, expected the folder of a `loop run`"
        raise UserError(f"{folder}: {text}") from None
    values = read_yaml(text, str(path)).values
    kind = values.get("kind") if isinstance(values, dict) else None
    if kind != "loop":
        text = f"found {kind!r}, expected 'loop', as in the folder of a `loop run`"
        raise UserError(f"{path}: kind: {text}")
    return dict(values)


def write_changed(path: Path, text: str) -> None:
    """Write a text whole, unless it stands there already; a power cut does not undo it."""
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        write_whole(path, text.encode())
        sync(path.parent)


def read(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; empty where there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write a JSON object whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(path, text.encode())
