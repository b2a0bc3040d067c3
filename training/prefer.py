"""Learn from preferences: DPO and its MPO mix on the `dpo` view, KTO on the `kto` view, by TRL.

    counterfactory train prefer pocket --data runs/world-safety --out runs/safe \\
        --replay runs/world-qa --replay-share 0.3
    counterfactory train prefer pocket --data runs/world-safety --out runs/kto --set loss=kto

A model that is taught to refuse forgets to help. So each step may see rows of other releases too
(`--replay`, replayed.py), whose answers stay as likely as they were taught to be.

Ablations: no --replay; loss=kto, loss=mpo; kinds=[image_contrast], kinds=[safety,over_refusal].
"""

import copy
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, model_validator

from counterfactory.errors import UserError
from counterfactory.training.data import check_rows, load_view
from counterfactory.training.outfit import Outfit
from counterfactory.training.record import Recorder
from counterfactory.training.replayed import replayed
from counterfactory.training.settings import Common, Replay
from counterfactory.training.trainer import arguments, run

if TYPE_CHECKING:
    from datasets import Dataset

LOSSES: dict[str, dict[str, Any]] = {
    "dpo": {"loss_type": ["sigmoid"]},
    "mpo": {"loss_type": ["sigmoid", "bco_pair", "sft"]},  # preference, quality, generation
    "kto": {"loss_type": "kto"},
}


class Settings(Replay, Common):
    """Defaults for the pocket model.

    SPA-VL's for LLaVA-1.5-7B: DPO, beta 0.1, lr 1e-6, one epoch of 93,258 rows, 8 a step (1 on each
    of 8 GPUs), cosine, 10 steps of warmup, projector and language model trained, vision frozen,
    gradient norm 1. MPO's weights are InternVL's; its third loss, the likelihood of the chosen answer,
    helps where the model given would hardly ever say it.
    """

    loss: Literal["dpo", "mpo", "kto"] = "dpo"
    beta: float = Field(0.1, gt=0)  # how near to the model given
    mpo_weights: tuple[float, float, float] = (0.8, 0.2, 1.0)
    label_smoothing: float = Field(0.0, ge=0, lt=0.5)  # part of labels that may be wrong (rDPO)
    kinds: tuple[str, ...] = ()  # of preferences to keep: safety, over_refusal, ...; none: all
    replay_weight: float = Field(1.0, gt=0)  # of the replayed rows' loss
    freeze_vision: bool = True
    lr: float = Field(1e-4, gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.loss == "kto" and self.batch < 2:
            raise ValueError("batch 2 or more: kto compares the rows of a batch")
        if self.loss == "kto" and self.kinds:
            raise ValueError("no kinds with loss=kto: the view kto has none")
        if self.loss == "kto" and self.label_smoothing:
            raise ValueError("no label_smoothing with loss=kto: only dpo and mpo know it")
        return self

    def views(self) -> tuple[str, ...]:
        """Return the view that the loss reads."""
        return ("kto",) if self.loss == "kto" else ("dpo",)


def prefer(
    outfit: Outfit, rows: "Dataset", settings: Settings, work: Path, recorder: Recorder
) -> dict[str, float]:
    """Make chosen answers likelier than rejected ones, measured against the model given."""
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

    rows = of_kinds(rows, settings.kinds)
    talks = ("prompt", "completion") if settings.loss == "kto" else ("prompt", "chosen", "rejected")
    check_rows(rows, outfit.image_token, talks)
    columns = ["images", *talks, *(["label"] if settings.loss == "kto" else [])]
    kto = settings.loss == "kto"
    more = LOSSES[settings.loss] | {"beta": settings.beta, "max_length": settings.max_length}
    if settings.loss == "mpo":
        more["loss_weights"] = list(settings.mpo_weights)
    if settings.label_smoothing:  # TRL's `sigmoid` would not look at it
        more["loss_type"] = ["robust" if one == "sigmoid" else one for one in more["loss_type"]]
        more["label_smoothing"] = settings.label_smoothing
    kind = KTOTrainer if kto else DPOTrainer
    trainer = replayed(kind, outfit, replay_rows(outfit, settings), settings)(
        model=outfit.model,
        ref_model=None if outfit.lora else copy.deepcopy(outfit.model),  # adapters are switched off
        processing_class=outfit.processor,
        train_dataset=rows.select_columns(columns),
        args=arguments(KTOConfig if kto else DPOConfig, outfit, settings, work, **more),
    )
    return run(trainer, outfit, recorder)


def of_kinds(rows: "Dataset", kinds: tuple[str, ...]) -> "Dataset":
    """Return the preferences of these kinds. Raises `UserError` when there are none of one."""
    if not kinds:
        return rows
    found = Counter(rows["kind"])
    if missing := [kind for kind in kinds if not found[kind]]:
        there = ", ".join(f"{kind} ({count})" for kind, count in found.items())
        raise UserError(
            f"--set kinds: found no preference of kind {missing[0]!r}, there are {there}"
        )
    return rows.select([at for at, kind in enumerate(rows["kind"]) if kind in kinds])


def replay_rows(outfit: Outfit, settings: Settings) -> "Dataset | None":
    """Return the rows whose answers must not be forgotten, if any are wanted."""
    if not settings.replay or not settings.replay_share:
        return None
    rows = load_view(settings.replay, "sft")
    check_rows(rows, outfit.image_token)
    return rows
