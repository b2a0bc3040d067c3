"""The stages of a round: what each reads and leaves. What they do stands in doing.py.

    before    the model that the round starts from, measured on the gate split (first round only)
    measure   the same model on the mine split                     eval/mine
    mine      what it gets wrong more often than the rest explains slices.json; where the model is
              asked for its own contradictions, what these alone say unlabelled.json
    plan      what to build for that, with which focus             plan.json, recipes/
    build/*   a release each                                       release/<name>
    data      what the releases are worth, before training         data.json
    train/*   one after the other, from the promoted model         model/<n>-<name>
    average   the trained model with the promoted ones, if wanted  model/<n>-average
    filter    a judge behind the trained model, where wanted and   filter/
              a build kept preferences
    after     the trained model on the gate split                  eval/after
    gate      promoted or not, and why                             gate.json
    generator whether the co-trained one edits from here on        generator.json

Evaluations, builds and trainings go on where a kill left them; the others are short and done anew.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from counterfactory.factory.recipe import resolve
from counterfactory.loop.doing import (
    average,
    build,
    data,
    gate,
    generator,
    measure,
    mine,
    plan,
    train,
)
from counterfactory.loop.engine import Stage
from counterfactory.loop.generators import GENERATOR, handed_on, rivals
from counterfactory.loop.layout import read
from counterfactory.loop.recipe import Build, Training
from counterfactory.loop.recipe_parts import NO_WEIGHTS
from counterfactory.loop.rounds import Work, skipped


def opening(work: Work) -> list[Stage[Work]]:
    """Return the stages up to the plan."""
    recipe, here = work.recipe, work.round
    stages = []
    if here.number == 1:
        stages.append(_measuring("before", work.model, "gate", here.before))
    stages += [
        _measuring("measure", work.answers, "mine", here.mine),
        Stage(
            "mine", mine, lambda w: {"eval": w.round.mine, "seed": recipe.seed},
            lambda w: [w.round.slices, *([w.round.unlabelled] if recipe.reflect else [])],
        ),
        Stage("plan", plan, _planned_from, lambda w: [w.round.plan, w.round.recipes]),
    ]  # fmt: skip
    return stages


def building(work: Work) -> list[Stage[Work]]:
    """Return a stage for each build of the plan, and the gates of data."""
    names = [one["name"] for one in work.builds]
    found: list[Stage[Work]] = [
        Stage(
            f"build/{name}", partial(build, name=name),
            lambda w, name=name: _built_from(w, name),  # type: ignore[misc]
            lambda w, name=name: [w.round.release(name)],  # type: ignore[misc]
        )
        for name in names
    ]  # fmt: skip
    judging = Stage(
        "data", data,
        lambda w: {"releases": list(w.releases.values()), "gates": _gates(w)},
        lambda w: [w.round.data],
    )  # fmt: skip
    return [*found, judging] if names else []


def teaching(work: Work) -> Iterator[Stage[Work]]:
    """Yield a stage for each training that has data, and the measurement of the last one's model.

    None where the data did not pass its gates. A training that found nothing to learn from, or that
    diverged, is passed over by the next one.
    """
    if not read(work.round.data).get("passed"):
        return
    model = work.model
    for stage, out in work.trainings():
        yield _training(stage, model, out)
        model = model if skipped(out) else str(out)
    made = work.made
    if made is None:
        return
    if work.kept:
        yield _averaging(work, model, made)
        model = str(made)
    if preferences := _preferences(work):
        yield _filtering(work, model, preferences)
        model = f"filtered:{work.round.filter}"
    yield _measuring("after", model, "gate", work.round.after)


def _averaging(work: Work, model: str, out: Path) -> Stage[Work]:
    """Return the stage that averages the round's model with the one given."""

    def takes(work: Work) -> Mapping[str, object]:
        return {"given": model_print(work.model), "model": model_print(model), "keep": work.kept}

    return Stage("average", partial(average, model=model, out=out), takes, lambda w: [out])


def _preferences(work: Work) -> list[str]:
    """Return the releases that a filter learns from; none where none is wanted."""
    from counterfactory.loop.filtering import with_preferences

    builds = [build.title for build in work.recipe.builds if work.recipe.filtered]
    return with_preferences(work.found(builds))


def _filtering(work: Work, model: str, data: Sequence[str]) -> Stage[Work]:
    """Return the stage that fits a judge to what the model answers and what is preferred."""
    from counterfactory.loop.filtering import fit

    def takes(work: Work) -> Mapping[str, object]:
        found = [_release(place) for place in data]
        return {"model": model_print(model), "data": found, "seed": work.recipe.seed}

    return Stage("filter", partial(fit, model=model, data=data), takes, lambda w: [w.round.filter])


