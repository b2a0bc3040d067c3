"""The plain way: every prompt whole, through transformers' own `generate`.

    plain = Plain(vlm)
    plain.said(rows)     ->  [Reply(text="yes", ...), ...]

For models whose insides the fast way does not know (rotary positions in two dimensions, images that
see each other): the processor and `generate` do everything.
"""

import time
from collections.abc import Sequence
from typing import Any

from counterfactory import images as pictures
from counterfactory.eval.asking import Reply
from counterfactory.eval.local.decode import NOT_NUMBERS, ends_of
from counterfactory.eval.local.pick import BAD, Picker
from counterfactory.eval.local.rows import Row
from counterfactory.models.vlm import Vlm


class Plain:
    """Runs batches of rows through the model as it is."""

    def __init__(self, vlm: Vlm) -> None:
        self.vlm, self.ends = vlm, ends_of(vlm)

    def said(self, rows: Sequence[Row]) -> list[Reply]:
        """Return the texts of a batch: all with images, or none."""
        return self._timed(rows, self._said)

    def scored(self, rows: Sequence[Row]) -> list[Reply]:
        """Return the log-likelihoods of each row's choices."""
        return self._timed(rows, self._scored)

    def _timed(self, rows: Sequence[Row], how: Any) -> list[Reply]:
        began = time.perf_counter()
        made = how(rows)
        seconds = (time.perf_counter() - began) / len(rows)
        return [Reply(**{"seconds": seconds, **one}) for one in made]

    def _said(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        import torch

        inputs = self.vlm.inputs([row.text for row in rows], _decoded(rows))
        picking = _picking(Picker([row.ask for row in rows]), inputs["input_ids"].shape[1])
        with torch.inference_mode():
            made = self.vlm.model.generate(
                **inputs, max_new_tokens=max(row.ask.max_tokens for row in rows), do_sample=False,
                num_beams=1, pad_token_id=self.vlm.tokenizer.pad_token_id,
                logits_processor=[picking],
            )  # fmt: skip
        said = []
        for row, ids in zip(rows, made[:, inputs["input_ids"].shape[1] :].tolist(), strict=True):
            end = next((at for at, token in enumerate(ids) if token in self.ends), len(ids))
            said.append(ids[: min(end, row.ask.max_tokens)])
        texts = self.vlm.tokenizer.batch_decode(said, skip_special_tokens=True)
        return [
            {"error": NOT_NUMBERS} if at in picking.bad else {"text": text.strip(), "tokens": len(said[at])}
            for at, text in enumerate(texts)
        ]  # fmt: skip

    def _scored(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        found = []
        for row, images in zip(rows, _decoded(rows), strict=True):
            logps = self.vlm.choice_logps(row.text, images, row.ask.choices)
            bad = any(value != value or value == float("-inf") for value in logps)
            found.append({"error": NOT_NUMBERS} if bad else {"logps": logps})
        return found


def _decoded(rows: Sequence[Row]) -> list[list[Any]]:
    return [[pictures.decode(image) for image in row.ask.images] for row in rows]


def _picking(picker: Picker, start: int) -> Any:
    """Return a logits processor that leaves the picked token alone in the running."""
    import torch
    from transformers import LogitsProcessor

    class Picking(LogitsProcessor):
        bad: set[int] = set()

        def __call__(self, ids: Any, scores: Any) -> Any:
            rows = list(range(len(scores)))
            tokens = picker.next(scores.float(), rows, [ids.shape[1] - start] * len(rows))
            self.bad.update(row for row, token in zip(rows, tokens, strict=True) if token == BAD)
            one = torch.full_like(scores, float("-inf"))
            place = torch.tensor([[max(token, 0)] for token in tokens], device=scores.device)
            return one.scatter(1, place, 0.0)

    made = Picking()
    made.bad = set()
    return made
