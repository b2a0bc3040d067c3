"""The plan of a round: which builds, with which focus, how many rows, and what is mixed in.

    made = plan(mined, read_history(out, before=2), Planning.of(recipe, number=2))
    made.builds[0]   Making(name="region-diff", rows=1240, overrides=("seed=81723", "source.n=1306", "focus=[...]"))
    made.mix         {"aimed": {"rows": 1600, "share": 0.75}, "general": {"rows": 533, "share": 0.25}}
    made.stages      [{"stage": "sft", "data": [...], "replay": [...], "share": 0.2}], where doing.py adds them
    made.back        slices that are put back, each with why
    write_plan(made, Path("runs/loop/round-02"))        plan.json, recipes/region-diff.yaml ...

With `focus: uniform` the same builds make the same number of rows without any focus: the control arm.
A build gets rows for the slices that it serves best, and a floor, so that none dries up.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from counterfactory.errors import UserError
from counterfactory.eval.columns import Columns
from counterfactory.factory.made_for import MadeFor
from counterfactory.factory.ops.base import Focus
from counterfactory.factory.recipe import resolve
from counterfactory.factory.run.disk import write_whole
from counterfactory.fingerprint import seed_for
from counterfactory.loop.focusing import focus_of, steering
from counterfactory.loop.generators import Handed, edited_with
from counterfactory.loop.history import History
from counterfactory.loop.layout import PLAN, write_json
from counterfactory.loop.parts import Part, parts_of
from counterfactory.loop.recipe import Build, LoopRecipe, Training
from counterfactory.loop.recipe_parts import settings_of
from counterfactory.loop.serving import Ability, ability
from counterfactory.loop.slices import Mined
from counterfactory.loop.target import Aim, Back, Bandit, choose, whole

YIELD = 0.9  # kept share of a build that was never made
SPARE = 1.05  # candidates proposed above what the yield asks for
FLOOR = 0.1  # of the aimed rows, shared evenly by all builds


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What a plan has to keep to."""

    builds: tuple[Build, ...]
    rows: int = 2000  # aimed at slices
    seconds: float = math.inf  # of all builds
    replay: float = 0.2
    general: float = 0.2
    uniform: bool = False
    number: int = 1
    seed: int = 0
    bandit: Bandit = Bandit()
    sampled: frozenset[str] = frozenset()  # builds that teach by the model's own samples only
    generator: Handed | None = None  # that earlier rounds handed on

    @classmethod
    def of(cls, recipe: LoopRecipe, number: int, generator: Handed | None = None) -> Self:
        """Return what a loop recipe asks for in its round `number`."""
        used = {name for stage in recipe.trained for name in stage.data}
        shown = {name for stage in recipe.trained if not _by_samples(stage) for name in stage.data}
        return cls(
            builds=recipe.builds, rows=recipe.budget.rows, seconds=recipe.budget.seconds,
            replay=recipe.mix.replay, general=recipe.mix.general, uniform=recipe.focus == "uniform",
            number=number, seed=recipe.seed, generator=generator,
            sampled=frozenset(used - shown - _filters(recipe)),
        )  # fmt: skip


def _by_samples(stage: Training) -> bool:
    """Say whether a training teaches by the model's own samples alone."""
    if stage.train == "reflect":  # it may be shown rationales of the release
        return not settings_of(stage).model_dump()["rationales"]
    return stage.train == "reinforce"


