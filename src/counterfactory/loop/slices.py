"""A slice: a describable part of the items that is wrong more often than the rest explains.

    mined = read_slices(Path("run/round-01"))
    mined.slices[0].name                    ->  "existence of leaves, adversarial"
    mined.slices[0].conditions              ->  ("kind:leaf", "category:adversarial")
    mined.members(read_columns(gate))       ->  one row of booleans a slice: its items elsewhere

Conditions hold for any evaluation of the suite (labels.py says what they mean), so a slice that was
mined from one split is measured on fresh items of another.
"""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns
from counterfactory.loop.labels import Habit, Label, labels_of
from counterfactory.loop.layout import SLICES, write_json


@dataclass(frozen=True, slots=True)
class Slice:
    """One part of the items, with what it costs."""

    name: str  # for people
    conditions: tuple[str, ...]  # all of them hold
    items: int
    errors: int
    mass: float  # its share of all errors
    excess: float  # errors above what the slices found before it predict
    low: float  # the lower end of the excess, 95 %, clusters respected
    p: float
    q: float  # p times all conjunctions tried, over the slice's place in the order of being found
    focus: tuple[tuple[str, float], ...]  # (label, its share of the slice's errors)
    contradictions: float | None = (
        None  # share of its claims that the model takes back; None: not asked
    )

    @property
    def rate(self) -> float:
        """Return the share of wrong items."""
        return self.errors / self.items if self.items else 0.0


@dataclass(frozen=True, slots=True)
class Mined:
    """The slices of an evaluation, the largest excess first, and what they were found in."""

    folder: str
    split: str
    weights_hash: str
    items: int
    errors: int
    source: str  # answers, or reflections when no label was read
    slices: tuple[Slice, ...]
    habits: tuple[Habit, ...] = ()  # answers that the model leans to; they define habit: conditions
    tested: int = 0  # conjunctions that were tried
    explained: float = 0.0  # share of the errors that lie in at least one slice

    def members(self, columns: Columns) -> NDArray[np.bool_]:
        """Return, for each slice, which rows are in it: (slices, rows)."""
        labels = labels_of(columns, self.habits, wanted=self._conditions())
        return np.array([holds(one, labels) for one in self.slices], dtype=np.bool_).reshape(
            len(self.slices), len(labels)
        )

    def _conditions(self) -> frozenset[Label]:
        return frozenset(name for one in self.slices for name in one.conditions)

    def as_dict(self) -> dict[str, Any]:
        """Return what slices.json holds."""
        facts = {field.name: getattr(self, field.name) for field in fields(self)}
        facts["eval"] = facts.pop("folder")
        facts["habits"] = [asdict(habit) for habit in self.habits]
        facts["slices"] = [asdict(one) for one in self.slices]
        return facts


def holds(one: Slice, labels: list[frozenset[Label]]) -> list[bool]:
    """Say of each row whether all conditions hold."""
    conditions = frozenset(one.conditions)
    return [conditions <= row for row in labels]


def write_slices(mined: Mined, folder: Path) -> Path:
    """Write slices.json at once or not at all, and return its path."""
    path = folder / SLICES
    write_json(path, mined.as_dict())
    return path


def read_slices(folder: Path) -> Mined:
    """Return what `write_slices` wrote. Raises `UserError` for a missing or foreign file."""
    path = folder / SLICES
    if not path.is_file():
        raise UserError(f"{folder}: no {SLICES}; the round has not mined yet")
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        slices = tuple(Slice(**_tuples(one)) for one in facts.pop("slices"))
        habits = tuple(Habit(**_tuples(one)) for one in facts.pop("habits"))
        return Mined(folder=facts.pop("eval"), slices=slices, habits=habits, **facts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path}: expected what mining writes (eval, split, slices ...), found {error}"
        ) from None


def _tuples(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the facts with JSON's lists as tuples, all the way down."""

    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    return {name: frozen(value) for name, value in facts.items()}
