"""The gate: is the trained model better where it was to be, and nowhere worse? Promote, or not.

    found = decide(before, after, read_slices(round_folder), Promotion())
    found.promoted, found.reason      ->  False, "Not promoted: helpfulness lost 10.8 points ..."

Targets must be superior: better, by more than luck. Each one must, so no correction is due. Guards
must be non-inferior: the lower end of the change lies above the margin. A margin is as narrow as the
items can carry; where they are too few even for a wide one, guards are pooled. Guards and canary are
held against the model that the loop began with, too: what each round may lose must not add up. Alarms
(canary.py) look for what agreement with itself would hide. Only the `gate` split decides.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from counterfactory.errors import UserError
from counterfactory.eval.compare import Paired, read_pair
from counterfactory.eval.items import AXES
from counterfactory.eval.paired import Effect, mean_effect
from counterfactory.eval.stats import LEVEL, holm, non_inferior
from counterfactory.judges.base import Judge
from counterfactory.loop.canary import alarms, canary_of, keep_canary
from counterfactory.loop.decision import Decision, Finding, errors, finding
from counterfactory.loop.gate_effects import Effects, effects
from counterfactory.loop.gate_settings import MEAN, SLICES, Promotion
from counterfactory.loop.gate_words import reason_of
from counterfactory.loop.slices import Mined

SPLIT = "gate"
POOL = "pool"


def decide(
    before: Path,
    after: Path,
    slices_before: Mined | None,
    settings: Promotion | None = None,
    *,
    start: Path | None = None,
    canary: Path | None = None,
    judge: Judge | None = None,
    split: str = SPLIT,
) -> Decision:
    """Compare the model of a round with the one it started from, and with the loop's first one.

    `start` is the first model's evaluation, `canary` is kept for all rounds. Raises `UserError` when
    they did not answer the same items, or another split.
    """
    settings = settings or Promotion()
    pair = _paired(before, after, split)
    measured = effects(pair, slices_before, settings)
    targets = _targets(measured, settings)
    guards = _guards(measured, settings)
    watched = keep_canary(canary, canary_of(pair, measured.covered, settings))
    whole = None if start is None or start == before else _paired(start, after, split)
    if whole is not None:
        guards += _since_the_start(whole, settings)
    rung = alarms(pair, watched, settings, judge, whole)
    passed = all(one.passed for one in (*targets, *guards)) and not any(a["rang"] for a in rung)
    slices = tuple(errors(name, effect) for name, effect in measured.by_slice.items())
    unmeasured = _unmeasured(measured)
    return Decision(
        promoted=passed, target=targets, guards=guards, alarms=rung, slices=slices,
        reason=reason_of(passed, targets, guards, rung, slices, unmeasured, pair.unjudged),
        unmeasured=unmeasured, unjudged=pair.unjudged, before=pair.a.card(), after=pair.b.card(),
    )  # fmt: skip


def _paired(before: Path, after: Path, split: str) -> Paired:
    pair = read_pair(before, after)
    if (found := pair.a.summary["split"]) != split:
        raise UserError(f"{before / 'summary.json'}: split: found {found!r}, expected {split!r}")
    return pair


def _targets(found: Effects, settings: Promotion) -> tuple[Finding, ...]:
    """Return the test of each target. Without slices, the mean of the axes takes their place."""
    named = [MEAN if one == SLICES and found.slices is None else one for one in settings.targets]
    tests = []
    for name in dict.fromkeys(named):
        effect = _target(found, name)
        tests.append(finding(name, effect, effect.delta > 0 and effect.p <= settings.level))
    return tuple(tests)


def _target(found: Effects, name: str) -> Effect:
    if name == SLICES and found.slices is not None:
        return found.slices
    if name == MEAN and found.axes:
        return mean_effect(list(found.axes.values()))
    if name not in found.axes:
        known = ", ".join(found.axes) or "none"
        raise UserError(
            f"gates.promotion.targets: found {name!r}, which this evaluation does not measure; "
            f"expected one of {known}"
        )
    return found.axes[name]


def _guards(found: Effects, settings: Promotion) -> tuple[Finding, ...]:
    """Return the test of each guard, axes with too few items pooled into one."""
    axes = {a: found.axes[a] for a in AXES if a in found.axes and a not in settings.targets}
    few = {name: one for name, one in axes.items() if one.mde > settings.widest_of(name)}
    if len(few) == 1:
        few = {}  # a pool of one would know no more than that one
    tests = [
        _guard(name, effect, settings.margin_of(name), settings.widest_of(name))
        for name, effect in {**axes, **found.guards}.items()
        if name not in few
    ]
    if few:
        margin, widest = fmean(map(settings.margin_of, few)), fmean(map(settings.widest_of, few))
        pool = mean_effect(list(few.values()))
        tests.append(_guard(POOL, pool, margin, widest, tuple(few)))
        tests += _fallen(few, settings)
    return tuple(tests)


def _since_the_start(whole: Paired, settings: Promotion) -> tuple[Finding, ...]:
    found = _guards(effects(whole, None, settings), settings)
    return tuple(replace(one, since=True) for one in found)


def _guard(
    name: str, effect: Effect, margin: float, widest: float, of: tuple[str, ...] = ()
) -> Finding:
    """Test for non-inferiority; the margin is what the items can carry, between the two given."""
    carried = min(max(margin, effect.mde), max(margin, widest))
    return finding(name, effect, non_inferior(effect.low, carried), margin=carried, of=of)


def _fallen(few: dict[str, Effect], settings: Promotion) -> list[Finding]:
    """Return the axes of a pool that got worse by more than luck: a mean must not hide them."""
    whole = holm({name: effect.p for name, effect in few.items()})
    return [
        finding(name, effect, False, margin=settings.margin_of(name))
        for name, effect in few.items()
        if whole[name] <= LEVEL and effect.delta <= -settings.margin_of(name)
    ]


def _unmeasured(found: Effects) -> tuple[str, ...]:
    wanted: Sequence[str] = ("unsafe_rate", "over_refusal", "parse_failures", "calibration")
    return tuple(name for name in wanted if name not in found.guards)
