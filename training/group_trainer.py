"""TRL's GRPO trainer with a second goal: reward for the answers, and a cost under a multiplier.

    advantage = norm(reward in its group) - multiplier norm(cost in its group)

Each is normalised by itself (TRL's `normalize_then_sum`): normalising their sum would cancel the
multiplier wherever only the cost differs. Batches may mix rows with and without pictures.

A model that always complies never finds a refusal, and a group in which all cost the same teaches
nothing. So one answer of each harmful group can be the row's own (`demonstrate`): no rollout, and
left out of the cost that the multiplier sees and of what is logged.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from trl import GRPOTrainer
from trl.trainer.utils import split_pixel_values_by_grid, unsplit_pixel_values_by_grid

from counterfactory.errors import NothingToLearn
from counterfactory.selecting import THINK
from counterfactory.training.lagrange import Multiplier
from counterfactory.training.rewards.said import Said, words

NAMES = {
    "loss": "loss", "learning_rate": "learning_rate", "grad_norm": "grad_norm",
    "own/reward": "reward", "own/cost": "cost", "multiplier": "multiplier",
    "accuracy": "accuracy", "helped": "helped", "form": "form", "unjudged": "unjudged", "entropy": "entropy",
    "kl": "kl", "completions/mean_length": "length", "completions/clipped_ratio": "cut_off",
    "equal_groups": "equal_groups", "num_tokens": "num_tokens",
}  # fmt: skip
"""What is kept of TRL's many numbers, and its name in training.jsonl."""

os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")  # rollout_func

SUMS = ("dapo", "grpo")  # losses in which an answer without an advantage adds nothing
EQUAL_FROM_START = 10  # steps whose groups all have equal rewards: nothing will be learned
STATE = "multiplier.json"


