"""Which slices a round aims at, with which build and how many rows: a bandit with a curriculum.

    aims, back = choose(parts_of(mined), History(), abilities, rows=2000)
    aims[0]    Aim(name="existence of leaves, adversarial", build="region-diff", rows=412, share=0.21, ...)
    back[0]    Back(name="two-step arithmetic ...", why="the model has no right answer there yet ...")

A slice's share is its mass of errors times what rows are believed to gain there, and more where the
model contradicts itself when it is cross-examined. That belief starts from a prior and moves with the
relative fall of the error rate per row in past rounds, of the same slice and of slices that share
conditions with it; what was tried little gets a bonus (UCB), or beliefs are drawn (Thompson, seeded).

A floor keeps every slice alive. The curriculum puts back a slice whose rows were all lost, and one that
the model never gets right where rows teach by its own samples only; both are tried again, after one,
two, four rounds.
"""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from counterfactory.fingerprint import seed_for
from counterfactory.loop.history import History
from counterfactory.loop.parts import Part
from counterfactory.loop.serving import Ability
from counterfactory.loop.slices import Slice

PRIOR = 0.5  # belief before anything was tried: half of the errors go with a usual number of rows
SECOND = 0.8  # of it, for a build that is the second choice; its square for the third
WEIGHT = 1.0  # what the prior counts, in observations
ALIKE = 0.5  # least share of common conditions that makes two slices one, for the curriculum


@dataclass(frozen=True, slots=True, kw_only=True)
class Bandit:
    """How shares are given out."""

    kind: Literal["ucb", "thompson", "mass"] = "ucb"
    explore: float = 0.5  # width of the bonus, or of what is drawn
    floor: float = 0.2  # of the rows, shared evenly by all slices
    most: int = 24  # parts of slices a round aims at
    least: int = 12  # rows; a slice that would get fewer is put back
    rest: int = 1  # rounds that a slice rests after its first failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One slice that a round aims at."""

    name: str
    of: str  # the mined slice that it is, or is a part of: gate.json goes by this name
    conditions: tuple[str, ...]
    build: str
    labels: tuple[str, ...]  # of the focus; none: the build serves it without one
    rows: int
    share: float  # of the round's aimed rows
    mass: float
    belief: float  # what a usual number of rows is believed to gain, with its bonus
    tried: float  # observations behind the belief


