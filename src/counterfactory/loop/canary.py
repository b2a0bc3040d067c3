"""The canary: items that nobody trains for, marked by rules, that must not fall in any round.

    canary = keep_canary(folder / "canary.json", canary_of(pair, covered, settings))
    alarms(pair, canary, settings)
    ->  ({"name": "canary", "rang": False, "delta": 0.004, ...}, {"name": "co-degradation", ...})

A model that is trained on its own judgement can agree with itself more and more while it gets worse:
agreement cannot tell the two apart. So a fixed set of `gate` items is watched, chosen at the first
gate, outside the slices of that round as far as there are such items (no requests: those have guards
of their own). Two things ring: a fall by more than luck and more than the margin; and a fall that would
otherwise pass as luck while agreement with itself rises. A judge from outside, where one is given, marks
the same answers again.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.errors import UserError
from counterfactory.eval.answers import read_answers
from counterfactory.eval.columns import Columns
from counterfactory.eval.compare import Paired
from counterfactory.eval.paired import Effect
from counterfactory.eval.stats import mcnemar
from counterfactory.judges.base import Judge, Question
from counterfactory.loop.agreement import agreements
from counterfactory.loop.gate_effects import Rows, effect_on
from counterfactory.loop.gate_settings import Promotion
from counterfactory.loop.layout import write_json

Name = tuple[str, str]  # task, item
JUDGED = 0.5  # of the canary, at least: a judge that marks less in both runs has said nothing
UNARMED = (
    "not armed: these evaluations hold nothing in which the model could agree with itself, "
    "neither its own claims (`reflect: true`) nor groups of questions that ask the same"
)
JUDGELESS: dict[str, Any] = {
    "name": "judge", "rang": False, "armed": False,
    "why": "not armed: no judge from outside is set, so the canary set was marked by rules only",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Canary:
    """The items that are watched, the same ones in every round."""

    suite: str
    split: str
    seed: int
    outside: int  # of them in no slice when they were chosen; the rest are in as few as there are
    items: tuple[Name, ...]


def canary_of(pair: Paired, covered: Rows, settings: Promotion) -> Canary:
    """Choose the canary: by a digest of seed and name, so that it does not follow the file's order."""
    rows = pair.rows_a
    by_rules = np.asarray((rows["judge"] == "") & (rows["verifier"] != "refusal"))
    names = _names(rows)
    ranked = sorted(
        np.flatnonzero(by_rules).tolist(),
        key=lambda at: (bool(covered[at]), _rank(settings.seed, names[at])),
    )
    chosen = ranked[: settings.canary]
    return Canary(
        suite=pair.a.summary["suite"], split=pair.a.summary["split"], seed=settings.seed,
        outside=int((~covered[chosen]).sum()) if chosen else 0,
        items=tuple(sorted(names[at] for at in chosen)),
    )  # fmt: skip


def keep_canary(path: Path | None, fresh: Canary) -> Canary:
    """Return the canary of a file; write the fresh one where there is none yet."""
    if path is None:
        return fresh
    if not path.is_file():
        write_json(path, asdict(fresh))
        return fresh
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        items = tuple((str(task), str(item)) for task, item in facts.pop("items"))
        kept = Canary(items=items, **facts)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(f"{path}: expected a canary set of this loop, found {error}") from None
    if (kept.suite, kept.split) != (fresh.suite, fresh.split):
        raise UserError(
            f"{path}: suite, split: found {kept.suite!r}, {kept.split!r}, "
            f"expected {fresh.suite!r}, {fresh.split!r}"
        )
    return kept


def alarms(
    pair: Paired,
    canary: Canary,
    settings: Promotion,
    judge: Judge | None = None,
    whole: Paired | None = None,
) -> tuple[dict[str, Any], ...]:
    """Return every alarm with its numbers, whether it rang or not.

    `whole` pairs the loop's first model with this one: small falls must not add up.
    """
    watched = _watched(pair, canary)
    fall = effect_on(pair, "accuracy", settings, watched)
    if fall is None:
        why = "no item of the canary set was answered in these evaluations"
        return ({"name": "canary", "rang": True, "why": why},)
    found = [
        _canary(fall, canary, settings),
        _codegradation(fall, agreements(pair, settings), settings),
    ]
    if whole and (long := effect_on(whole, "accuracy", settings, _watched(whole, canary))):
        found.append(_canary(long, canary, settings) | {"name": "canary, since the start"})
    found.append(JUDGELESS if judge is None else _judged(pair, watched, judge, settings))
    return tuple(found)


