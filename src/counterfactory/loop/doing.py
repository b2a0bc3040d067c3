"""What the stages of a round do, each from files to files; stages.py says when, and of what.

    measure(work, model="pocket", split="mine", out=work.round.mine)      answers.parquet, summary.json ...
    mine(work)                                                          slices.json
    build(work, name="region-diff")                                     release/region-diff

Evaluations, builds and trainings go on where a kill left them; the others are short and done anew.
"""

from dataclasses import replace
from pathlib import Path

from counterfactory.errors import Diverged, NothingToLearn
from counterfactory.loop.generators import handed_on
from counterfactory.loop.layout import write_json
from counterfactory.loop.recipe import Training
from counterfactory.loop.rounds import FAILED, Work, point

CLAIMED = 12  # items of each task whose claims tell whether a model agrees with itself


def measure(work: Work, *, model: str, split: str, out: Path) -> None:
    """Evaluate a model on a split of the suite: `mine` for its failures, `gate` for a decision."""
    from counterfactory.eval.plan import Plan
    from counterfactory.eval.run import evaluate
    from counterfactory.eval.suites import suite_named
    from counterfactory.loop.filtering import answerer_of

    recipe = work.recipe
    decides = split == "gate"
    plan = Plan(
        suite=suite_named(recipe.suite), split=split, limit=recipe.limit,
        margins=recipe.margins and decides, reflect=recipe.reflect, examined=CLAIMED if decides else None,
    )  # fmt: skip
    answerer = answerer_of(
        model, batch=32, device=work.device, concurrency=8, timeout=120.0, retries=4
    )
    evaluate(answerer, plan, out)


def mine(work: Work) -> None:
    """Find the slices of the failures on the mine split; with reflection the same without labels."""
    from counterfactory.loop.mine import mine as mined
    from counterfactory.loop.slices import write_slices
    from counterfactory.loop.unlabelled import write_unlabelled

    found = mined(work.round.mine, seed=work.recipe.seed)
    write_slices(found, work.round.folder)
    if work.recipe.reflect:
        write_unlabelled(found, work.round.mine, work.round.unlabelled)


def plan(work: Work) -> None:
    """Decide what to build, with which focus."""
    from counterfactory.eval.columns import read_columns
    from counterfactory.loop.history import read_history
    from counterfactory.loop.mixture import Planning, write_plan
    from counterfactory.loop.mixture import plan as planned
    from counterfactory.loop.purpose import learned, purposes
    from counterfactory.loop.slices import read_slices

    number, recipe = work.round.number, work.recipe
    mined = read_slices(work.round.folder)
    history = read_history(work.folder, before=number)
    settings = Planning.of(recipe, number, handed_on(work.earlier))
    made = planned(mined, history, settings, read_columns(work.round.mine))
    made = replace(made, stages=learned(work, [one.name for one in made.builds]))
    write_plan(made, work.round.folder, purposes(work, mined, made))


def build(work: Work, *, name: str) -> None:
    """Make one release, in the time that the budget leaves; one that keeps nothing leaves a note."""
    from counterfactory.factory.recipe import resolve
    from counterfactory.factory.run.build import TooFew
    from counterfactory.loop.budgeting import build_within, seconds_for
    from counterfactory.loop.purpose import release_before

    recipe, out = resolve(work.round.recipes / f"{name}.yaml"), work.round.release(name)
    try:
        since = release_before(work, name)
        seconds = seconds_for(work, name)
        build_within(recipe, out, seconds=seconds, workers=work.workers, since=since)
    except TooFew as error:
        write_json(out / FAILED, {"reason": str(error)})


def data(work: Work) -> None:
    """Judge the releases before anything is trained on them."""
    from counterfactory.loop.judged import data_verdict

    write_json(work.round.data, data_verdict(work))


def train(work: Work, *, stage: Training, model: str, out: Path) -> None:
    """Train from `model`; one that finds nothing to learn from, or diverges, leaves a note."""
    from counterfactory.loop.taught import overrides_of, share_of, steps_of
    from counterfactory.training.train import train as trained

    replay = work.replayed(stage)
    (out / FAILED).unlink(missing_ok=True)
    try:
        trained(
            stage.train, model, work.found(stage.data), out, overrides_of(work, stage), device=work.device,
            steps=steps_of(work, stage), replay=replay or None, replay_share=share_of(work, stage, replay),
        )  # fmt: skip
    except (NothingToLearn, Diverged) as error:
        write_json(out / FAILED, {"reason": str(error)})


def average(work: Work, *, model: str, out: Path) -> None:
    """Average what the last training made with the model that the round started from."""
    from counterfactory.training.soup import average as averaged

    averaged(Path(work.model), Path(model), work.kept, out)


def gate(work: Work) -> None:
    """Decide whether the trained model is promoted, and point to the model that is."""
    from counterfactory.loop.judged import decision

    write_json(work.round.gate, decision(work))
    point(work.folder, [*work.earlier, work.round])


def generator(work: Work) -> None:
    """Compare the co-trained generator with the one it would replace."""
    from counterfactory.loop.painting import write

    write(work)