def closing() -> list[Stage[Work]]:
    """Return the gate."""

    def takes(work: Work) -> Mapping[str, object]:
        return {
            "start": work.start, "before": work.before,
            "after": work.round.after if work.made else None,  # what lies there may be of another recipe
            "slices": work.round.slices,
            "data": work.round.data, "plan": work.round.plan, "seed": work.recipe.seed,
            "gates": _gates(work),
        }  # fmt: skip

    return [Stage("gate", gate, takes, lambda w: [w.round.gate])]


def handing(work: Work) -> list[Stage[Work]]:
    """Return the comparison of generators, where a promoted round co-trained one."""
    about = work.recipe.generator
    found = rivals(work) if work.round.promoted and about.candidates else None
    if found is None:
        return []
    takes = {
        "old": inpaint_print(found.old), "new": inpaint_print(found.new), "build": found.build.model_dump(mode="json"),
        "recipe": recipe_print(found.build),
        "seed": work.recipe.seed, "settings": about.model_dump(mode="json"),
    }  # fmt: skip
    return [
        Stage("generator", generator, lambda w: takes, lambda w: [w.round.folder / GENERATOR]),
    ]


STAGES: dict[str, Callable[[Work], Iterable[Stage[Work]]]] = {
    "opening": opening,
    "building": building,
    "teaching": teaching,
    "closing": lambda work: closing(),
    "handing": handing,
}
"""The parts of a round, in order; each is asked for its stages when the one before it is done."""


def _gates(work: Work) -> object:
    recipe = work.recipe
    return [recipe.gated, recipe.gates.model_dump(mode="json"), recipe.judge, list(recipe.auditors)]


def _measuring(name: str, model: str, split: str, out: Path) -> Stage[Work]:
    def takes(work: Work) -> Mapping[str, object]:
        recipe = work.recipe
        return {
            "model": model_print(model), "split": split, "suite": recipe.suite, "limit": recipe.limit,
            "margins": recipe.margins, "reflect": recipe.reflect,
        }  # fmt: skip

    return Stage(name, partial(measure, model=model, split=split, out=out), takes, lambda w: [out])


def _training(stage: Training, model: str, out: Path) -> Stage[Work]:
    def takes(work: Work) -> Mapping[str, object]:
        places = [*work.found(stage.data), *work.replayed(stage)]
        return {
            "model": model_print(model), "data": [_release(place) for place in places],
            "stage": stage.model_dump(mode="json"), "seed": work.recipe.seed,
            "round": work.round.number, "mix": work.recipe.mix.model_dump(mode="json"),
            **_generator(work, stage),
        }  # fmt: skip

    return Stage(
        f"train/{stage.title}", partial(train, stage=stage, model=model, out=out), takes, lambda w: [out]
    )  # fmt: skip


def _generator(work: Work, stage: Training | None = None) -> dict[str, object]:
    """Return what names the generator that was handed on; nothing where it is the recipe's own."""
    handed = handed_on(work.earlier)
    if handed is None or (stage is not None and stage.train != "cotrain"):
        return {}
    return {"generator": inpaint_print(handed.model)}


def _built_from(work: Work, name: str) -> Mapping[str, object]:
    from counterfactory.loop.purpose import release_before

    since = release_before(work, name)
    earlier = {} if since is None else {"since": since / "manifest.json"}
    return {"recipe": work.round.recipes / f"{name}.yaml", **earlier}


def _planned_from(work: Work) -> Mapping[str, object]:
    recipe = work.recipe.values()
    keys = ("name", "suite", "builds", "stages", "focus", "mix", "budget", "seed")
    past = [[one.plan, one.gate, one.data] for one in work.earlier]
    return {
        "slices": work.round.slices,
        "eval": work.round.mine,
        "past": past,
        **{key: recipe[key] for key in keys},
        "recipes": [recipe_print(build) for build in work.recipe.builds],
        **({"skip": recipe["skip"]} if recipe["skip"] else {}),
        **_generator(work),
    }


def recipe_print(build: Build) -> str:
    """Return what names a build as its recipe stands now: a file may have been edited."""
    return resolve(build.recipe, build.overrides()).fingerprint


def _release(place: str) -> object:
    manifest = Path(place) / "manifest.json"
    return manifest if manifest.is_file() else place


def model_print(model: str) -> str:
    """Return what names a model's bytes; one without weights goes by its id."""
    if model.startswith("filtered:"):
        from counterfactory.loop.filtering import filter_print

        return filter_print(model)
    if model.startswith(NO_WEIGHTS):
        return model
    from counterfactory.models.ids import identify

    return identify("vlm", model).revision


def inpaint_print(model: str) -> str:
    """Return what names a generator's bytes."""
    from counterfactory.models.ids import identify

    return identify("inpaint", model).revision
