"""From our settings to a TRL trainer and back: what sft, prefer and reinforce share.

trainer = SFTTrainer(model=outfit.model, args=arguments(SFTConfig, outfit, settings, work), ...)
return run(trainer, outfit, recorder)
"""

import logging
import os
import warnings
from pathlib import Path
from typing import Any

from counterfactory.training import resume
from counterfactory.training.lines import final
from counterfactory.training.outfit import Outfit, load_outfit
from counterfactory.training.record import Recorder
from counterfactory.training.settings import Common

trainer_logger = logging.getLogger("transformers.trainer")
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
# a name that transformers will change in v6, and that TRL and older versions know by this one alone
warnings.filterwarnings("ignore", r"`(is_)?gradient_checkpointing", FutureWarning)

SCHEDULES = {"constant": "constant_with_warmup", "linear": "linear", "cosine": "cosine"}


def arguments(kind: type, outfit: Outfit, settings: Common, work: Path, **more: Any) -> Any:
    """Return the configuration (`SFTConfig`, `DPOConfig` ...) for our settings.

    `more` is what the method adds; it wins.
    """
    common = {
        "output_dir": str(work), "max_steps": settings.steps,
        "per_device_train_batch_size": settings.batch,
        "gradient_accumulation_steps": settings.accumulate,
        "learning_rate": settings.lr, "lr_scheduler_type": SCHEDULES[settings.schedule],
        "warmup_steps": settings.warmup_steps, "weight_decay": settings.weight_decay,
        "max_grad_norm": settings.clip_norm, "seed": settings.seed, "data_seed": settings.seed,
        "bf16": outfit.on_gpu or settings.half, "use_cpu": not outfit.on_gpu,
        "gradient_checkpointing": settings.recompute,
        "save_strategy": "steps", "save_steps": settings.save_every,
        "save_total_limit": resume.KEPT, "logging_steps": 1, "logging_nan_inf_filter": False,
        "report_to": settings.report_to, "disable_tqdm": True,
        "dataloader_pin_memory": outfit.on_gpu,
    }  # fmt: skip
    return kind(**(common | more))


def run(trainer: Any, outfit: Outfit, recorder: Recorder) -> dict[str, float]:
    """Train from the last whole checkpoint to the end; return the numbers of the last tenth."""
    recorder.watch(trainer)
    found = resume.last_checkpoint(recorder.work) if recorder.first else None
    checkpoint = _agreed(trainer, found)
    if checkpoint is not None:
        _load(trainer, checkpoint)
    trainer.train(resume_from_checkpoint=checkpoint)
    _gather(trainer, outfit)
    return final(recorder.lines())


def _agreed(trainer: Any, found: Path | None) -> str | None:
    """Return the first process's checkpoint in every process."""
    if trainer.accelerator.num_processes == 1:
        return str(found) if found else None
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([str(found) if found else None])[0]


def _load(trainer: Any, checkpoint: str) -> None:
    """Load a checkpoint's weights as `from_pretrained` does.

    Trainer compares names as they are in the file. Those of LLaVA and others are translated on
    saving, so that it would find none of them, warn, and go on with the weights of the start.
    """
    from peft import PeftModel

    trainer_logger.addFilter(_known)
    model = trainer.model
    if isinstance(model, PeftModel) or trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        return
    held = type(model).from_pretrained(checkpoint, dtype=model.dtype)
    model.load_state_dict(held.state_dict())


def _known(record: logging.LogRecord) -> bool:
    """Say whether a log line is worth reading: not the one about names that `_load` looked after."""
    return "keys in the checkpoint model loaded" not in str(record.msg)


def _gather(trainer: Any, outfit: Outfit) -> None:
    """Put the trained weights back into the outfit's model, whole, where they were sharded."""
    if not (trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled):
        outfit.model = trainer.accelerator.unwrap_model(
            trainer.model,
            keep_fp32_wrapper=False,  # it answers in its own precision
        )
        return
    state = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if trainer.accelerator.is_main_process:
        fresh = load_outfit(outfit.source.id, lora=outfit.lora, device="cpu")
        fresh.model.load_state_dict(state)
        outfit.model = fresh.model
