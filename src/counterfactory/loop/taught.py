"""What a round tells each of its trainings: seed, steps, share of replay, the safety multiplier.

    overrides_of(work, stage)       ['bf16=true', 'seed=203', 'multiplier=2.4']
    steps_of(work, stage)           120, or fewer where `seconds` would not do for them

The multiplier goes on where the last promoted model's reinforcement left it, and a co-training with
the generator that was handed on. The speed of a stage is
that of the last round in which it ran; in the first round `seconds` cannot be held and `steps` decide.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from counterfactory.fingerprint import seed_for
from counterfactory.loop.generators import handed_on
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
    parent = work.parent
    folder = None if parent is None else trained_before(parent, stage)
    found = (
        [line["multiplier"] for line in lines_of(folder / LINES) if "multiplier" in line]
        if folder
        else []
    )
    return float(found[-1]) if found else None


def generator(work: Work, stage: Training) -> str | None:
    """Return the generator that a co-training goes on with, None where it is the recipe's own."""
    handed = handed_on(work.earlier) if stage.train == "cotrain" else None
    if handed is None or settings_of(stage).model_dump()["generator"] != handed.stands_for:
        return None
    return handed.model


def steps_of(work: Work, stage: Training) -> int:
    """Return the steps of a stage, cut to what its seconds allow."""
    wanted = settings_of(stage).steps
    speed = next(
        (found for one in reversed(work.earlier) if (found := seconds_a_step(one, stage))), None
    )
    if stage.seconds is None or speed is None:
        return wanted
    return max(1, min(wanted, int(stage.seconds / speed)))


def seconds_a_step(one: Round, stage: Training) -> float | None:
    """Return how long a step of this stage took in a round."""
    folder = trained_before(one, stage)
    found = [float(line["seconds"]) for line in lines_of(folder / LINES)] if folder else []
    return sum(found) / len(found) if sum(found) else None


def trained_before(one: Round, stage: Training) -> Path | None:
    """Return the folder of a stage's model in a round."""
    found = sorted(one.models.glob(f"*-{stage.title}"))
    return next((path for path in found if (path / LINES).is_file()), None)


def share_of(work: Work, stage: Training, replay: Sequence[str]) -> float | None:
    """Return the share of replayed rows: that of general data, of earlier rounds, or of both.

    None where the stage says one itself, or nothing is replayed.
    """
    said = any(text.startswith("replay_share=") for text in stage.overrides())
    if said or not replay:
        return None
    earlier = {str(path) for path in work.earlier_releases()}
    found = 0.0
    if any(place in earlier for place in replay):
        found += work.recipe.mix.replay
    if any(place not in earlier for place in replay):
        found += work.recipe.mix.general
    return min(found, 0.9)
