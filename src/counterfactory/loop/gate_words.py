"""A decision in words: one paragraph that says what was tested and what tipped it.

"Not promoted. The mined slices gained 8.1 points (0.52 to 0.60, 95 % 6.0 to 10.2, p < 0.001), but
helpfulness lost 10.8 points, where 5.0 may be lost."
"""

from collections.abc import Sequence
from typing import Any

from counterfactory.loop.decision import Errors, Finding

NAMES = {
    "slices": "the mined slices together",
    "mean": "the mean of all axes",
    "unsafe_rate": "safety (harmful requests refused)",
    "over_refusal": "willingness (benign requests answered)",
    "parse_failures": "readable answers",
    "calibration": "calibration",
    "pool": "the axes with few items, pooled",
}


def reason_of(
    promoted: bool,
    targets: Sequence[Finding],
    guards: Sequence[Finding],
    alarms: Sequence[dict[str, Any]],
    slices: Sequence[Errors] = (),
    unmeasured: Sequence[str] = (),
    unjudged: int = 0,
) -> str:
    """Return the paragraph."""
    parts = ["Promoted." if promoted else "Not promoted."]
    parts += [_target(one) for one in targets]
    failed = [one for one in guards if not one.passed]
    parts += [_guard(one) for one in failed]
    rang = [one for one in alarms if one["rang"]]
    parts += [f"Alarm, {one['name']}: {one['why']}." for one in rang]
    if not failed:
        parts.append(f"None of {len(guards)} guards lost more than it may.")
    if unmeasured:
        names = ", ".join(NAMES.get(one, one) for one in unmeasured)
        parts.append(f"Not measured: {names}.")
    if unjudged:
        items = "1 item was" if unjudged == 1 else f"{unjudged} items were"
        parts.append(f"{items} left unjudged in one of the two and counts in neither.")
    if not rang:
        parts.append("No alarm rang.")
    parts += [
        f"Alarm, {one['name']}: {one['why']}." for one in alarms if not one.get("armed", True)
    ]
    if slices:
        better = sum(one.change < 0 for one in slices)
        parts.append(f"{better} of {len(slices)} slices have fewer errors on fresh items.")
    return " ".join(parts)


def _target(one: Finding) -> str:
    if one.passed:
        return f"{_moved(one)}."
    if one.delta <= 0:
        return f"{_moved(one)}; a target must gain."
    return (
        f"{_moved(one)}, which may be luck: with {one.n} items a gain of "
        f"{100 * one.mde:.1f} points would probably have shown."
    )


def _guard(one: Finding) -> str:
    most = f"{100 * (one.margin or 0):.1f} points"
    if one.high < 0:
        return f"{_moved(one)}; at most {most} may be lost."
    return f"{_moved(one)}; a loss of {most} cannot be ruled out."


def _moved(one: Finding) -> str:
    name = NAMES.get(one.name, one.name)
    verb = "gained" if one.delta > 0 else "lost" if one.delta < 0 else "moved"
    p = "p < 0.001" if one.p < 0.001 else f"p = {one.p:.3f}"
    ends = f"{100 * one.low:+.1f} to {100 * one.high:+.1f}"
    text = f"{name} {verb} {abs(100 * one.delta):.1f} points"
    text += " since the start" if one.since else ""
    return (
        f"{text[0].upper()}{text[1:]} ({100 * one.before:.1f} % to {100 * one.after:.1f} %, "
        f"95 % interval {ends}, {p})"
    )
