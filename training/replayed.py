"""Replay beside a loss that is none of its own: each batch brings rows whose answers must stay likely.

    trainer = replayed(DPOTrainer, outfit, rows, settings)(model=..., train_dataset=...)

Adds `replay_weight` times the mean negative log-likelihood of the replayed completions to TRL's loss.
So many rows come with a batch that they are `replay_share` of all rows, of each release as many. Which
ones depends on seed, step and process alone: a run that goes on sees what it would have seen.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from counterfactory.training.data import by_release
from counterfactory.training.outfit import Outfit

if TYPE_CHECKING:
    from datasets import Dataset


def replayed(kind: Any, outfit: Outfit, rows: "Dataset | None", settings: Any) -> Any:
    """Return the trainer class with replay; as it is when there are no rows."""
    if rows is None:
        return kind
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    collate = DataCollatorForVisionLanguageModeling(outfit.processor, completion_only_loss=True)
    count = beside(settings.batch, settings.replay_share)

    held: Dataset = rows.select_columns(["images", "prompt", "completion"])
    releases = by_release(rows)

    class Replayed(kind):
        part = -1, -1  # the step, and which of its batches was last

        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False,
            num_items_in_batch: Any = None,
        ) -> Any:  # fmt: skip
            loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
            if not model.training:
                return loss
            step = self.state.global_step
            self.part = step, self.part[1] + 1 if self.part[0] == step else 0
            chosen = drawn(
                releases, count, settings.seed, *self.part, self.accelerator.process_index
            )
            batch = self._prepare_inputs(collate([held[at] for at in chosen]))
            kept = likelihood_loss(model, batch)
            self._metrics["train"]["replay_loss"].append(float(kept.detach()))
            first, *more = loss if isinstance(loss, tuple) else (loss,)
            total = first + settings.replay_weight * kept
            return (total, *more) if more else total

    return Replayed


def beside(batch: int, share: float) -> int:
    """Return how many replayed rows come with a batch, one at least.

    >>> beside(16, 0.3), beside(16, 0.5), beside(2, 0.1)
    (7, 16, 1)
    """
    return max(1, round(batch * share / (1 - share)))


def drawn(releases: Sequence[Sequence[int]], count: int, *names: int) -> list[int]:
    """Return `count` rows that follow from the names, as many of each release as can be.

    >>> few, many = range(3), range(3, 100)
    >>> sum(at < 3 for at in drawn([few, many], 4, 0, 7))
    2
    """
    chance = np.random.default_rng(names)
    turns = chance.permutation(len(releases))
    whose = [releases[int(turns[at % len(turns)])] for at in range(count)]
    return [places[int(chance.integers(len(places)))] for places in whose]


def likelihood_loss(model: Any, batch: Any) -> Any:
    """Return the mean negative log-likelihood of the completions."""
    from torch.nn.parallel import DistributedDataParallel

    # a second pass through DDP would reset what it knows of the first
    inner = model.module if isinstance(model, DistributedDataParallel) else model
    return inner(**batch, use_cache=False).loss
