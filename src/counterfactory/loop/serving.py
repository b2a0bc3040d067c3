"""What a build recipe can serve: which slices, by which labels of its `focus`, and how well it fits.

    able = ability("region-diff", resolve("region-diff"))
    able.labels(("task:existence", "category:adversarial", "kind:leaf"))
        -> ("task:existence_adversarial", "kind:leaf")      edits that turn such a question's answer
    able.labels(("task:request",))      -> None: no edit makes a request

    room(resolve("world-math"))     ['source.every=["arithmetic_two", ...]', 'ops.0.limit=3']: for a choice

All is read off the recipe itself: the edit kinds of its `propose`, the questions its source asks,
whether it brings requests. So a recipe of the user's own is planned with like a shipped one.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from counterfactory.factory.ops.annotate import Annotate
from counterfactory.factory.ops.options import OPPOSITE
from counterfactory.factory.ops.options import TASKS as EDITED
from counterfactory.factory.ops.propose import Propose
from counterfactory.factory.recipe import Recipe

REQUEST = ("request", "domain", "twin", "harm")  # conditions that only requests have
UNREAD = "verdict:unparsed"  # most wrong answers of a slice could not be read
WORDS = ("text", "consistency", "verdict")  # conditions about how a question is put
STEERED = ("task", "attribute", "kind", "colour", "relation", "edit")  # what a focus may name
CHOICE = 4  # questions asked for one that is kept
MOST_ASKED = 32
MEASURED = {"recolour": "colour", "resize": "size"}  # edit kind -> the attribute it turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Ability:
    """What one build recipe can make."""

    name: str
    tasks: frozenset[str]  # families and full names: existence, existence_adversarial
    named: frozenset[str]  # families it asks about each picture
    edits: frozenset[str]  # edit kinds; none: it takes questions over as they are
    steered: bool  # whether a focus changes what it makes
    relations: frozenset[str] | None  # None: any
    attributes: frozenset[str] | None

    def labels(self, conditions: Sequence[str]) -> tuple[str, ...] | None:
        """Return the focus labels that stand for a slice, () for "not steered", None for "cannot"."""
        said = [one.split(":", 1) for one in conditions if ":" in one]
        family = family_of(conditions)
        if family is not None and family not in self.tasks:
            return None
        found = [self._label(kind, value, said) for kind, value in said if kind in STEERED]
        if None in found:
            return None
        return tuple(dict.fromkeys(label for label in found if label)) if self.steered else ()

    def _label(self, kind: str, value: str, said: Sequence[Sequence[str]]) -> str | None:
        """Return the label of a condition, "" when it cannot be steered by, None when it cannot be met."""
        if kind == "task":
            categories = [value for kind, value in said if kind == "category"]
            finer = [f"{value}_{one}" for one in categories if f"{value}_{one}" in self.tasks]
            steered = value not in ("request", "difference")
            return f"task:{(finer or [value])[0]}" if steered else ""
        if kind == "edit":
            return f"edit:{value}" if value in self.edits else None
        if kind == "relation" and self.relations is not None:
            return f"relation:{value}" if value in self.relations else None
        if kind == "attribute" and self.attributes is not None:
            if value not in MEASURED.values():
                return ""
            return f"attribute:{value}" if value in self.attributes else None
        return f"{kind}:{value}"

    def rank(self, conditions: Sequence[str]) -> tuple[bool, bool]:
        """Return how far this is from the first choice for a slice: counterfactual pictures for what is
        seen, questions in other words for wording, the recipe that names the task for the rest."""
        words = any(one.split(":", 1)[0] in WORDS for one in conditions)
        return bool(self.edits) == words, family_of(conditions) not in self.named


def family_of(conditions: Sequence[str]) -> str | None:
    """Return the task family that a slice is about: `existence` for "task:existence_popular"."""
    for one in conditions:
        kind, _, value = one.partition(":")
        if kind == "task":
            return value.partition("_")[0]
    kinds = {one.partition(":")[0] for one in conditions}
    if kinds & set(REQUEST):
        return "request"
    return next((found for found in ("relation", "difference") if _implied(found) in kinds), None)


def _implied(family: str) -> str:
    return "edit" if family == "difference" else family


def ability(name: str, recipe: Recipe) -> Ability:
    """Return what a recipe can make."""
    proposing = next((op for op in recipe.ops if isinstance(op, Propose)), None)
    if proposing is not None:
        kinds = frozenset(str(kind) for kind, weight in proposing.kinds.items() if weight > 0)
        tasks = {task for kind in kinds for task in EDITED[kind]}
        if proposing.targets == "regions":
            tasks &= {"attribute"}
        return Ability(
            name=name, tasks=frozenset({*tasks, "difference"}), named=frozenset(tasks), edits=kinds, steered=True,
            relations=frozenset(OPPOSITE) if "relation" in tasks else frozenset(),
            attributes=frozenset(MEASURED[kind] for kind in kinds if kind in MEASURED),
        )  # fmt: skip
    full, named = _asked(recipe)
    families = {task.partition("_")[0] for task in full}
    return Ability(
        name=name, tasks=frozenset({*full, *families}), edits=frozenset(), steered=bool(room(recipe)), relations=None,
        named=frozenset(task.partition("_")[0] for task in named), attributes=None,
    )  # fmt: skip


def room(recipe: Recipe) -> list[str]:
    """Return overrides that ask more questions about a picture than are kept, so that a focus can choose.

    None of them where the source cannot ask more, or brings requests, which would be crowded out.
    """
    source = recipe.source
    place = next((at for at, op in enumerate(recipe.ops) if isinstance(op, Annotate)), None)
    asked, every = int(getattr(source, "questions", 0)), list(getattr(source, "every", ()))
    if place is None or getattr(source, "requests", False) or not (asked or every):
        return []
    kept = getattr(recipe.ops[place], "limit", 0) or asked + len(every)
    if asked:
        wide = min(MOST_ASKED, CHOICE * asked)
        more = f"source.questions={wide}"
        return [more, f"ops.{place}.limit={kept}"] if wide + len(every) > kept else []
    return [f"source.every={json.dumps(every * CHOICE)}", f"ops.{place}.limit={kept}"]


def _asked(recipe: Recipe) -> tuple[set[str], set[str]]:
    """Return (tasks that a source's questions may be of, those asked about each picture)."""
    source = recipe.source
    every = {str(task) for task in getattr(source, "every", ())}
    full = set(every)
    if getattr(source, "questions", 0):
        from counterfactory.factory.world.questions import TASKS

        full |= set(TASKS)
    if getattr(source, "requests", False):
        full.add("request")
        every.add("request")
    kept = next((op.tasks for op in recipe.ops if isinstance(op, Annotate)), ())
    if kept:
        full = {task for task in full if task in kept or task.partition("_")[0] in kept}
        every &= full
    return full, every
