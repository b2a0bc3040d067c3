"""Keys and values of answers that are being written, each in a slot of its own.

    slots = Slots(32, device)
    slots.fill([0, 1], cache, mask)         # two prompts move in
    model(input_ids=..., attention_mask=slots.seen(), position_ids=slots.positions(), past_key_values=slots.cache)
    slots.advance()

A row that is done gives its slot to the next prompt, so the batch stays full. Nothing is copied when
a token is added: buffers have room ahead and grow now and then.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

ROOM = 64  # tokens of room ahead when buffers are made or grow


class Slots:
    """The places where rows stand while they are decoded."""

    def __init__(self, count: int, device: Any) -> None:
        import torch

        self.count, self.device = count, device
        self.lengths = [0] * count  # tokens in each slot; 0: free
        self.room = 0
        self.at = torch.zeros(count, dtype=torch.long, device=device)  # the next token's place
        self.alive = torch.zeros(count, dtype=torch.long, device=device)
        self.rows = torch.arange(count, device=device)
        self.mask = torch.zeros(count, 0, dtype=torch.long, device=device)
        self.span = torch.arange(0, device=device)
        self.layers: list[Any] = []

    @property
    def free(self) -> list[int]:
        """Return the free slots."""
        return [slot for slot, length in enumerate(self.lengths) if not length]

    @property
    def top(self) -> int:
        """Return how many places of the buffers are read, the next token's included."""
        return max(self.lengths) + 1

    @cached_property
    def cache(self) -> Any:
        """Return the buffers as a cache of transformers."""
        from transformers.cache_utils import Cache

        return Cache(layers=self.layers)

    def fill(self, slots: Sequence[int], made: Any, mask: Any) -> None:
        """Let prompts move in: `made` is their cache, `mask` says which of its tokens are real."""
        import torch

        real = mask.sum(1)
        lengths: list[int] = real.tolist()
        longest = max(lengths)
        if not self.layers:
            self.layers = [_layer(self, one) for one in made.layers]
        self._grow(longest + 1)
        where = torch.tensor(slots, device=self.device)
        # padding stays behind: each row's own tokens go to the front
        order = mask.argsort(dim=1, descending=True, stable=True)[:, :longest]
        for layer, one in zip(self.layers, made.layers, strict=True):
            for room, new in ((layer.keys, one.keys), (layer.values, one.values)):
                at = order[:, None, :, None].expand(-1, new.shape[1], -1, new.shape[3])
                room[where, :, :longest] = new.gather(2, at)
        self.mask[where] = 0
        self.mask[where, :longest] = (self.span[:longest] < real[:, None]).long()
        self.at[where], self.alive[where] = real, 1
        for slot, length in zip(slots, lengths, strict=True):
            self.lengths[slot] = length

    def leave(self, slots: Sequence[int]) -> None:
        """Free some slots; until they are filled again they run along unread."""
        import torch

        where = torch.tensor(slots, device=self.device)
        self.at[where], self.alive[where] = 0, 0
        for slot in slots:
            self.lengths[slot] = 0

    def seen(self) -> Any:
        """Return the mask for one more token in each slot."""
        self._grow(self.top)
        self.mask[self.rows, self.at] = 1
        return self.mask[:, : self.top]

    def positions(self) -> Any:
        """Return the position of each slot's next token."""
        return self.at[:, None]

    def advance(self) -> None:
        """Count the token that was added to each slot in use."""
        self.at += self.alive
        self.lengths = [length + 1 if length else 0 for length in self.lengths]

    def shrink(self, slots: Sequence[int]) -> None:
        """Keep these slots only: there are no more prompts for the others."""
        import torch

        where = torch.tensor(slots, device=self.device)
        for layer in self.layers:
            layer.keys, layer.values = layer.keys[where], layer.values[where]
        self.at, self.alive = self.at[where], self.alive[where]
        self.mask, self.lengths = self.mask[where], [self.lengths[slot] for slot in slots]
        self.count, self.rows = len(slots), self.rows[: len(slots)]

    def _grow(self, needed: int) -> None:
        """Make room for `needed` tokens in each slot."""
        import torch
        import torch.nn.functional as F

        if needed <= self.room:
            return
        more = max(needed + ROOM, self.room * 3 // 2) - self.room
        self.room += more
        self.mask = F.pad(self.mask, (0, more))
        self.span = torch.arange(self.room, device=self.device)
        for layer in self.layers:
            layer.keys, layer.values = (
                F.pad(t, (0, 0, 0, more)) for t in (layer.keys, layer.values)
            )


def _layer(slots: Slots, made: Any) -> Any:
    """Return one layer's buffers, shaped as a prompt's cache is."""
    from transformers.cache_utils import DynamicLayer

    class Layer(DynamicLayer):
        """Writes each row's token at its own place."""

        def update(self, keys: Any, values: Any, *args: Any, **kwargs: Any) -> Any:
            self.keys[slots.rows, :, slots.at] = keys[:, :, 0]
            self.values[slots.rows, :, slots.at] = values[:, :, 0]
            return self.keys[:, :, : slots.top], self.values[:, :, : slots.top]

        def get_seq_length(self) -> int:
            return slots.top - 1

        def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
            return slots.top, 0

    layer = Layer()
    layer.is_initialized, layer.dtype, layer.device = True, made.keys.dtype, made.keys.device
    _, heads, _, width = made.keys.shape
    layer.keys = made.keys.new_zeros(slots.count, heads, slots.room, width)
    layer.values = made.values.new_zeros(slots.count, heads, slots.room, made.values.shape[-1])
    return layer
