"""From a MODEL as the user writes it to something that answers.

    answerer_for("pocket")                               a transformers model: pocket, folder, Hub id
    answerer_for("openai:http://localhost:8000/v1#name")   a served model
    answerer_for("dummy:always-yes")                     a baseline that is known beforehand
    answerer_for("blank:pocket")                         a model that sees grey pictures

A local model is loaded when it is first asked: an evaluation that is already done loads nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from counterfactory.errors import UserError, did_you_mean
from counterfactory.eval.answer_dummy import DUMMIES, Blank
from counterfactory.eval.asking import Answerer, Ask, Reply, in_order
from counterfactory.models.devices import choose
from counterfactory.models.ids import identify, locate

BATCH = 32


class Lazy:
    """A local model that is known by its files before it is loaded."""

    def __init__(self, model: str, batch: int, device: str) -> None:
        from counterfactory.models.vlm import settings_hash

        self.name, self.batch = model, batch
        self.device, kind = choose(device)
        self.dtype = "float32" if str(kind) == "torch.float32" else "bfloat16"
        self.weights_hash = identify("vlm", model).revision
        self._settings = settings_hash(locate("vlm", model))
        self._inner: Any = None

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies: hashes of the files, and the number type."""
        return {"weights": self.weights_hash, "settings": self._settings, "dtype": self.dtype}

    @property
    def inner(self) -> Any:
        """Return the model, loaded."""
        if self._inner is None:
            from transformers.utils import logging

            from counterfactory.eval.answer_local import LocalAnswerer
            from counterfactory.models.vlm import load_vlm

            logging.disable_progress_bar()  # ours is the one that counts
            vlm = load_vlm(self.name, self.device, self.dtype)
            self._inner = LocalAnswerer(vlm, self.batch, self.name)
        return self._inner

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as batches are done."""
        if asks:
            yield from self.inner.stream(asks)


def answerer_for(
    model: str, *, batch: int = BATCH, device: str = "auto", **served: Any
) -> Answerer:
    """Return what answers for `model`. Raises `UserError` for an id that leads nowhere.

    `served` are options of `served.Chat`: concurrency, timeout, retries.
    """
    head, _, rest = model.partition(":")
    if head == "openai":
        from counterfactory.eval.answer_served import ServedAnswerer

        return ServedAnswerer(model, **served)
    if head == "dummy":
        if rest not in DUMMIES:
            hint = did_you_mean(rest, DUMMIES)
            raise UserError(f"model {model!r}: expected one of {', '.join(DUMMIES)}{hint}")
        return DUMMIES[rest]()
    if head == "blank" and rest:
        return Blank(answerer_for(rest, batch=batch, device=device, **served))
    return Lazy(model, batch, device)
