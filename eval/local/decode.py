"""Prompts run through the model, with what they share computed once; likelihoods of choices.

    decoder = Decoder(vlm, features)
    cache, logits, mask = decoder.prefill(rows)
    decoder.scored(rows)     ->  [Reply(logps=(-0.1, -2.4), ...), ...]

Questions about one picture share all tokens up to its end: these run through the model once, their
keys and values are copied to each question, and only the rest is computed for each.
"""

import time
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from counterfactory.eval.asking import Reply
from counterfactory.eval.local.features import Features
from counterfactory.eval.local.rows import Row
from counterfactory.models.vlm import Vlm

SHARE = 0.6  # heads are computed apart where there are at most this many for each row
Prefilled = tuple[Any, Any, Any]  # cache, logits of the next token, mask
NOT_NUMBERS = "the model's logits are NaN or infinite"


class Decoder:
    """Runs batches of rows through a model whose text half takes embeddings."""

    def __init__(self, vlm: Vlm, features: Features) -> None:
        self.vlm, self.features, self.model = vlm, features, vlm.model
        self.image = vlm.processor.image_token_id
        self.pad = vlm.tokenizer.pad_token_id
        self.ends = ends_of(vlm)

    def scored(self, rows: Sequence[Row]) -> list[Reply]:
        """Return the log-likelihoods of every choice of every row."""
        import torch

        began = time.perf_counter()
        with torch.inference_mode():
            made = self._scored(rows, *self.prefill(rows))
        seconds = (time.perf_counter() - began) / len(rows)
        return [Reply(**{"seconds": seconds, **one}) for one in made]

    def first_logits(self, rows: Sequence[Row]) -> Any:
        """Return the logits of each row's first answer token, heads shared as in `answers`."""
        import torch

        with torch.inference_mode():
            return self.prefill(rows, share=1.0)[1]

    def prefill(self, rows: Sequence[Row], share: float = SHARE) -> Prefilled:
        """Run the prompts. Returns the cache, the last logits and the mask (rows x tokens so far)."""
        return next(self.prefills([rows], share))

    def prefills(self, parts: Sequence[Sequence[Row]], share: float = SHARE) -> Iterator[Prefilled]:
        """Run the prompts of several batches; what rows of any of them share runs once for all."""
        import torch

        heads: dict[tuple[object, ...], int] = {}
        leaders: list[Row] = []
        for row in chain.from_iterable(parts):
            if row.start not in heads:
                heads[row.start] = len(leaders)
                leaders.append(row)
        count = sum(len(part) for part in parts)
        device = self.vlm.device
        if not leaders[0].images or len(leaders) > share * count:
            for rows in parts:
                none = torch.zeros(len(rows), 0, dtype=torch.long, device=device)
                yield self._run([row.ids for row in rows], rows, None, none)
            return
        none = torch.zeros(len(leaders), 0, dtype=torch.long, device=device)
        cache, _, mask = self._run([one.ids[: one.head] for one in leaders], leaders, None, none)
        for rows in parts:
            places = torch.tensor([heads[row.start] for row in rows], device=device)
            tails = [row.ids[row.head :] for row in rows]
            yield self._run(tails, (), selected(cache, places), mask[places])

    def _run(
        self, some: Sequence[Sequence[int]], pictured: Sequence[Row], cache: Any, mask: Any
    ) -> Prefilled:
        """Run tokens behind what the cache holds, padded on the left."""
        import torch
        from transformers import DynamicCache

        longest = max(len(ids) for ids in some)
        padded = [[self.pad] * (longest - len(ids)) + list(ids) for ids in some]
        ids = torch.tensor(padded, device=self.vlm.device)
        real = [[0] * (longest - len(one)) + [1] * len(one) for one in some]
        mask = torch.cat([mask, torch.tensor(real, device=self.vlm.device)], 1)
        embeds = self.model.get_input_embeddings()(ids)
        vectors = [self.features.vectors[key] for row in pictured for key in row.images]
        if vectors:
            embeds[ids == self.image] = torch.cat(vectors).to(embeds.dtype)
        made = self.model(
            inputs_embeds=embeds, attention_mask=mask,
            position_ids=(mask.cumsum(1) - 1).clamp(min=0)[:, -longest:],
            past_key_values=DynamicCache() if cache is None else cache,
            use_cache=True, logits_to_keep=1,
        )  # fmt: skip
        return made.past_key_values, made.logits[:, -1].float(), mask

    def _scored(
        self, rows: Sequence[Row], cache: Any, logits: Any, mask: Any
    ) -> list[dict[str, Any]]:
        """Return the log-likelihood of every choice of every row."""
        import torch

        begin = logits.log_softmax(-1)
        choices = [
            (at, self._ids(choice)) for at, row in enumerate(rows) for choice in row.ask.choices
        ]
        where = torch.tensor([at for at, _ in choices], device=self.vlm.device)
        longest = max(len(ids) for _, ids in choices)
        padded = torch.tensor(
            [[*ids, *[self.pad] * (longest - len(ids))] for _, ids in choices], device=self.vlm.device
        )  # fmt: skip
        real = torch.tensor(
            [[1] * len(ids) + [0] * (longest - len(ids)) for _, ids in choices],
            device=self.vlm.device,
        )
        logps = begin[where][:, None]
        if longest > 1:
            cache.batch_select_indices(where)
            behind = mask[where].sum(1, keepdim=True)
            made = self.model(
                input_ids=padded[:, :-1], attention_mask=torch.cat([mask[where], real[:, :-1]], 1),
                position_ids=behind + torch.arange(longest - 1, device=self.vlm.device),
                past_key_values=cache, use_cache=True,
            )  # fmt: skip
            logps = torch.cat([logps, made.logits.float().log_softmax(-1)], 1)
        sums = (logps.gather(2, padded[..., None])[..., 0].masked_fill(real == 0, 0.0)).sum(1)
        best = ((logps.argmax(-1) == padded) | (real == 0)).all(1).tolist()
        found: list[list[tuple[float, bool]]] = [[] for _ in rows]
        for (at, _), value, greedy in zip(choices, sums.tolist(), best, strict=True):
            found[at].append((value, greedy))
        return [
            {"logps": tuple(value for value, _ in one), "greedy": tuple(flag for _, flag in one)}
            if all(value == value and value > float("-inf") for value, _ in one)
            else {"error": NOT_NUMBERS}
            for one in found
        ]

    def _ids(self, choice: str) -> list[int]:
        ids: list[int] = self.vlm.tokenizer(choice, add_special_tokens=False).input_ids
        return ids or [self.pad]


def selected(cache: Any, places: Any) -> Any:
    """Return a new cache with some rows of another."""
    from transformers import DynamicCache

    made = DynamicCache()
    for number, layer in enumerate(cache.layers):
        made.update(layer.keys[places], layer.values[places], number)
    return made


def ends_of(vlm: Vlm) -> set[int]:
    """Return the tokens that end an answer, as `generate` takes them."""
    found = vlm.model.generation_config.eos_token_id
    if found is None:
        found = vlm.tokenizer.eos_token_id
    return set(found) if isinstance(found, list | tuple) else {found} - {None}
