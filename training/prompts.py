"""The prompts of `train reinforce`: what can be marked, with a share of requests and of reasoning.

prompts = pool(load_view(releases, "grpo"), Settings(requests=0.3, think=0.25))
prompts["think"][:3], prompts["row"][:3]        ->  [False, True, False], [0, 1, 2]
"""

from typing import TYPE_CHECKING, Any

from counterfactory.errors import UserError
from counterfactory.selecting import THINK
from counterfactory.training.data import mixed
from counterfactory.training.rewards.hybrid import RULES

if TYPE_CHECKING:
    from datasets import Dataset

    from counterfactory.training.reinforce import Settings

THOUGHT = ("yes_no", "number", "exact")  # asked for steps in a share of the prompts


def pool(rows: "Dataset", settings: "Settings") -> "Dataset":
    """Return the prompts: those that can be marked, a share of requests, a share that asks for steps."""
    import numpy as np

    kinds = rows["verifier"][:]
    known = [at for at, kind in enumerate(kinds) if settings.reward != "rule" or kind in RULES]
    if not known:
        raise UserError(
            f"no rows to train on: reward={settings.reward} marks {', '.join(RULES)}, found only "
            f"{', '.join(sorted(set(kinds))) or 'no rows'}; try --set reward=hybrid"
        )
    asked = [at for at in known if kinds[at] == "refusal"]
    others = [at for at in known if kinds[at] != "refusal"]
    if asked and others and settings.requests:
        found = mixed(rows.select(others), rows.select(asked), settings.requests, settings.seed)
    else:
        found = rows.select(known)
    chance = np.random.default_rng(settings.seed)
    drawn = chance.random(len(found)) < settings.think
    talks, kinds = found["prompt"][:], found["verifier"][:]
    plain = [isinstance(talk[-1]["content"], str) for talk in talks]
    thought = [
        bool(draw) and kind in THOUGHT and text
        for draw, kind, text in zip(drawn, kinds, plain, strict=True)
    ]
    said = [_with_steps(talk) if ask else talk for talk, ask in zip(talks, thought, strict=True)]
    prompt = found.features["prompt"]
    return (
        found.remove_columns("prompt")
        .add_column("prompt", said, feature=prompt)
        .add_column("think", thought)
        .add_column("row", list(range(len(found))))
    )


def _with_steps(talk: list[Any]) -> list[Any]:
    last = talk[-1]
    return [*talk[:-1], {**last, "content": f"{last['content']}{THINK}"}]