def _filters(recipe: LoopRecipe) -> set[str]:
    """Return the builds whose preferences a filter learns from."""
    return {
        build.title
        for build in recipe.builds
        if recipe.filtered and "dpo" in resolve(build.recipe, build.overrides()).views
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Making:
    """One build of a round."""

    name: str
    base: str  # the recipe that it changes
    rows: int  # kept candidates wanted
    overrides: tuple[str, ...]
    focused: bool
    slices: tuple[str, ...] = ()  # names of those it is made for
    seconds: float | None = None  # expected; None before it was ever made


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a round does about its slices."""

    round: int
    arm: str  # "mined" or "uniform"
    builds: tuple[Making, ...]
    targets: tuple[Aim, ...]
    back: tuple[Back, ...]
    mix: Mapping[str, Any] = field(default_factory=dict)  # of what the builds make
    stages: tuple[Mapping[str, Any], ...] = ()  # what each training learns from and replays
    notes: tuple[str, ...] = ()

    @property
    def focus(self) -> tuple[Focus, ...]:
        """The focus over all builds."""
        return () if self.arm == "uniform" else focus_of(self.targets)

    def as_dict(self) -> dict[str, Any]:
        """Return what plan.json holds."""
        facts = {name: value for name, value in asdict(self).items() if name != "builds"}
        builds = [asdict(one) | {"recipe": _file(one)} for one in self.builds]
        focus = [one.model_dump(mode="json") for one in self.focus]
        return facts | {"builds": builds, "focus": focus}


def targets(
    mined: Mined, history: History, settings: Planning, columns: Columns | None = None
) -> tuple[Focus, ...]:
    """Return the focus of a round over all its builds; none in the control arm."""
    if settings.uniform:
        return ()
    return focus_of(_aims(parts_of(mined, columns), history, settings, settings.rows)[0])


def plan(
    mined: Mined, history: History, settings: Planning, columns: Columns | None = None
) -> Plan:
    """Return what a round builds. `columns` are the answers that were mined: slices that lie across
    tasks are split by them. Raises `UserError` for a mix that leaves no room for aimed rows."""
    if settings.replay + settings.general >= 1:
        found = f"{settings.replay} + {settings.general}"
        raise UserError(f"mix: replay + general: found {found}, expected less than 1")
    rows, notes = settings.rows, []
    parts = parts_of(mined, columns)
    made = _plan(parts, history, settings, rows)
    cost = sum(one.seconds or 0.0 for one in made.builds)
    if cost > settings.seconds:
        rows = max(1, int(rows * settings.seconds / cost))
        notes.append(
            f"{settings.rows} rows would take {cost:.0f} s, and {settings.seconds:.0f} s may be spent: {rows} rows"
        )
        made = _plan(parts, history, settings, rows)
    return Plan(
        round=made.round, arm=made.arm, builds=made.builds, targets=made.targets, back=made.back,
        mix=made.mix, notes=tuple(notes),
    )  # fmt: skip


def write_plan(made: Plan, folder: Path, purposes: Mapping[str, MadeFor] | None = None) -> Path:
    """Write plan.json and the recipes of a round; return the path of plan.json.

    `purposes` say what each build is made for; they stand in its recipe, hence in its release.
    """
    (folder / "recipes").mkdir(parents=True, exist_ok=True)
    for one in made.builds:
        recipe = resolve(one.base, one.overrides)
        told = recipe.release.model_copy(update={"made_for": (purposes or {}).get(one.name)})
        text = recipe.model_copy(update={"release": told}).yaml()
        write_whole(folder / _file(one), text.encode())
    write_json(folder / PLAN, made.as_dict())
    return folder / PLAN


def _file(one: Making) -> str:
    return f"recipes/{one.name}.yaml"


def _aims(
    parts: Sequence[Part], history: History, settings: Planning, rows: int
) -> tuple[tuple[Aim, ...], tuple[Back, ...]]:
    able = [_able(build) for build in settings.builds if not build.always]
    return choose(
        parts, history, able, rows=rows, number=settings.number, seed=settings.seed,
        bandit=settings.bandit, sampled=settings.sampled,
    )  # fmt: skip


def _able(build: Build) -> Ability:
    return ability(build.title, resolve(build.recipe, build.overrides()))


def _plan(parts: Sequence[Part], history: History, settings: Planning, rows: int) -> Plan:
    aimed = [build for build in settings.builds if not build.always]
    always = [build for build in settings.builds if build.always]
    aims: tuple[Aim, ...] = ()
    back: tuple[Back, ...] = ()
    if not settings.uniform:
        aims, back = _aims(parts, history, settings, rows)
    mix = _mix(settings, history, rows, bool(always))
    counts = whole(_build_shares(aimed, aims), rows)
    counts += whole([1 / len(always)] * len(always), mix["general"]["rows"]) if always else []
    builds = [
        _making(build, count, [aim for aim in aims if aim.build == build.title], history, settings)
        for build, count in zip([*aimed, *always], counts, strict=True)
        if count
    ]
    arm = "uniform" if settings.uniform else "mined"
    return Plan(
        round=settings.number, arm=arm, builds=tuple(builds), targets=aims, back=back, mix=mix
    )


def _build_shares(builds: Sequence[Build], aims: Sequence[Aim]) -> list[float]:
    """Return each build's share of the aimed rows: what its slices get, above an even floor."""
    total = sum(aim.rows for aim in aims)
    if not total:
        return [1 / len(builds)] * len(builds)
    asked = [sum(aim.rows for aim in aims if aim.build == one.title) / total for one in builds]
    return [FLOOR / len(builds) + (1 - FLOOR) * share for share in asked]


def _making(
    build: Build, rows: int, aims: Sequence[Aim], history: History, settings: Planning
) -> Making:
    """Return one build: fresh samples, enough candidates for its rows, the focus of its slices."""
    recipe = resolve(build.recipe, build.overrides())
    kept = max(0.02, (history.yields or {}).get(build.title, YIELD))
    each = next((int(op.per_sample) for op in recipe.ops if hasattr(op, "per_sample")), 1)
    samples = max(1, math.ceil(rows / min(1.0, kept) / each * (SPARE if kept < 1 else 1.0)))
    speed = (history.speeds or {}).get(build.title)
    overrides = [
        *build.overrides(),
        f"seed={seed_for(settings.seed, 'build', build.title, str(settings.number)) % 2**31}",
        f"source.n={samples}",
        *edited_with(recipe, settings.generator),
        *steering(recipe, aims, build.always),
    ]
    return Making(
        name=build.title, base=build.recipe, rows=rows, overrides=tuple(overrides),
        focused=any(one.startswith("focus=") for one in overrides),
        slices=tuple(aim.name for aim in aims), seconds=None if speed is None else round(speed * rows, 1),
    )  # fmt: skip


def _mix(settings: Planning, history: History, rows: int, general: bool) -> dict[str, Any]:
    """Return the parts of what is made, in rows and shares: general rows leave room for replay."""
    replay = settings.replay if history.releases else 0.0
    share = settings.general if general else 0.0
    parts = {"aimed": rows, "general": round(rows / (1 - replay - share) * share)}
    total = sum(parts.values())
    return {
        "rows": total,
        **{
            name: {"rows": count, "share": round(count / total, 6)} for name, count in parts.items()
        },
    }