def _watched(pair: Paired, canary: Canary) -> Rows:
    wanted = frozenset(canary.items)
    return np.array([name in wanted for name in _names(pair.rows_a)], dtype=np.bool_)


def _canary(fall: Effect, canary: Canary, settings: Promotion) -> dict[str, Any]:
    rang = fall.delta <= -settings.margin and fall.p <= settings.level
    count = len(canary.items)
    what = f"the canary set ({canary.outside} of {count} items in no slice when it was chosen) lost"
    return {
        "name": "canary", "rang": rang, **fall.as_dict(), "outside": canary.outside,
        "why": _points(what, fall) if rang else "",
    }  # fmt: skip


def _codegradation(fall: Effect, agreed: dict[str, Effect], settings: Promotion) -> dict[str, Any]:
    rose = {
        name: effect
        for name, effect in agreed.items()
        if effect.delta > 0 and effect.p <= settings.level
    }
    rang = bool(rose) and fall.delta < 0 and fall.p <= settings.uneasy
    why = "" if agreed else UNARMED
    if rang:
        gains = ", ".join(f"{name} by {100 * one.delta:.1f}" for name, one in rose.items())
        why = f"agreement rose ({gains} points) while {_points('the canary set lost', fall)}"
    return {
        "name": "co-degradation", "rang": rang, "armed": bool(agreed), "why": why,
        "delta": fall.delta, "p": fall.p,
        "agreement": {name: effect.as_dict() for name, effect in agreed.items()},
    }  # fmt: skip


def _judged(pair: Paired, watched: Rows, judge: Judge, settings: Promotion) -> dict[str, Any]:
    """Mark both runs' answers to the canary again; what is unjudged in one counts in neither."""
    wanted = {name for name, one in zip(_names(pair.rows_a), watched, strict=True) if one}
    right = [_marks(run.folder, wanted, judge) for run in (pair.a, pair.b)]
    both = sorted(right[0].keys() & right[1].keys())
    lost = sum(right[0][name] and not right[1][name] for name in both)
    won = sum(right[1][name] and not right[0][name] for name in both)
    p, _ = mcnemar(lost, won)
    delta = (won - lost) / len(both) if both else 0.0
    armed = len(both) >= JUDGED * len(wanted)
    rang = armed and delta < 0 and p <= settings.level
    why = "" if armed else f"not armed: {judge.id} judged {len(both)} of {len(wanted)} answers"
    if rang:
        why = f"{judge.id} finds {lost} answers wrong that were right, {won} right that were wrong"
    return {
        "name": "judge", "rang": rang, "armed": armed, "why": why, "judge": judge.id,
        "n": len(both), "delta": delta, "p": p, "lost": lost, "won": won,
    }  # fmt: skip


def _marks(folder: Path, wanted: set[Name], judge: Judge) -> dict[Name, bool]:
    table = read_answers(folder, ("task", "item_id", "prompt", "raw", "gold", "verifier"))
    rows = [
        row
        for row in table.to_pylist()
        if (row["task"], row["item_id"]) in wanted and row["verifier"] != "refusal"
    ]
    asked = [
        Question(
            kind="correct", prompt=row["prompt"] or "", answer=row["raw"] or "",
            reference=row["gold"] or "",
        )
        for row in rows
    ]  # fmt: skip
    return {
        (row["task"], row["item_id"]): said.verdict == "yes"
        for row, said in zip(rows, judge.verdicts(asked), strict=True)
        if said.verdict in ("yes", "no")
    }


def _names(rows: Columns) -> list[Name]:
    return [(str(t), str(i)) for t, i in zip(rows["task"], rows["item_id"], strict=True)]


def _rank(seed: int, name: Name) -> str:
    return hashlib.sha256("\0".join((str(seed), *name)).encode()).hexdigest()


def _points(what: str, effect: Effect) -> str:
    return f"{what} {-100 * effect.delta:.1f} points (p = {effect.p:.2g}, {effect.units} items)"
