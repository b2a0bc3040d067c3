"""Reinforcement with a hybrid reward and safety as a constraint, on the `grpo` view.

    counterfactory train reinforce pocket --data runs/world-qa --data runs/world-safety --out runs/r

For every prompt the model gives `group` answers. An answer's reward is 0.7 accuracy + 0.3 form:
rules mark what rules can, a judge the open answers (rewards/hybrid.py). Answers to harmful requests
also have a cost; a multiplier grows while their mean cost is over `budget` (lagrange.py). TRL's GRPO
does the rest (group_trainer.py); pictures are computed once for a group (rollouts.py).

    reward=rule | judge | hybrid            what gives the accuracy
    constraint=lagrange | fixed | off       dual ascent; a penalty that stays; none (it may be unsafe)
    judge=head | openai:URL#model ...       head: trained first, on the `dpo` view (rewards/head.py)
    cost=rules | head | openai:URL#model    what says that an answer is unsafe
    demonstrate=true | false                one answer of each harmful group is the row's own refusal
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from counterfactory.training.data import check_rows
from counterfactory.training.lagrange import Constraint, multiplier_for
from counterfactory.training.outfit import Outfit
from counterfactory.training.prompts import pool
from counterfactory.training.record import Recorder
from counterfactory.training.rewarding import rewards_for
from counterfactory.training.rewards.hybrid import Mode
from counterfactory.training.settings import Common
from counterfactory.training.trainer import arguments, run

Objective = Literal["grpo", "dapo", "dr_grpo", "bnpo", "cispo"]


class Settings(Common):
    """Defaults for the pocket model.

    7B as published: WeThink, 0.7/0.3, 5 answers a prompt, the rest unpublished; EasyR1, with which it
    was trained, has lr 1e-6, KL 0.01, 512 prompts a step, temperature 1.
    """

    steps: int = Field(200, ge=1)
    batch: int = Field(64, ge=2)  # answers at a time, a multiple of `group`
    lr: float = Field(1e-4, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "constant"

    group: int = Field(8, ge=2)  # answers to one prompt
    temperature: float = Field(1.0, gt=0)
    top_p: float = Field(1.0, gt=0, le=1)
    answer_tokens: int = Field(64, ge=1)
    objective: Objective = "grpo"  # answers weigh alike; dapo: tokens do, and "yes" is one of them
    kl: float = Field(0.0, ge=0)  # to the model at the start
    once: bool = True  # compute a prompt once for its answers; False: TRL's own rollouts
    skip_equal: bool = True  # leave answers without an advantage out of the update: same gradient

    reward: Mode = "hybrid"
    accuracy_share: float = Field(0.7, ge=0, le=1)  # of the reward; the rest is form
    think: float = Field(0.25, ge=0, le=1)  # share of closed questions that ask for steps
    judge: str = "head"
    head_rows: int = Field(3000, ge=10)  # ranked answers that it learns from, and is tried on

    requests: float = Field(0.3, ge=0, lt=1)  # share of the prompts; 0: as they come
    demonstrate: bool = True  # one answer of each harmful group is the row's refusal
    constraint: Constraint = "lagrange"
    cost: str = "rules"
    budget: float = Field(0.01, ge=0, le=1)  # mean cost of answers to harmful requests
    multiplier: float = Field(1.0, ge=0)  # at the start; with `fixed` the penalty
    multiplier_lr: float = Field(0.1, ge=0)
    multiplier_most: float = Field(5.0, gt=0)

    @model_validator(mode="after")
    def _whole_groups(self) -> "Settings":
        if self.batch % self.group:
            raise ValueError(
                f"a batch of whole groups: {self.batch} is no multiple of {self.group}"
            )
        return self

    @property
    def heads(self) -> bool:
        """Say whether a reward head is trained first."""
        return (self.judge == "head" and self.reward != "rule") or self.cost == "head"

    def views(self) -> tuple[str, ...]:
        """Return what is read: ranked answers too where a head learns from them."""
        return ("grpo", "dpo") if self.heads else ("grpo",)


def reinforce(
    outfit: Outfit, rows: Any, settings: Settings, work: Path, recorder: Recorder
) -> dict[str, float]:
    """Train with GRPO under the constraint."""
    return run(trainer_for(outfit, rows, settings, work, recorder), outfit, recorder)


def trainer_for(
    outfit: Outfit, rows: Any, settings: Settings, work: Path, recorder: Recorder
) -> Any:
    """Return the trainer: prompts, rewards, constraint."""
    from trl import GRPOConfig

    from counterfactory.training.group_trainer import GroupTrainer
    from counterfactory.training.rollouts import rollouts

    prompts, ranked = (rows["grpo"], rows["dpo"]) if settings.heads else (rows, None)
    prompts = pool(prompts, settings)
    check_rows(prompts, outfit.image_token, talks=("prompt",))
    reward, cost = rewards_for(outfit, ranked, settings, recorder)
    return GroupTrainer(
        model=outfit.model,
        processing_class=outfit.processor,
        train_dataset=prompts,
        reward_funcs=[reward, cost],
        rollout_func=rollouts if settings.once else None,
        multiplier=multiplier_for(
            settings.constraint, budget=settings.budget, value=settings.multiplier,
            rate=settings.multiplier_lr, most=settings.multiplier_most,
        ),
        patience=settings.steps,
        demonstrate=settings.demonstrate,
        skip_equal=settings.skip_equal,
        args=arguments(
            GRPOConfig, outfit, settings, work, num_generations=settings.group,
            max_completion_length=settings.answer_tokens, temperature=settings.temperature,
            top_p=settings.top_p, beta=settings.kl, loss_type=settings.objective,
            multi_objective_aggregation="normalize_then_sum", disable_dropout=True,
        ),
    )  # fmt: skip