@dataclass(frozen=True, slots=True, kw_only=True)
class Back:
    """One slice that is put back, and why."""

    name: str
    conditions: tuple[str, ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Arm:
    of: str
    one: Slice
    able: Ability
    labels: tuple[str, ...]
    belief: float
    tried: float

    @property
    def score(self) -> float:
        """What rows promise there. An error that the model takes back itself, asked again, is
        nearer to being put right: it counts up to twice."""
        return self.one.mass * self.belief * (1 + (self.one.contradictions or 0.0))


def choose(
    parts: Sequence[Part],
    history: History,
    abilities: Sequence[Ability],
    *,
    rows: int,
    number: int = 1,
    seed: int = 0,
    bandit: Bandit | None = None,
    sampled: frozenset[str] = frozenset(),
) -> tuple[tuple[Aim, ...], tuple[Back, ...]]:
    """Return what round `number` aims at, most rows first, and what it puts back.

    `sampled` names builds whose rows teach only where the model's own samples are sometimes right.
    """
    bandit = bandit or Bandit()
    arms: list[_Arm] = []
    back: list[Back] = []
    for part in parts:
        one = part.slice
        best = _best(part, history, abilities, number, seed, bandit, sampled)
        if isinstance(best, _Arm):
            arms.append(best)
        else:
            back.append(Back(name=one.name, conditions=one.conditions, why=best))
    arms.sort(key=lambda arm: -arm.score)
    shares = _shares(arms[: bandit.most], rows, bandit)
    for arm in arms[len(shares) :]:
        why = f"{rows} rows do for {len(shares)} slices, and others promise more"
        back.append(Back(name=arm.one.name, conditions=arm.one.conditions, why=why))
    aims = [
        Aim(
            name=arm.one.name, of=arm.of, conditions=arm.one.conditions, build=arm.able.name, labels=arm.labels,
            rows=count, share=round(count / rows, 6), mass=round(arm.one.mass, 6),
            belief=round(arm.belief, 6), tried=round(arm.tried, 4),
        )
        for arm, count in zip(arms, whole(shares, rows), strict=False)
    ]  # fmt: skip
    return tuple(sorted(aims, key=lambda aim: -aim.rows)), tuple(back)


def belief(history: History, one: Slice, build: str) -> tuple[float, float]:
    """Return (mean gain of a usual number of rows, observations) of slices like this one and a build."""
    usual = _usual_rows(history)
    total = count = 0.0
    for seen in history.seen:
        gain = seen.gain
        if seen.build != build or gain is None or not seen.rows:
            continue
        like = likeness(one.conditions, seen.conditions)
        total += like * max(-1.0, min(1.0, gain * usual / seen.rows))
        count += like
    return (total / count if count else 0.0), count


def likeness(a: Sequence[str], b: Sequence[str]) -> float:
    """Return the share of conditions that two slices have in common (Jaccard)."""
    mine, other = set(a), set(b)
    return len(mine & other) / max(1, len(mine | other))


def whole(shares: Sequence[float], total: int) -> list[int]:
    """Return `total` in whole parts by shares that sum to one; the largest remainders get the rest."""
    exact = [share * total for share in shares]
    found = [int(value) for value in exact]
    order = sorted(range(len(exact)), key=lambda at: (found[at] - exact[at], at))
    for at in order[: max(0, total - sum(found)) if found else 0]:
        found[at] += 1
    return found


def _best(
    part: Part,
    history: History,
    abilities: Sequence[Ability],
    number: int,
    seed: int,
    bandit: Bandit,
    sampled: frozenset[str],
) -> "_Arm | str":
    """Return the build that promises most for a slice, or why there is none."""
    one = part.slice
    able = [(it, labels) for it in abilities if (labels := it.labels(one.conditions)) is not None]
    if not able:
        return "no build of the recipe makes such rows"
    able.sort(key=lambda pair: pair[0].rank(one.conditions))
    arms, reasons = [], []
    for place, (it, labels) in enumerate(able):
        if it.name in sampled and one.errors >= one.items:
            reasons.append(
                f"the model has no right answer there yet, and {it.name} teaches by its own samples: "
                "tried again when it has one"
            )
            continue
        if until := _rests(one, history, it.name, bandit.rest, number):
            reasons.append(f"{it.name} kept none of its rows; tried again in round {until}")
            continue
        value, tried = _value(one, history, it.name, place, number, seed, bandit)
        arms.append(_Arm(of=part.of, one=one, able=it, labels=labels, belief=value, tried=tried))
    return max(arms, key=lambda arm: arm.belief) if arms else "; ".join(reasons)


def _value(
    one: Slice, history: History, build: str, place: int, number: int, seed: int, bandit: Bandit
) -> tuple[float, float]:
    """Return the belief in an arm with its bonus, never below 0, and how often it was tried."""
    mean, tried = belief(history, one, build)
    prior = PRIOR * SECOND**place
    if bandit.kind == "mass":
        return prior, tried
    mean = (WEIGHT * prior + tried * mean) / (WEIGHT + tried)
    if bandit.kind == "thompson":
        drawn = random.Random(seed_for(seed, "bandit", str(number), build, *one.conditions))
        return max(0.0, drawn.gauss(mean, bandit.explore / math.sqrt(WEIGHT + tried))), tried
    bonus = bandit.explore * math.sqrt(math.log(number) / (WEIGHT + tried))
    return max(0.0, mean + bonus), tried


def _rests(one: Slice, history: History, build: str, rest: int, number: int) -> int:
    """Return the round in which a slice may be tried again; 0: now."""
    mine = [
        seen
        for seen in history.seen
        if seen.build == build and seen.wanted and likeness(one.conditions, seen.conditions) > ALIKE
    ]
    made = max((seen.round for seen in mine if seen.rows), default=0)
    failed = {seen.round for seen in mine if seen.round > made}
    until = max(failed) + 1 + rest * 2 ** (len(failed) - 1) if failed else 0
    return until if until > number else 0


def _shares(arms: Sequence[_Arm], rows: int, bandit: Bandit) -> list[float]:
    """Return the shares of the first arms: as many as get enough rows each."""
    for count in range(len(arms), 0, -1):
        scores = [arm.score for arm in arms[:count]]
        total = sum(scores)
        even = 1 / count
        shares = [
            bandit.floor * even + (1 - bandit.floor) * (score / total if total else even)
            for score in scores
        ]
        if min(shares) * rows >= bandit.least or count == 1:
            return shares
    return []


def _usual_rows(history: History) -> float:
    rows = [seen.rows for seen in history.seen if seen.rows]
    return sum(rows) / len(rows) if rows else 1.0


def weights(aims: Sequence[Aim]) -> Mapping[str, float]:
    """Return rows by focus slice ("task:existence & kind:leaf"), for the aims that need steering."""
    found: dict[str, float] = {}
    for aim in aims:
        if aim.labels:
            name = " & ".join(aim.labels)
            found[name] = found.get(name, 0.0) + aim.rows
    return found
