"""Sequences for training: a picture (or two) and behind it questions up to a fixed length.

    batch = pack(pictures, turns_of_each, tokenizer, length=272)
    batch.ids, batch.positions, batch.blocks        # N x length
    batch.at, batch.said, batch.weight              # where an answer token is predicted, which, how much

A question that no longer fits is left out, so that no length is wasted on padding.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from counterfactory.records import Pixels
from counterfactory.training.pocket.vlm_data import Turn
from counterfactory.training.pocket.vlm_words import ASSISTANT, END, IMAGE, PATCH, SIDE, USER

PATCHES = (SIDE // PATCH) ** 2
ENDING = 0.15  # weight of the token that ends an answer, relative to the answer's own


class Packed(NamedTuple):
    """A batch of sequences. `at` indexes the flattened N x length positions."""

    ids: Tensor
    positions: Tensor
    blocks: Tensor
    at: Tensor
    said: Tensor
    weight: Tensor


class Packer:
    """Turns texts into ids, remembering those seen before."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.ids_of = lru_cache(50_000)(self._ids_of)
        self.user, self.image, self.end, self.assistant, self.pad = (
            tokenizer.convert_tokens_to_ids(name)
            for name in (USER, IMAGE, END, ASSISTANT, tokenizer.pad_token)
        )

    def _ids_of(self, text: str) -> tuple[int, ...]:
        return tuple(self.tokenizer(text, add_special_tokens=False).input_ids)

    def pack(self, rows: Sequence[Sequence[Turn]], length: int, pictures: int = 1) -> Packed:
        """Lay out one sequence per row behind `pictures` pictures."""
        head = [self.user] + [self.image] * (PATCHES * pictures)
        ids = np.full((len(rows), length), self.pad, np.int64)
        positions = np.zeros((len(rows), length), np.int64)
        blocks = np.full((len(rows), length), -1, np.int64)
        at: list[int] = []
        said: list[int] = []
        weight: list[float] = []
        for row, turns in enumerate(rows):
            start = len(head)
            ids[row, :start], positions[row, :start], blocks[row, :start] = head, range(start), 0
            for block, turn in enumerate(turns, 1):
                asked = [*self.ids_of(turn.question), self.end, self.assistant]
                answer = [*self.ids_of(turn.answer), self.end]
                text = (*asked, *answer[:-1])  # what follows the end of an answer is never read
                stop = start + len(text)
                if stop > length:
                    continue
                ids[row, start:stop], blocks[row, start:stop] = text, block
                positions[row, start:stop] = range(len(head), len(head) + len(text))
                first = row * length + start + len(asked) - 1
                at.extend(range(first, first + len(answer)))
                said.extend(answer)
                weight.extend([turn.weight] * (len(answer) - 1) + [turn.weight * ENDING])
                start = stop
        return Packed(
            torch.from_numpy(ids), torch.from_numpy(positions), torch.from_numpy(blocks),
            torch.tensor(at), torch.tensor(said), torch.tensor(weight),
        )  # fmt: skip


def shrink(pixels: Pixels) -> Pixels:
    """Return the picture at the model's size, as the processor does it."""
    image = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.asarray(image)