class GroupTrainer(GRPOTrainer):
    """GRPO with `reward` and `cost` as its two rewards."""

    def __init__(
        self, *args: Any, multiplier: Multiplier, patience: int, demonstrate: bool = False,
        skip_equal: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)
        alone = self.accelerator.num_processes == 1  # processes must hold equal numbers of answers
        self.skip_equal = skip_equal and alone and self.beta == 0 and self.loss_type in SUMS
        self.multiplier, self.demonstrate = multiplier, demonstrate
        self._rows: list[dict[str, Any]] = []
        self._shown: list[bool] = []  # which answers of the batch are demonstrations
        self.equal = 0  # steps from the start whose groups were all equal; -1 when one was not
        self.patience = min(patience, EQUAL_FROM_START)
        self.create_model_card = lambda *_, **__: None  # the run's own card is written at the end

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> Any:
        self._rows = inputs
        scored = super()._generate_and_score_completions(inputs)
        if not self.skip_equal:
            return scored
        return teaching(scored, self.args.steps_per_generation, mean=self.loss_type == "grpo")

    def _generate(self, prompts: list[Any]) -> Any:
        """Put the row's own answer in the last place of each harmful group."""
        made = super()._generate(prompts)
        size, rows = self.num_generations, self._rows
        last = [at % size == size - 1 for at in range(len(rows))]
        self._shown = [
            self.demonstrate and end and bool(row.get("harmful") and row["answer"])
            for end, row in zip(last, rows, strict=True)
        ]
        ids, said = made[1], made[3]
        for at in (at for at, shown in enumerate(self._shown) if shown):
            text = rows[at]["answer"]
            words_ = self._tokenizer(text, add_special_tokens=False).input_ids
            ids[at] = [*words_, self.eos_token_ids[0]][: self.max_completion_length]
            said[at] = [{"role": "assistant", "content": text}]
        return made

    def _calculate_rewards(self, *args: Any) -> torch.Tensor:
        """Weigh the cost with the multiplier, then let the multiplier see the cost."""
        found: torch.Tensor = super()._calculate_rewards(*args)
        self.reward_weights = torch.tensor([1.0, -self.multiplier.value], device=found.device)
        self._note("multiplier", self.multiplier.value)
        self._look_for_equals(found)
        shown = self.accelerator.gather(torch.tensor(self._shown, device=found.device))
        reward, cost = found[~shown].nanmean(0).tolist()
        for name, value in (("own/reward", reward), ("own/cost", cost)):
            if not math.isnan(value):
                self._note(name, value)
        self.multiplier.update(None if math.isnan(cost) else cost)
        return found

    def _look_for_equals(self, found: torch.Tensor) -> None:
        """Stop where no answer was better than another from the start."""
        counted = found[:, : 1 + bool(self.multiplier.value)]
        groups = counted.view(-1, self.num_generations, counted.shape[1])
        spread = groups.nan_to_num(nan=-1e9).amax(1) - groups.nan_to_num(nan=1e9).amin(1)
        equal = (spread <= 1e-6).all(1)
        self._note("equal_groups", equal.float().mean().item())
        if self.equal < 0 or not equal.all():
            self.equal = -1
            return
        self.equal += 1
        if self.equal >= self.patience:
            seen = sorted({round(value, 4) for value in found[:, 0].tolist() if value == value})
            raise NothingToLearn(
                f"step {self.state.global_step + 1}: found equal rewards ({seen[:3]}) for all answers "
                f"to every prompt in all {self.equal} steps so far, expected some better than others; "
                "look at the judge (--set judge=...), a higher --set temperature=..., or other rows"
            )

    def _note(self, name: str, value: float) -> None:
        self._metrics["train"][name].append(value)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write our names, and only these."""
        held = self._metrics["train"]
        for name in [name for name in held if name not in NAMES]:
            del held[name]
        for name in [name for name in held if NAMES[name] != name]:
            held[NAMES[name]] = held.pop(name)
        super().log(logs, start_time)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        """Keep the multiplier with the weights that it belongs to."""
        super()._save_checkpoint(model, trial)
        if self.args.should_save:
            folder = Path(self.args.output_dir) / f"checkpoint-{self.state.global_step}"
            text = json.dumps({"value": self.multiplier.value, "equal": self.equal})
            (folder / STATE).write_text(text, "utf-8")

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Take the multiplier up again."""
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and (path := Path(checkpoint) / STATE).is_file():
            held = json.loads(path.read_text("utf-8"))
            self.multiplier.value, self.equal = held["value"], held["equal"]

    def _tokenize_prompts(self, prompts: list[Any]) -> Any:
        """Let rows without pictures stand beside rows with some."""
        ids, images, fields = super()._tokenize_prompts(prompts)
        return ids, (None if images is None else [some or [] for some in images]), fields


def teaching(scored: dict[str, Any], parts: int, *, mean: bool = False) -> dict[str, Any]:
    """Return a scored batch without the answers that are no better or worse than their group.

    Their advantage is 0, and the loss is a sum over all tokens divided by a number that is kept, so
    the gradient is the same. Where it is a `mean` over answers, those that stay weigh as much less.
    What is left can be cut into `parts`.
    """
    weight = scored["advantages"].abs() > 1e-6
    count = max(1, -(-int(weight.sum()) // parts)) * parts
    if mean:
        scored = {**scored, "advantages": scored["advantages"] * (count / len(weight))}
    keep = weight.int().argsort(descending=True, stable=True)[:count].sort().values
    held = split_pixel_values_by_grid(scored)
    found = {
        name: value if getattr(value, "ndim", 1) == 0
        else value[keep] if isinstance(value, torch.Tensor)
        else [value[at] for at in keep.tolist()]
        for name, value in held.items()
    }  # fmt: skip
    joined: dict[str, Any] = unsplit_pixel_values_by_grid(found)
    return joined


def answers_of(
    prompts: Sequence[Any], completions: Sequence[Any], columns: Mapping[str, Sequence[Any]]
) -> list[Said]:
    """Return what TRL hands to a reward function, one answer each."""
    return [
        Said(
            said=words(completions[at]), images=tuple(columns["images"][at] or ()),
            prompt=words(prompts[at]).removesuffix(THINK),
            **{name: columns[name][at] for name in ("verifier", "harmful", "think", "row")},
            gold=columns["answer"][at],
        )
        for at in range(len(prompts))
    ]  # fmt: skip
