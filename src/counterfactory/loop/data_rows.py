"""Gates on rows as such: enough of them, each once, in agreement, with pictures that show something.

duplicates(release, DataGates())   ->  [DataFinding(gate="duplicates", value=0.12, limit=0.01, ...)]
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from counterfactory.errors import RowError
from counterfactory.eval.contaminated import why_unchecked
from counterfactory.factory.checks.contamination import read_index
from counterfactory.factory.checks.likeness import signature
from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.images import decode
from counterfactory.loop.data_findings import DataFinding, percent
from counterfactory.loop.gate_settings import DataGates
from counterfactory.loop.told import OPEN, Release, Told
from counterfactory.records import Pixels

SHOWN = 5  # ids in a finding
MAX_DISTANCE = 4  # bits of 64, as the check of the factory


def yields(release: Release, settings: DataGates) -> list[DataFinding]:
    """Were enough of the candidates kept?"""
    tried, kept = (int(release.manifest.get(key) or 0) for key in ("candidates", "kept"))
    share = kept / tried if tried else 0.0
    rows = len(release.told)
    few = kept < settings.min_rows or rows == 0
    why = f"{kept} of {tried} candidates were kept ({percent(share)}), {rows} rows to train on"
    passed = share >= settings.min_yield and not few
    return [
        DataFinding(
            gate="yield", passed=passed, value=share, limit=settings.min_yield, n=tried, why=why
        )
    ]


def contamination(release: Release, settings: DataGates, suite: str) -> list[DataFinding]:
    """Was every row checked against the suite, and does a second look at some find them clean?"""
    if not settings.contamination:
        return []
    checks = [
        one for one in release.manifest.get("checks") or () if one.get("check") == "contamination"
    ]
    indexes = [
        read_index(str(one.get("index", "shipped")), int(one.get("max_distance", MAX_DISTANCE)))
        for one in checks
    ]
    if unchecked := why_unchecked(release.manifest, suite):
        why = f"not checked against {suite}, it may hold items of it: {unchecked}"
        return [DataFinding(gate="contamination", passed=False, why=why)]
    seen = [
        (name, signature(pixels))
        for name, pixels in _looked_at(release, settings)
        if pixels is not None
    ]
    bad = [name for name, mark in seen if any(index.pictures.near(mark) for index in indexes)]
    why = f"{len(bad)} of {len(seen)} pictures are those of a suite" if bad else ""
    return [
        DataFinding(
            gate="contamination", passed=not bad, value=len(bad) / max(1, len(seen)), limit=0.0,
            n=len(seen), why=why, rows=_with_pictures(release, bad),
        )
    ]  # fmt: skip


def blank(release: Release, settings: DataGates) -> list[DataFinding]:
    """Do the pictures show anything? A picture counts as often as rows show it."""
    uses = _uses(release)
    bad, n = [], 0
    for name, pixels in _looked_at(release, settings):
        n += uses[name]
        if pixels is None or float(pixels.mean(axis=2).std()) < settings.min_contrast:
            bad.append(name)
    rows = sum(uses[name] for name in bad)
    share = rows / max(1, n)
    why = f"{rows} of {n} rows show a picture that is blank or cannot be read" if bad else ""
    return [
        DataFinding(
            gate="pictures", passed=share <= settings.max_blank, value=share if n else None,
            limit=settings.max_blank, n=n, why=why, rows=_with_pictures(release, bad),
        )
    ]  # fmt: skip


def duplicates(release: Release, settings: DataGates) -> list[DataFinding]:
    """How many rows of a view say again what an earlier one says?"""
    seen: set[str] = set()
    again: list[Told] = []
    per_view: Counter[str] = Counter()
    said = Counter(_asked(one) for one in release.told)
    looks = _looks(
        release, {name for one in release.told if said[_asked(one)] > 1 for name in one.pictures}
    )
    for one in release.told:
        key = digest([one.view, [looks.get(name, name) for name in one.pictures], *_words(one)])
        if key in seen:
            again.append(one)
            per_view[one.view] += 1
        seen.add(key)
    worst = Counter({view: n / _rows(release, view) for view, n in per_view.items()})
    view, share = worst.most_common(1)[0] if worst else ("", 0.0)
    why = (
        f"{percent(share)} of the rows of view {view} say again what another says" if again else ""
    )
    return [
        DataFinding(
            gate="duplicates", passed=share <= settings.max_duplicates, value=share,
            limit=settings.max_duplicates, n=len(release.told), why=why, rows=_ids(again),
        )
    ]  # fmt: skip


def conflicts(release: Release, settings: DataGates) -> list[DataFinding]:
    """Has a question about one picture two right answers? In one view, or in two of them."""
    answers: dict[tuple[tuple[str, ...], str], set[str]] = defaultdict(set)
    first: dict[tuple[tuple[str, ...], str], Told] = {}
    for one in release.told:
        if one.verifier not in (OPEN, "refusal") and one.pictures:
            answers[one.asked].add(one.answer.strip().strip(".").lower())
            first.setdefault(one.asked, one)
    torn = [first[asked] for asked, said in answers.items() if len(said) > 1]
    share = len(torn) / max(1, len(answers))
    example = f", as {torn[0].question!r}" if torn else ""
    why = (
        f"{percent(share)} of the questions have two right answers about one picture{example}"
        if torn
        else ""
    )
    return [
        DataFinding(
            gate="conflicts", passed=share <= settings.max_conflicts,
            value=share if answers else None, limit=settings.max_conflicts, n=len(answers), why=why,
            rows=_ids(torn),
        )
    ]  # fmt: skip


def decoded(data: bytes) -> Pixels | None:
    """Return a picture, None where it cannot be read."""
    try:
        return decode(data)
    except RowError:
        return None


def _uses(release: Release) -> Counter[str]:
    return Counter(name for one in release.told for name in one.pictures)


def _looked_at(release: Release, settings: DataGates) -> Iterator[tuple[str, Pixels | None]]:
    """Yield the pictures; where they are many, half by chance and half those of most rows."""
    uses = _uses(release)
    names = sorted(release.pictures)
    chance = np.random.default_rng(settings.seed).permutation(len(names)).tolist()
    drawn = [names[at] for at in chance[: settings.pictures // 2]]
    often = sorted((names[at] for at in chance), key=lambda name: -uses[name])
    for name in list(dict.fromkeys([*drawn, *often]))[: settings.pictures]:
        yield name, decoded(release.pictures[name])


def _looks(release: Release, names: set[str]) -> dict[str, str]:
    """Return what each picture shows: files that were written anew show the same."""
    found = {}
    for name in names:
        pixels = decoded(release.pictures[name])
        found[name] = (
            name if pixels is None else digest_bytes(repr(pixels.shape).encode() + pixels.tobytes())
        )
    return found


def _asked(one: Told) -> tuple[str, str, str, bool]:
    return one.view, one.question, one.text, one.thought


def _words(one: Told) -> list[str]:
    return [one.question, one.text, one.worse, str(one.thought)]


def _rows(release: Release, view: str) -> int:
    return sum(one.view == view for one in release.told)


def _with_pictures(release: Release, names: Any) -> tuple[str, ...]:
    bad = frozenset(names)
    return _ids([one for one in release.told if bad.intersection(one.pictures)]) if bad else ()


def _ids(rows: list[Told]) -> tuple[str, ...]:
    return tuple(one.id for one in rows[:SHOWN])
