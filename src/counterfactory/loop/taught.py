"""What a round tells each of its trainings: seed, steps, share of replay, the safety multiplier.

    overrides_of(work, stage)       ['bf16=true', 'seed=203', 'multiplier=2.4']
    steps_of(work, stage)           120, or fewer where `seconds` would not do for them

The multiplier goes on where the last reinforcement of a promoted round left it, and a co-training with
the generator that was handed on. `seconds` bound a whole stage by what it took in the last round in
which it ran, steps and all else; in the first round they cannot be held and `steps` decide.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from counterfactory.fingerprint import seed_for
from counterfactory.loop.generators import handed_on
from counterfactory.loop.journal import Journal
from counterfactory.loop.layout import Round
from counterfactory.loop.recipe import Training
from counterfactory.loop.recipe_parts import settings_of
from counterfactory.loop.rounds import Work
from counterfactory.training.lines import LINES
from counterfactory.training.lines import read as lines_of

SEEDS = 2**31


def overrides_of(work: Work, stage: Training) -> list[str]:
    """Return the settings of a stage as `--set` takes them."""
    found = stage.overrides()
    names = {text.partition("=")[0] for text in found}
    if "seed" not in names:
        seed = seed_for(work.recipe.seed, f"round-{work.round.number}", stage.title) % SEEDS
        found.append(f"seed={seed}")
    value = multiplier(work, stage)
    if value is not None:
        most = settings_of(stage).model_dump()["multiplier_most"]
        found = [text for text in found if not text.startswith("multiplier=")]
        found.append(f"multiplier={min(value, most):.6g}")
    if place := generator(work, stage):
        found = [text for text in found if not text.startswith("generator=")]
        found.append(f"generator={json.dumps(place)}")
    return found


def multiplier(work: Work, stage: Training) -> float | None:
    """Return where the safety multiplier stands, None where nothing is carried over."""
    if stage.train != "reinforce" or settings_of(stage).model_dump()["constraint"] != "lagrange":
        return None
    for one in reversed(work.earlier):
        folder = trained_before(one, stage) if one.promoted else None
        lines = lines_of(folder / LINES) if folder else []
        if found := [line["multiplier"] for line in lines if "multiplier" in line]:
            return float(found[-1])
    return None


def generator(work: Work, stage: Training) -> str | None:
    """Return the generator that a co-training goes on with, None where it is the recipe's own."""
    handed = handed_on(work.earlier) if stage.train == "cotrain" else None
    if handed is None or settings_of(stage).model_dump()["generator"] != handed.stands_for:
        return None
    return handed.model


def steps_of(work: Work, stage: Training) -> int:
    """Return the steps of a stage, cut to what its seconds allow."""
    wanted = settings_of(stage).steps
    if stage.seconds is None:
        return wanted
    journal = Journal(work.folder)
    found = next((it for one in reversed(work.earlier) if (it := cost(one, stage, journal))), None)
    if found is None:
        return wanted
    step, beside = found
    return max(1, min(wanted, int((stage.seconds - beside) / step)))


def cost(one: Round, stage: Training, journal: Journal) -> tuple[float, float] | None:
    """Return how many seconds a step of this stage took in a round, and all that is no step.

    Where a method trains several times over, a step is one of each time.
    """
    folder = trained_before(one, stage)
    lines = lines_of(folder / LINES) if folder else []
    seconds = sum(float(line["seconds"]) for line in lines)
    if not seconds:
        return None
    steps = sum(line.get("round") == lines[-1].get("round") for line in lines)
    done = journal.last(one.number, f"train/{stage.title}")
    return seconds / steps, max(0.0, done.seconds - seconds) if done else 0.0


def trained_before(one: Round, stage: Training) -> Path | None:
    """Return the folder of a stage's model in a round."""
    found = sorted(one.models.glob(f"*-{stage.title}"))
    mine = (path for path in found if path.name.partition("-")[2] == stage.title)
    return next((path for path in mine if (path / LINES).is_file()), None)


def share_of(work: Work, stage: Training, replay: Sequence[str]) -> float | None:
    """Return the share of replayed rows: the stage's own, or that of general data, of earlier rounds,
    or of both. None where nothing is replayed."""
    if not replay:
        return None
    if any(text.startswith("replay_share=") for text in stage.overrides()):
        return float(settings_of(stage).model_dump()["replay_share"])
    earlier = {str(path) for path in work.earlier_releases()}
    found = 0.0
    if any(place in earlier for place in replay):
        found += work.recipe.mix.replay
    if any(place not in earlier for place in replay):
        found += work.recipe.mix.general
    return min(found, 0.9)
