"""Sharing out: which slot of a batch gets which label, so that shares follow weights and each slot
can bear its label.

    >>> able = [{"sun"}, {"sun", "moon"}, {"sun", "moon"}, {"moon"}]
    >>> share_out(able, {"sun": 1.0, "moon": 1.0}, random.Random(0))
    ['sun', 'moon', 'sun', 'moon']

Quotas come from one systematic draw: over many batches every share is right on average, and
within a batch it is off by less than one slot. Slots are then matched to labels by augmenting
paths, so that scarce labels get the slots that can bear them.
"""

import random
from collections.abc import Mapping, Sequence, Set


def quotas(total: int, weights: Mapping[str, float], rng: random.Random) -> dict[str, int]:
    """Return how many of `total` slots each label gets."""
    scale = total / sum(weights.values())
    start, edge, found = rng.random(), 0.0, {}
    for label, weight in weights.items():
        before, edge = edge, edge + weight * scale
        # count the points start, start + 1, ... that lie in [before, edge)
        found[label] = _points_below(edge, start) - _points_below(before, start)
    spare = total - sum(found.values())  # rounding at the far end
    if spare:
        found[next(reversed(found))] += spare
    return found


def _points_below(edge: float, start: float) -> int:
    return max(0, -int(-(edge - start) // 1))


def share_out(
    able: Sequence[Set[str]], weights: Mapping[str, float], rng: random.Random
) -> list[str | None]:
    """Return a label for each slot; None for a slot that can bear no label with a weight.

    Labels that nobody can bear pass their share on to the others.
    """
    labels = {label: weight for label, weight in weights.items() if weight > 0}
    slots = [slot for slot, some in enumerate(able) if some & labels.keys()]
    borne = {
        label: weight for label, weight in labels.items() if any(label in able[s] for s in slots)
    }
    if not slots:
        return [None] * len(able)
    room = quotas(len(slots), borne, rng)
    rng.shuffle(slots)
    given: list[str | None] = [None] * len(able)
    for slot in slots:
        _augment(slot, able, room, given, set())
    for slot in slots:
        if (
            given[slot] is None
        ):  # no quota left that this slot could help to fill: take the label that is least over
            options = sorted(able[slot] & borne.keys())
            given[slot] = min(options, key=lambda label: given.count(label) / borne[label])
    return given


def _augment(
    slot: int,
    able: Sequence[Set[str]],
    room: Mapping[str, int],
    given: list[str | None],
    seen: set[str],
) -> bool:
    """Give `slot` a label within the quotas, moving other slots to other labels where that helps."""
    for label in room:
        if label not in able[slot] or label in seen:
            continue
        seen.add(label)
        holders = [other for other, held in enumerate(given) if held == label]
        if len(holders) < room[label]:
            given[slot] = label
            return True
        for other in holders:
            given[other] = None
            if _augment(other, able, room, given, seen):
                given[slot] = label
                return True
            given[other] = label
    return False
