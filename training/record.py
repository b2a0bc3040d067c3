"""What a run says while it goes: a line a step in training.jsonl, progress, curves at the end.

    {"step": 12, "loss": 0.4182, "lr": 0.0002, "seconds": 0.41, "grad_norm": 1.8}

A `Recorder` is a callback of transformers' Trainer (`watch(trainer)` puts it in place), and serves
loops of a method's own: `recorder.begin(step)`, then `recorder.step(step, loss, lr, **extras)`.
A loss that is no number ends the run before it changes a weight.
"""

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from transformers import TrainerCallback

from counterfactory.errors import Diverged
from counterfactory.progress import Progress
from counterfactory.training import resume
from counterfactory.training.lines import LINES, read

_RENAMED = {"learning_rate": "lr"}
_DROPPED = ("epoch", "total_flos")


class Recorder(TrainerCallback):
    """Keeps the lines of one run below `work`; only the first process writes."""

    def __init__(self, work: Path, steps: int, *, what: str = "train", first: bool = True) -> None:
        self.work, self.steps, self.first = work, steps, first
        self.extras = work / "extras"  # what a method leaves here comes beside the model
        self.facts: dict[str, Any] = {}  # what a method wants in the card beside its numbers
        self.at = 0
        self._what, self._clock = what, time.monotonic()
        self._stream: TextIO | None = None
        self._progress: Progress | None = None

    # --- for loops of a method's own

    def begin(self, step: int = 0) -> None:
        """Open the record after `step` steps; lines of steps that are done anew are cut away."""
        self.at, self._clock = step, time.monotonic()
        if not self.first:
            return
        self.work.mkdir(parents=True, exist_ok=True)
        kept = [line for line in read(self.work / LINES) if line["step"] <= step]
        text = "".join(json.dumps(line) + "\n" for line in kept)
        (self.work / LINES).write_text(text, encoding="utf-8")
        self._stream = (self.work / LINES).open("a", encoding="utf-8")
        self._progress = Progress(self.steps, self._what, unit="steps", done=step)

    def step(self, step: int, loss: float, lr: float, **extras: float) -> None:
        """Write one line; extras that are no numbers (a reward that applied to no row) are left out.

        Call `finite` on the loss before the step that it leads to.
        """
        now = time.monotonic()
        seconds, self._clock, self.at = now - self._clock, now, step
        numbers = {name: value for name, value in extras.items() if math.isfinite(value)}
        line = {"step": step, "loss": loss, "lr": lr, "seconds": round(seconds, 4), **numbers}
        if self._stream is not None and self._progress is not None:
            self._stream.write(json.dumps(line) + "\n")
            self._stream.flush()
            self._progress.advance(1, note=f"loss {loss:.4f}")

    def finite(self, value: Any, what: str = "loss") -> None:
        """Raise `Diverged` when `value` is no finite number; the weights are still good."""
        if math.isfinite(float(value)):
            return
        found = resume.checkpoints(self.work)
        kept = f"the last good checkpoint is {found[-1]}" if found else "there is no checkpoint yet"
        raise Diverged(
            f"step {self.at + 1}: found {what} {float(value)}, expected a number; stopped before the "
            f"step, {kept}; try a lower lr (--set lr=...) or look at the rows"
        )

    def end(self) -> None:
        """Close the record and draw its curves."""
        if self._stream is not None and self._progress is not None:
            self._stream.close()
            self._progress.close()
            self._stream = None
            from counterfactory.training.curves import draw

            draw(self.lines(), self.work / "curves.png")

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines written so far, of earlier runs too."""
        return read(self.work / LINES)

    # --- for transformers' Trainer

    def watch(self, trainer: Any) -> None:
        """Follow a trainer: its numbers are written, its checkpoints marked, its losses looked at."""
        from transformers import PrinterCallback

        inner, accelerator = trainer.compute_loss, trainer.accelerator

        def compute_loss(*args: Any, **kwargs: Any) -> Any:
            result = inner(*args, **kwargs)
            loss = (result[0] if isinstance(result, tuple) else result).detach()
            if accelerator.num_processes > 1:  # all stop, or none
                loss = accelerator.gather(loss.reshape(1)).sum()
            self.finite(loss)
            return result

        trainer.compute_loss = compute_loss
        trainer.remove_callback(PrinterCallback)  # it writes to standard output
        trainer.add_callback(self)

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Begin where the trainer begins."""
        self.begin(state.global_step)

    def on_pre_optimizer_step(
        self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any
    ) -> None:
        """Look at the gradients: the last moment before weights change."""
        from torch.nn.utils import get_total_norm

        grads = [w.grad for w in model.parameters() if w.grad is not None]
        if grads:  # DeepSpeed keeps its own
            self.finite(get_total_norm(grads).sum(), "gradient norm")

    def on_log(
        self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kw: Any
    ) -> None:
        """Write the step's line."""
        found = {_RENAMED.get(name, name): value for name, value in (logs or {}).items()}
        if "loss" in found:
            numbers = {
                name: float(value)
                for name, value in found.items()
                if name not in (*_DROPPED, "step", "seconds") and isinstance(value, int | float)
            }
            self.step(state.global_step, numbers.pop("loss"), numbers.pop("lr", 0.0), **numbers)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Mark the checkpoint as whole once every process has written its part."""
        from accelerate import PartialState

        PartialState().wait_for_everyone()
        if self.first:
            resume.mark_whole(self.work / f"{resume.PREFIX}{state.global_step}")

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the record."""
        self.end()
