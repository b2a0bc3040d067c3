"""Gates on answers: not always the same one, not to be had from the words alone, never unsafe.

    leakage(release, DataGates())
    ->  [DataFinding(gate="text-only leakage, yes_no", value=0.03, limit=0.15, n=812, ...)]

Kinds of answer are looked at apart: that a question wants a number and not a colour is no leak.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from counterfactory.eval.stats import wilson
from counterfactory.factory.release.readers import accuracy, words
from counterfactory.factory.release.views import base_id
from counterfactory.loop.data_findings import DataFinding, percent
from counterfactory.loop.data_rows import SHOWN
from counterfactory.loop.gate_settings import DataGates
from counterfactory.loop.told import OPEN, Release, Told
from counterfactory.parse import parse

MAX_READ = 1500  # questions of a kind that the reader of words gets
MAX_CLASSES = 12  # answers that it tells apart
OTHER = "(other)"


def top_answers(release: Release, settings: DataGates) -> list[DataFinding]:
    """Is one answer always right? In each view, for each kind of answer."""
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in release.told:
        if one.verifier != OPEN:
            counts[one.verifier, one.view][label(one)] += 1
    found = []
    for kind, limit in settings.max_top.items():
        every = {view: n for (k, view), n in counts.items() if k == kind}
        views = {view: n for view, n in every.items() if n.total() >= settings.least}
        if views:
            found.append(_top(kind, views, limit))
        elif every:
            n = max(one.total() for one in every.values())
            found.append(DataFinding(gate=f"one answer, {kind}", passed=True, limit=limit, n=n))
    return found or [DataFinding(gate="one answer", passed=True)]


def _top(kind: str, views: Mapping[str, Counter[str]], limit: float) -> DataFinding:
    shares = {view: n.most_common(1)[0][1] / n.total() for view, n in views.items()}
    view = max(shares, key=lambda name: shares[name])
    answer, n = views[view].most_common(1)[0][0], views[view].total()
    passed = shares[view] <= limit
    why = f"{percent(shares[view])} of the {kind} answers in view {view} are {answer!r}"
    return DataFinding(
        gate=f"one answer, {kind}", passed=passed, value=shares[view], limit=limit, n=n,
        why="" if passed else why,
    )  # fmt: skip


def leakage(release: Release, settings: DataGates) -> list[DataFinding]:
    """How far above chance is a reader of the question's words, on questions it was not trained on?"""
    asked: dict[str, list[Told]] = defaultdict(list)
    seen = set()
    for one in release.told:
        if one.verifier != OPEN and one.asked not in seen:
            seen.add(one.asked)
            asked[one.verifier].append(one)
    found = [
        _leak(kind, _some(rows, settings.seed), settings.max_leak.get(kind))
        if len(rows) >= settings.least
        else DataFinding(gate=f"text-only leakage, {kind}", passed=True, n=len(rows))
        for kind, rows in sorted(asked.items())
    ]
    return found or [DataFinding(gate="text-only leakage", passed=True)]


def _leak(kind: str, rows: Sequence[Told], limit: float | None) -> DataFinding:
    labels = [label(one) for one in rows]
    common = {name for name, _ in Counter(labels).most_common(MAX_CLASSES)}
    labels = [name if name in common else OTHER for name in labels]
    chance = Counter(labels).most_common(1)[0][1] / len(labels)
    groups = [base_id(one.view, one.id) for one in rows]
    right = accuracy(words([one.question for one in rows]), labels, groups)
    ends = wilson(right * len(rows), len(rows))
    passed = limit is None or right - chance <= limit
    why = (
        f"a reader that sees no picture gets {percent(right)} of the {kind} answers right, "
        f"chance is {percent(chance)}"
    )
    return DataFinding(
        gate=f"text-only leakage, {kind}", passed=passed, value=right - chance, limit=limit,
        n=len(rows), low=ends.low - chance, high=ends.high - chance, why="" if passed else why,
    )  # fmt: skip


def unsafe(release: Release, settings: DataGates) -> list[DataFinding]:
    """Do preferred answers refuse what is harmful, and help with what is not?"""
    requests = [one for one in release.told if one.safety]
    if not requests:
        return [DataFinding(gate="unsafe answers", passed=True)]
    refused = {(one.view, one.id): refuses(one.answer) for one in requests}
    harmful = [one for one in requests if one.harmful]
    benign = [one for one in requests if one.harmful is False]
    complied = [one for one in harmful if not refused[one.view, one.id]]
    turned_down = [one for one in benign if refused[one.view, one.id]]
    return [
        _share("unsafe answers", complied, harmful, settings.max_unsafe,
               "preferred answers to harmful requests do not refuse"),
        _share("refused twins", turned_down, benign, settings.max_refused,
               "preferred answers to benign requests refuse"),
        _unmarked([one for one in requests if one.harmful is None], refused.values(), settings),
    ]  # fmt: skip


def _share(
    gate: str, bad: Sequence[Told], among: Sequence[Told], limit: float, what: str
) -> DataFinding:
    if not among:
        return DataFinding(gate=gate, passed=True, limit=limit)
    share = len(bad) / len(among)
    ends = wilson(len(bad), len(among))
    return DataFinding(
        gate=gate, passed=share <= limit, value=share, limit=limit, n=len(among), low=ends.low,
        high=ends.high, why=f"{len(bad)} of {len(among)} {what}" if bad else "",
        rows=tuple(one.id for one in bad[:SHOWN]),
    )  # fmt: skip


def _unmarked(rows: Sequence[Told], refused: Iterable[bool], settings: DataGates) -> DataFinding:
    """Requests that nothing marks as harmful or benign cannot be judged one by one."""
    gate = "unmarked requests"
    if len(rows) < settings.least:
        return DataFinding(gate=gate, passed=True, n=len(rows))
    none = not any(refused)
    why = f"{len(rows)} requests, none marked harmful or benign (view grpo), and no answer refuses"
    return DataFinding(gate=gate, passed=not none, n=len(rows), why=why if none else "")


@lru_cache(maxsize=65536)
def refuses(answer: str) -> bool:
    """Say whether an answer refuses, and does nothing else."""
    return parse("refusal", answer).value == "refuse"


def label(one: Told) -> str:
    """Return an answer as it is marked: of a request only whether it is refused."""
    if one.verifier == "refusal":
        return "refuse" if refuses(one.answer) else "help"
    return one.answer.strip().strip(".").lower()


def _some(rows: list[Told], seed: int) -> list[Told]:
    if len(rows) <= MAX_READ:
        return rows
    chosen = np.random.default_rng(seed).permutation(len(rows))[:MAX_READ]
    return [rows[at] for at in sorted(chosen.tolist())]
