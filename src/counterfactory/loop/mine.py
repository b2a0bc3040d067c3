"""Answers -> the slices that a model gets wrong more often than the rest predicts.

    mined = mine(Path("run/round-01/eval"))
    [(one.name, one.errors, one.items) for one in mined.slices]
    ->  [("harmful requests", 1080, 1080), ("arithmetic two, shifted scenes", 130, 150), ...]

Only the `mine` split may be read: gains are measured on other items. `mine_unlabelled` reads no right
answer; there the model's doubts about its own words (eval/reflect) are its errors.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns, Floats, codes, read_columns, size, take
from counterfactory.eval.counting import truth
from counterfactory.eval.reflect.report import NAME as REFLECTIONS
from counterfactory.eval.reflect.report import read_reflections
from counterfactory.loop.labels import (
    DERIVED,
    GIVEN,
    Habit,
    Label,
    crossed_habit_labels,
    habits_of,
    labels_of,
    plain_labels,
)
from counterfactory.loop.naming import HEADS, name_of
from counterfactory.loop.slices import Mined, Slice
from counterfactory.loop.subgroups import Found, search
from counterfactory.loop.text_patterns import PREFIX, among, common

SPLIT = "mine"
MOST_TEXTS = 150
MOST_FOCUS = 6  # labels of a sort
WORDING = 0.25  # what an error explained by a wording is worth: a cause in the content is acted on more easily


def mine(
    folder: Path, *, most: int = 16, depth: int = 3, q: float = 0.05, least: int = 20,
    seed: int = 0, split: str = SPLIT,
) -> Mined:  # fmt: skip
    """Return the slices of an evaluation folder, the largest excess first.

    Where the model was cross-examined, each slice is told how often it contradicts itself there.
    """
    columns = _judged(_of_split(folder, split), folder)
    mined = _mined(
        folder, columns, 1 - truth(columns), "answers", habits_of(columns),
        crossed_habit_labels(columns, seed=seed), most=most, depth=depth, q=q, least=least,
    )  # fmt: skip
    return (
        tagged(mined, columns, read_reflections(folder))
        if (folder / REFLECTIONS).is_file()
        else mined
    )


def tagged(mined: Mined, columns: Columns, rows: Iterable[Mapping[str, Any]]) -> Mined:
    """Note for each slice the share of claims about its items that the model takes back."""
    said: Counter[tuple[str, str]] = Counter()
    back: Counter[tuple[str, str]] = Counter()
    for row in rows:
        key = (row["task"], row["item_id"])
        said[key] += 1
        back[key] += row["contradiction"]
    keys = list(zip(columns["task"], columns["item_id"], strict=True))
    claims = np.array([said[key] for key in keys], dtype=np.float64)
    taken = np.array([back[key] for key in keys], dtype=np.float64)
    found = []
    for one, members in zip(mined.slices, mined.members(columns), strict=True):
        total = float(claims[members].sum())
        share = round(float(taken[members].sum()) / total, 4) if total else None
        found.append(replace(one, contradictions=share))
    return replace(mined, slices=tuple(found))


def mine_unlabelled(
    folder: Path, *, most: int = 16, depth: int = 3, q: float = 0.05, least: int = 20,
    split: str = SPLIT,
) -> Mined:  # fmt: skip
    """The same without a right answer: an item is wrong as far as the model doubts its own words."""
    columns = _of_split(folder, split)
    doubts = doubts_of(read_reflections(folder))
    keys = list(zip(columns["task"], columns["item_id"], strict=True))
    columns = take(columns, np.array([key in doubts for key in keys], dtype=np.bool_))
    if not size(columns):
        path = folder / REFLECTIONS
        raise UserError(f"{path}: found no claim about an item of answers.parquet, expected some")
    errors = np.array([doubts[key] for key in keys if key in doubts])
    return _mined(
        folder, columns, errors, "reflections", (), None, most=most, depth=depth, q=q, least=least
    )


def doubts_of(rows: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], float]:
    """Return how much a model doubts what it said of each item, in 0..1, by (task, item id).

    Some kinds of claim are doubted whatever they are about (counts, say). What counts is the doubt
    above that of the kind; the mean over all claims stays what it is.
    """
    rows = list(rows)
    doubt = np.array([1 - row["p_claimed"] for row in rows], dtype=np.float64)
    kinds, _ = codes([row["claim_kind"] for row in rows])
    usual = np.bincount(kinds, weights=doubt) / np.bincount(kinds) if rows else doubt
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row, own, kind in zip(rows, doubt, kinds, strict=True):
        found[row["task"], row["item_id"]].append(own - usual[kind])
    level = float(doubt.mean()) if rows else 0.0
    return {key: float(np.clip(level + np.mean(own), 0, 1)) for key, own in found.items()}


def _of_split(folder: Path, split: str) -> Columns:
    """Read the answers. Raises `UserError` for a folder of another split."""
    columns = read_columns(folder)
    if others := sorted(set(columns["split"]) - {split}):
        raise UserError(
            f"{folder / 'answers.parquet'}: split: found {others[0]!r}, expected {split!r}; "
            "slices are mined from items that no gain is measured on"
        )
    return columns


def _judged(columns: Columns, folder: Path) -> Columns:
    known = ~np.isnan(truth(columns))
    if not known.any():
        raise UserError(
            f"{folder / 'answers.parquet'}: verdict: found no judged answer, expected some"
        )
    return take(columns, known)


def _mined(
    folder: Path, columns: Columns, errors: Floats, source: str, habits: tuple[Habit, ...],
    leaning: Sequence[tuple[Label, ...]] | None, *, most: int, depth: int, q: float, least: int,
) -> Mined:  # fmt: skip
    if min(most, depth, least) < 1 or depth > 3:
        raise UserError(
            f"mine: found most={most}, depth={depth}, least={least}, expected 1 or more, depth up to 3"
        )
    names, flags = conditions_of(columns, least, leaning)
    clusters, _ = codes(columns["cluster_id"])
    worth = np.array([WORDING if name.startswith(PREFIX) else 1.0 for name in names])
    found, tested = search(
        flags, errors, clusters, most=most, depth=depth, q=q, least=least, worth=worth
    )
    explained = np.zeros(len(errors), dtype=np.bool_)
    for one in found:
        explained |= one.rows
    total = float(errors.sum())
    slices = [_slice(one, names, columns, errors, total) for one in found]
    return Mined(
        folder=str(folder), split=str(columns["split"][0]), weights_hash=str(columns["weights_hash"][0]),
        items=len(errors), errors=round(total), source=source, habits=habits,
        slices=tuple(sorted(slices, key=lambda one: (-one.excess, one.name))),
        tested=tested,
        explained=round(float(errors[explained].sum()) / total, 4) if total else 0.0,
    )  # fmt: skip


def conditions_of(
    columns: Columns, least: int, leaning: Sequence[tuple[Label, ...]] | None
) -> tuple[list[Label], NDArray[np.bool_]]:
    """Return the conditions worth trying and which rows they hold for, (rows, conditions).

    `leaning` are the habit labels; without them nothing that needs a right answer is tried. Two
    conditions that hold for the same rows count as one, the name that comes first stays.
    """
    prompts = columns["prompt"].tolist()
    texts = among(common(prompts, least, MOST_TEXTS), prompts)
    rows = [
        [name for name in plain if leaning is not None or not name.startswith(GIVEN)]
        + sorted(leaning[at] if leaning is not None else ())
        + sorted(texts[at])
        for at, plain in enumerate(plain_labels(columns))
    ]
    counts = Counter(name for row in rows for name in row)
    names = sorted((n for n, c in counts.items() if least <= c < len(rows)), key=_preference)
    place = {name: at for at, name in enumerate(names)}
    flags = np.zeros((len(rows), len(names)), dtype=np.bool_)
    for at, row in enumerate(rows):
        flags[at, [place[name] for name in row if name in place]] = True
    seen: dict[bytes, int] = {}
    for at in range(len(names)):
        seen.setdefault(np.packbits(flags[:, at]).tobytes(), at)
    kept = sorted(seen.values())
    return [names[at] for at in kept], flags[:, kept]


def _preference(name: Label) -> tuple[int, int, str]:
    """Labels of the item itself first, those that name a slice best, then what was derived."""
    derived = next((at for at, one in enumerate(DERIVED, 1) if name.startswith(one)), 0)
    key = name.partition(":")[0]
    return (derived, HEADS.index(key) if key in HEADS else len(HEADS), name)


def _slice(
    one: Found, names: Sequence[Label], columns: Columns, errors: Floats, total: float
) -> Slice:
    conditions = tuple(names[at] for at in one.conditions)
    return Slice(
        name=name_of(conditions), conditions=conditions, items=one.items, errors=round(one.errors),
        mass=round(one.errors / total, 4), excess=round(one.excess, 1), low=round(one.low, 1),
        p=one.p, q=one.q, focus=focus_of(conditions, take(columns, one.rows), errors[one.rows]),
    )  # fmt: skip


def focus_of(
    conditions: Sequence[Label], columns: Columns, errors: Floats
) -> tuple[tuple[Label, float], ...]:
    """Return labels of the items that hold the errors: the conditions first, then by share.

    A label is left out where it holds fewer errors than its share of the items would.
    """
    rows = labels_of(columns)
    wrong: Counter[Label] = Counter()
    count: Counter[Label] = Counter()
    for row, error in zip(rows, errors, strict=True):
        own = [name for name in row if not name.startswith(DERIVED)]
        count.update(own)
        for name in own:
            wrong[name] += error
    total = float(errors.sum())
    first = [(name, 1.0) for name in conditions if not name.startswith(DERIVED)]
    others = [
        (name, round(float(wrong[name]) / total, 4))
        for name in sorted(wrong, key=lambda name: (-wrong[name], name))
        if name not in conditions and wrong[name] / total >= 0.999 * count[name] / len(rows)
    ]
    return (*first, *_few(others))


def _few(labels: Sequence[tuple[Label, float]]) -> list[tuple[Label, float]]:
    """Keep the first of each sort (kind, colour ...), in order."""
    seen: Counter[str] = Counter()
    found = []
    for name, share in labels:
        sort = name.partition(":")[0]
        seen[sort] += 1
        if seen[sort] <= MOST_FOCUS:
            found.append((name, share))
    return found
