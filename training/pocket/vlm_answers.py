"""Greedy answers of a VLM folder, and their marking.

    reader = Reader(folder)
    reader.answers([Asked("How many stars are there?", (pixels,))])  ->  ["2"]

All goes through AutoProcessor and AutoModelForImageTextToText, as any user would do it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from counterfactory.factory.world.render import ground
from counterfactory.parse import parse
from counterfactory.records import Pixels


class Asked(NamedTuple):
    """A question about one picture or more."""

    question: str
    pictures: tuple[Pixels, ...]
    longest: int = 12  # tokens of the answer at most


def blank(asked: Asked) -> Asked:
    """Return the same question about the world's empty grey ground."""
    return asked._replace(pictures=(ground("grey", "plain", 0),) * len(asked.pictures))


class Reader:
    """A model with its processor."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.processor: Any = AutoProcessor.from_pretrained(folder, backend="pil")
        self.model: Any = AutoModelForImageTextToText.from_pretrained(folder).eval()

    def prompt(self, asked: Asked) -> str:
        """Return the chat template's text for one question."""
        content = [{"type": "image"} for _ in asked.pictures]
        content.append({"type": "text", "text": asked.question})
        chat = [{"role": "user", "content": content}]
        text: str = self.processor.apply_chat_template(
            chat, add_generation_prompt=True, tokenize=False
        )
        return text

    def answers(self, asked: Sequence[Asked], batch: int = 64) -> list[str]:
        """Return greedy answers, in order; questions of like length share a batch."""
        order = sorted(
            range(len(asked)),
            key=lambda n: (asked[n].longest, len(asked[n].pictures), len(asked[n].question)),
        )
        found = [""] * len(asked)
        start = 0
        while start < len(order):
            some = [
                n for n in order[start : start + batch]
                if len(asked[n].pictures) == len(asked[order[start]].pictures)
            ]  # fmt: skip
            for n, text in zip(some, self._answers([asked[n] for n in some]), strict=True):
                found[n] = text
            start += len(some)
        return found

    def _answers(self, asked: Sequence[Asked]) -> list[str]:
        import torch

        inputs = self.processor(
            images=[[Image.fromarray(p) for p in one.pictures] for one in asked],
            text=[self.prompt(one) for one in asked],
            return_tensors="pt",
            padding=True,
        )
        with torch.inference_mode():
            made = self.model.generate(
                **inputs, max_new_tokens=max(one.longest for one in asked), do_sample=False
            )
        new = made[:, inputs["input_ids"].shape[1] :]
        texts: list[str] = self.processor.batch_decode(new, skip_special_tokens=True)
        return texts


def says(kind: str, text: str, right: str, *, options: Sequence[str] = ()) -> bool:
    """Whether an answer, read as its kind is read, says what is right.

    >>> says("number", "There are two.", "2")
    True
    """
    value = parse(kind, text, options=options).value
    return value is not None and value == parse(kind, right, options=options).value
