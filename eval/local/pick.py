"""The next token of each row: the likeliest, or one drawn with the row's own random numbers.

    picker = Picker([ask, ...])
    picker.next(logits, rows=[0, 2], steps=[1, 5])   # a token id for each; BAD where logits are not numbers

A row's draws come from its ask's seed alone, so its answer does not depend on what else is in the
batch.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from counterfactory.eval.asking import Ask

BAD = -1  # in place of a token: the logits hold NaN or infinity


class Picker:
    """Greedy and sampled rows side by side."""

    def __init__(self, asks: Sequence[Ask]) -> None:
        self.asks = asks
        self.draws = [
            np.random.default_rng(ask.seed).random(ask.max_tokens) if ask.temperature else None
            for ask in asks
        ]

    def next(self, logits: Any, rows: Sequence[int], steps: Sequence[int]) -> list[int]:
        """Return one token for each row of `logits` (rows x vocabulary), the `steps`th it says."""
        import torch

        best, at = logits.max(-1)
        tokens: list[int] = at.tolist()
        fine: list[bool] = torch.isfinite(best).tolist()
        for place, row in enumerate(rows):
            draws, step = self.draws[row], steps[place]
            if not fine[place]:
                tokens[place] = BAD
            elif draws is not None and step < len(draws):
                ask = self.asks[row]
                tokens[place] = drawn(logits[place], ask.temperature, ask.top_p, float(draws[step]))
        return tokens


def drawn(logits: Any, temperature: float, top_p: float, draw: float) -> int:
    """Return the token that `draw` (0..1) falls on, among the likeliest that make up `top_p`."""
    import torch

    chances = (logits.double().cpu() / temperature).softmax(-1)
    chances, order = chances.sort(descending=True, stable=True)
    below = chances.cumsum(-1)
    chances = torch.where(below - chances < top_p, chances, 0.0)
    below = chances.cumsum(-1)
    place = int(torch.searchsorted(below, draw * below[-1], right=True))
    return int(order[min(place, int((chances > 0).sum()) - 1)])
