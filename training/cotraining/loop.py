"""The steps of co-training, by accelerate: one process or several, exactly as if it were one.

    run(together, feed, groups, settings, work, recorder, on_gpu=False)

Every turn's rows and noise follow from its number, so a run that goes on from a checkpoint has the
losses of one that was never stopped. Each group of weights (model, generator, heads) is clipped for
itself: a loud generator does not quieten the model.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from counterfactory.errors import UserError
from counterfactory.training import resume
from counterfactory.training.cotraining.together import talked
from counterfactory.training.lines import final
from counterfactory.training.record import Recorder
from counterfactory.training.trainer import SCHEDULES


def accelerator_for(on_gpu: bool, bf16: bool = False) -> Any:
    """Return accelerate's view of the processes; a GPU always computes in bfloat16."""
    from accelerate import Accelerator, DistributedDataParallelKwargs, DistributedType

    loose = DistributedDataParallelKwargs(find_unused_parameters=True)
    precision = "bf16" if on_gpu or bf16 else "no"
    made = Accelerator(cpu=not on_gpu, mixed_precision=precision, kwargs_handlers=[loose])
    if made.distributed_type in (DistributedType.FSDP, DistributedType.DEEPSPEED):
        raise UserError(
            f"cotrain: launched with {made.distributed_type.value}, expected plain data parallelism "
            "(accelerate launch --multi_gpu); for large models use --set lora=true"
        )
    return made


def run(
    together: Any, feed: Any, groups: list[dict[str, Any]], settings: Any, work: Path,
    recorder: Recorder, accelerator: Any,
) -> dict[str, float]:  # fmt: skip
    """Train to the end; return the numbers of the last tenth."""
    from transformers import get_scheduler

    optimizer = torch.optim.AdamW(groups, weight_decay=settings.weight_decay)
    schedule = get_scheduler(
        SCHEDULES[settings.schedule], optimizer, settings.warmup_steps, settings.steps
    )
    module, stepper = accelerator.prepare(together, optimizer)
    done = _restore(together, optimizer, schedule, work, accelerator)
    recorder.begin(done)
    read = sum(line.get("num_tokens", 0.0) for line in recorder.lines()[-1:])  # so far
    for step in range(done + 1, settings.steps + 1):
        lr = schedule.get_last_lr()[0]
        terms = _gradients(module, feed, step - 1, settings.accumulate, accelerator, recorder)
        for group in groups:
            norm = accelerator.clip_grad_norm_(group["params"], settings.clip_norm)
            recorder.finite(norm, "gradient norm")
        stepper.step()
        schedule.step()
        stepper.zero_grad()
        read += terms["num_tokens"]
        recorder.step(step, terms.pop("loss"), lr, **terms | {"num_tokens": read})
        if step % settings.save_every == 0 and step < settings.steps:
            _save(together, optimizer, schedule, work, step, accelerator)
    recorder.end()
    return final(recorder.lines())


def _gradients(
    module: Any, feed: Any, step: int, turns: int, accelerator: Any, recorder: Recorder
) -> dict[str, float]:
    """Add up the gradients of one step; return its terms, as one process would have them."""
    batches = [feed(step * turns + turn) for turn in range(turns)]
    talks = [talked(batch["lm"]["labels"]) for batch in batches if "lm" in batch]
    heard = torch.tensor(float(sum(talks)), device=accelerator.device)
    share = accelerator.reduce(heard, "mean").item() / turns
    read = sum(batch["lm"]["attention_mask"].sum() for batch in batches if "lm" in batch)
    totals: dict[str, Tensor] = {}
    for turn, batch in enumerate(batches):
        batch["tokens"] = max(share, 1e-6)
        with ExitStack() as held:
            if turn < turns - 1:
                held.enter_context(accelerator.no_sync(module))
            terms = module(_placed(batch, accelerator.device))
            recorder.finite(_mean(terms["loss"], accelerator))
            accelerator.backward(terms["loss"] / turns)
        for name, value in terms.items():
            totals[name] = totals.get(name, 0.0) + value.detach() / turns
    found = {name: float(_mean(value, accelerator)) for name, value in totals.items()}
    mean = float(_mean(torch.as_tensor(read, device=accelerator.device), accelerator))
    return {**found, "num_tokens": mean * accelerator.num_processes}


def _mean(value: Tensor, accelerator: Any) -> Tensor:
    """Return the mean over processes: all see the same number, and stop or go on together."""
    if accelerator.num_processes == 1:
        return value.detach()
    found: Tensor = accelerator.reduce(value.detach().float().clone(), "mean")
    return found


def _placed(batch: Any, device: Any) -> Any:
    """Return a batch on a device."""
    if isinstance(batch, Mapping):
        return {name: _placed(value, device) for name, value in batch.items()}
    return batch.to(device) if isinstance(batch, Tensor) else batch


def _learning(together: Any) -> dict[str, Tensor]:
    return {name: w for name, w in together.named_parameters() if w.requires_grad}


def _save(
    together: Any, optimizer: Any, schedule: Any, work: Path, step: int, accelerator: Any
) -> None:
    if accelerator.is_main_process:
        weights = {name: w.detach().clone() for name, w in _learning(together).items()}
        held = {"weights": weights, "optimizer": optimizer.state_dict()}
        resume.save_state(work, step, {**held, "schedule": schedule.state_dict()})
    accelerator.wait_for_everyone()


def _restore(together: Any, optimizer: Any, schedule: Any, work: Path, accelerator: Any) -> int:
    """Put back the newest checkpoint; return how many steps it has behind it."""
    if accelerator.is_main_process:
        resume.last_checkpoint(work)  # removes torn ones
    accelerator.wait_for_everyone()
    done, state = resume.load_state(work)
    if state is not None:
        with torch.no_grad():
            for name, weight in _learning(together).items():
                weight.copy_(state["weights"][name])
        optimizer.load_state_dict(state["optimizer"])
        schedule.load_state_dict(state["schedule"])
    return done
