"""Answers are written side by side; one that is done makes room for the next prompt.

    for part in Pool(decoder, 32, ready).answers(rows):      # {row.at: Reply}, as rows are done
        ...

Prompts that share a picture come in together, so that it runs through the model once.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from counterfactory.eval.asking import Reply
from counterfactory.eval.local.decode import NOT_NUMBERS, Decoder
from counterfactory.eval.local.pick import BAD, Picker
from counterfactory.eval.local.rows import Row
from counterfactory.eval.local.slots import Slots

REFILL = 0.25  # new prompts come in when this part of the slots is free
SHRINK = 0.75  # the batch shrinks when at most this part is in use and nothing waits

STRETCH = 1.3  # how much longer than the shortest the longest of a batch of prompts may be

Ready = Callable[[Sequence[Row], Iterator[Row]], dict[int, Reply]]


class Pool:
    """Rows in slots, and those that wait."""

    def __init__(self, decoder: Decoder, slots: int, ready: Ready) -> None:
        """`ready` makes rows ready for the model and returns those that cannot be asked."""
        self.decoder, self.vlm, self.ready = decoder, decoder.vlm, ready
        self.slots = Slots(slots, decoder.vlm.device)
        self.here: dict[int, int] = {}  # slot -> number of its row
        self.said: dict[int, list[int]] = {}
        self.cost: dict[int, float] = {}

    def answers(self, rows: Sequence[Row]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as rows are done. Rows that share a head stand side by side."""
        import torch

        self.rows = rows
        self.picker = Picker([row.ask for row in rows])
        waiting = deque(grouped(rows, max(1, int(REFILL * self.slots.count))))
        with torch.inference_mode():
            while waiting or self.here:
                free = self.slots.free
                if waiting and self._worth(free, len(waiting[0])):
                    some = self._next(waiting, len(free))
                    later = (rows[number] for group in waiting for number in group)
                    done = self._enter(some, free, later)
                else:
                    self._shrink(bool(waiting))
                    done = self._step()
                if done:
                    yield done

    def _next(self, waiting: deque[list[int]], free: int) -> list[int]:
        """Return the rows that come in together: whole groups, with pictures or without."""
        some = list(waiting.popleft())
        pictured = bool(self.rows[some[0]].images)
        while waiting and len(some) + len(waiting[0]) <= free:
            if bool(self.rows[waiting[0][0]].images) != pictured:
                break
            some += waiting.popleft()
        return some

    def _worth(self, free: Sequence[int], wanted: int) -> bool:
        """Say whether it is time to let prompts in."""
        return len(free) >= max(wanted, REFILL * self.slots.count) or len(free) == self.slots.count

    def _enter(
        self, numbers: Sequence[int], free: Sequence[int], later: Iterator[Row]
    ) -> dict[int, Reply]:
        """Run the prompts of some rows and let them have slots."""
        began = time.perf_counter()
        bad = self.ready([self.rows[number] for number in numbers], later)
        numbers = [number for number in numbers if self.rows[number].at not in bad]
        if not numbers:
            return bad
        parts = alike(numbers, lambda number: len(self.rows[number].ids) - self.rows[number].head)
        made = self.decoder.prefills([[self.rows[number] for number in part] for part in parts])
        left, done = list(free), bad
        for part, (cache, logits, mask) in zip(parts, made, strict=True):
            slots, left = left[: len(part)], left[len(part) :]
            self.slots.fill(slots, cache, mask)
            for slot, number in zip(slots, part, strict=True):
                self.here[slot], self.said[number], self.cost[number] = number, [], 0.0
            done |= self._take(slots, logits, began)
            began = time.perf_counter()
        return done

    def _step(self) -> dict[int, Reply]:
        """Add one token to every row."""
        import torch

        began = time.perf_counter()
        last = [
            self.said[self.here[slot]][-1] if slot in self.here else 0
            for slot in range(self.slots.count)
        ]
        made = self.decoder.model(
            input_ids=torch.tensor(last, device=self.vlm.device)[:, None],
            attention_mask=self.slots.seen(), position_ids=self.slots.positions(),
            past_key_values=self.slots.cache, use_cache=True,
        )  # fmt: skip
        self.slots.advance()
        slots = list(self.here)
        return self._take(slots, made.logits[slots, -1].float(), began)

    def _take(self, slots: Sequence[int], logits: Any, began: float) -> dict[int, Reply]:
        """Take each row's next token; return the replies of rows that are done."""
        numbers = [self.here[slot] for slot in slots]
        tokens = self.picker.next(logits, numbers, [len(self.said[number]) for number in numbers])
        spent = (time.perf_counter() - began) / len(slots)
        done: dict[int, Reply] = {}
        gone: list[int] = []
        for slot, number, token in zip(slots, numbers, tokens, strict=True):
            self.cost[number] += spent
            said, row = self.said[number], self.rows[number]
            if token >= 0 and token not in self.decoder.ends:
                said.append(token)
                if len(said) < row.ask.max_tokens:
                    continue
            gone.append(slot)
            done[row.at] = self._reply(number, token == BAD)
            del self.here[slot]
        if gone:
            self.slots.leave(gone)
        return done

    def _reply(self, number: int, bad: bool) -> Reply:
        said, seconds = self.said.pop(number), self.cost.pop(number)
        if bad:
            return Reply(error=NOT_NUMBERS, seconds=seconds)
        text = self.vlm.tokenizer.decode(said, skip_special_tokens=True)
        return Reply(text=text.strip(), tokens=len(said), seconds=seconds)

    def _shrink(self, waiting: bool) -> None:
        """Give up slots that nobody waits for."""
        if waiting or len(self.here) > SHRINK * self.slots.count:
            return
        slots = sorted(self.here)
        self.slots.shrink(slots)
        self.here = {place: self.here[slot] for place, slot in enumerate(slots)}


def grouped(rows: Sequence[Row], most: int) -> Iterator[list[int]]:
    """Yield the numbers of rows that share a head, at most `most` at a time."""
    group: list[int] = []
    for number, row in enumerate(rows):
        if group and (row.start != rows[group[0]].start or len(group) >= most):
            yield group
            group = []
        group.append(number)
    if group:
        yield group


def alike(numbers: Sequence[int], length: Callable[[int], int]) -> list[list[int]]:
    """Return the numbers in parts of about one length, so that little is padded."""
    parts: list[list[int]] = []
    for number in sorted(numbers, key=length):
        if parts and length(number) <= length(parts[-1][0]) * STRETCH + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return parts
