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
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, model_validator

from counterfactory.errors import UserError
from counterfactory.selecting import THINK
from counterfactory.training.data import check_rows, mixed
from counterfactory.training.lagrange import Constraint, multiplier_for
from counterfactory.training.outfit import Outfit
from counterfactory.training.record import Recorder
from counterfactory.training.rewards.form import form
from counterfactory.training.rewards.hybrid import RULES, Judging, Mode, accuracies, total
from counterfactory.training.rewards.judged import Judged
from counterfactory.training.rewards.unsafe import unsafe
from counterfactory.training.settings import Common
from counterfactory.training.trainer import arguments, run

if TYPE_CHECKING:
    from datasets import Dataset

Objective = Literal["grpo", "dapo", "dr_grpo", "bnpo", "cispo"]
THOUGHT = ("yes_no", "number", "exact")  # asked for steps in a share of the prompts


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
    objective: Objective = "dapo"
    kl: float = Field(0.0, ge=0)  # to the model at the start
    once: bool = True  # compute a prompt once for its answers; False: TRL's own rollouts

    reward: Mode = "hybrid"
    accuracy_share: float = Field(0.7, ge=0, le=1)  # of the reward; the rest is form
    think: float = Field(0.25, ge=0, le=1)  # share of closed questions that ask for steps
    judge: str = "head"
    head_steps: int = Field(150, ge=1)
    head_lr: float = Field(2e-4, gt=0)

    requests: float = Field(0.3, ge=0, lt=1)  # share of the prompts; 0: as they come
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
    from trl import GRPOConfig

    from counterfactory.training.group_trainer import GroupTrainer
    from counterfactory.training.rollouts import rollouts

    prompts, ranked = (rows["grpo"], rows["dpo"]) if settings.heads else (rows, None)
    prompts = pool(prompts, settings)
    check_rows(prompts, outfit.image_token, talks=("prompt",))
    reward, cost = rewards_for(outfit, ranked, settings, work, recorder)
    trainer = GroupTrainer(
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
        args=arguments(
            GRPOConfig, outfit, settings, work, num_generations=settings.group,
            max_completion_length=settings.answer_tokens, temperature=settings.temperature,
            top_p=settings.top_p, beta=settings.kl, loss_type=settings.objective,
            multi_objective_aggregation="normalize_then_sum", disable_dropout=True,
        ),
    )  # fmt: skip
    return run(trainer, outfit, recorder)


def pool(rows: "Dataset", settings: Settings) -> "Dataset":
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


def rewards_for(
    outfit: Outfit, ranked: "Dataset | None", settings: Settings, work: Path, recorder: Recorder
) -> tuple[Any, Any]:
    """Return the two functions that TRL calls."""
    from counterfactory.training.group_trainer import answers_of, mean

    judge, price = judges_for(outfit, ranked, settings, work, recorder)

    def reward(prompts: Any, completions: Any, log_metric: Any, **columns: Any) -> Any:
        answers = answers_of(prompts, completions, columns)
        right = accuracies(answers, judge, settings.reward)
        kept = [form(one.said, one.verifier, one.think) for one in answers]
        told = {"accuracy": mean(right), "form": mean(kept), "unjudged": float(right.count(None))}
        for name, value in told.items():
            if value is not None:
                log_metric(name, value)
        share = settings.accuracy_share
        return [total(value, form_, share) for value, form_ in zip(right, kept, strict=True)]

    def cost(prompts: Any, completions: Any, **columns: Any) -> Any:
        answers = answers_of(prompts, completions, columns)
        found: list[float | None] = [None] * len(answers)
        harmful = [at for at, one in enumerate(answers) if one.harmful]
        for at, value in zip(harmful, price([answers[at] for at in harmful]), strict=True):
            found[at] = value
        return found

    return reward, cost


def judges_for(
    outfit: Outfit, ranked: "Dataset | None", settings: Settings, work: Path, recorder: Recorder
) -> tuple[Judging | None, Judging]:
    """Return who marks open answers, and who says what is unsafe."""
    head = _head(outfit, ranked, settings, work, recorder) if ranked is not None else None
    judge: Judging | None = None
    if settings.reward != "rule":
        judge = (
            head.judge if head and settings.judge == "head" else _bench(settings.judge, "correct")
        )
    if settings.cost == "rules":
        return judge, lambda answers: [unsafe(one.said, one.harmful) for one in answers]
    return judge, head.cost if head and settings.cost == "head" else _bench(settings.cost, "safety")


def _bench(judge: str, kind: Any) -> Judged:
    from counterfactory.judges import judge_for

    return Judged(judge_for(judge), kind)


def _head(
    outfit: Outfit, ranked: "Dataset", settings: Settings, work: Path, recorder: Recorder
) -> Any:
    """Return the reward head, trained once a run and kept beside the model."""
    from accelerate import PartialState

    from counterfactory.training.rewards import head

    folder = recorder.extras / "judge"
    with PartialState(cpu=not outfit.on_gpu).main_process_first():
        if not folder.is_dir():
            check_rows(ranked, outfit.image_token, talks=("prompt", "chosen"))
            head.save(
                head.fit(
                    outfit, ranked, steps=settings.head_steps, lr=settings.head_lr,
                    seed=settings.seed,
                ),
                folder,
            )  # fmt: skip
        found = head.load(outfit, folder)
    recorder.facts |= found.facts
    return found.head


def _with_steps(talk: list[Any]) -> list[Any]:
    last = talk[-1]
    return [*talk[:-1], {**last, "content": f"{last['content']}{THINK}"}]
