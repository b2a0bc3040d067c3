"""Answers of a batch, with what its rows share computed once.

    decoder = Decoder(vlm, features)
    decoder.answers(rows)     ->  [Reply(text="yes", ...), ...]

Questions about one picture share all tokens up to its end: these run through the model once, their
keys and values are copied to each question, and only the rest is computed for each. Rows that are
done leave the batch. The texts are those of a plain `generate`.
"""

import time
from collections.abc import Sequence
from typing import Any

from counterfactory.eval.asking import Reply
from counterfactory.eval.local.features import Features
from counterfactory.eval.local.pick import BAD, Picker
from counterfactory.eval.local.rows import Row
from counterfactory.models.vlm import Vlm

SHARE = 0.6  # heads are computed apart where there are at most this many for each row
LEAVE = 0.75  # done rows leave when at most this part is left
NOT_NUMBERS = "the model's logits are NaN or infinite"


class Decoder:
    """Runs batches of rows through a model whose text half takes embeddings."""

    def __init__(self, vlm: Vlm, features: Features) -> None:
        self.vlm, self.features, self.model = vlm, features, vlm.model
        self.image = vlm.processor.image_token_id
        self.pad = vlm.tokenizer.pad_token_id
        self.ends = ends_of(vlm)

    def answers(self, rows: Sequence[Row]) -> list[Reply]:
        """Return the replies to a batch: all with choices, or none."""
        import torch

        began = time.perf_counter()
        with torch.inference_mode():
            cache, logits, mask = self._prefill(rows)
            made = (
                self._scored(rows, cache, logits, mask)
                if rows[0].ask.choices
                else self._said(rows, cache, logits, mask)
            )
        seconds = (time.perf_counter() - began) / len(rows)
        return [Reply(**{"seconds": seconds, **one}) for one in made]

    def first_logits(self, rows: Sequence[Row]) -> Any:
        """Return the logits of each row's first answer token, heads shared as in `answers`."""
        import torch

        with torch.inference_mode():
            return self._prefill(rows, share=1.0)[1]

    def _prefill(self, rows: Sequence[Row], share: float = SHARE) -> tuple[Any, Any, Any]:
        """Run the prompts. Returns the cache, the last logits and the mask (rows x tokens so far)."""
        import torch

        heads: dict[tuple[object, ...], int] = {}
        leaders: list[Row] = []
        for row in rows:
            if row.start not in heads:
                heads[row.start] = len(leaders)
                leaders.append(row)
        nothing = torch.zeros(len(rows), 0, dtype=torch.long, device=self.vlm.device)
        if not rows[0].images or len(leaders) > share * len(rows):
            return self._run([row.ids for row in rows], rows, None, nothing)
        none = nothing[: len(leaders)]
        cache, _, mask = self._run([one.ids[: one.head] for one in leaders], leaders, None, none)
        places = torch.tensor([heads[row.start] for row in rows], device=self.vlm.device)
        cache.batch_select_indices(places)
        return self._run([row.ids[row.head :] for row in rows], (), cache, mask[places])

    def _run(
        self, some: Sequence[Sequence[int]], pictured: Sequence[Row], cache: Any, mask: Any
    ) -> tuple[Any, Any, Any]:
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

    def _said(
        self, rows: Sequence[Row], cache: Any, logits: Any, mask: Any
    ) -> list[dict[str, Any]]:
        """Decode token by token; what the rows have said is what `generate` would say."""
        import torch

        picker = Picker([row.ask for row in rows])
        said: list[list[int]] = [[] for _ in rows]
        bad: set[int] = set()
        here = list(range(len(rows)))  # which row stands at each place of the batch
        open_ = set(here)
        for step in range(max(row.ask.max_tokens for row in rows)):
            tokens = picker.next(logits, here, step)
            for place, (row, token) in enumerate(zip(here, tokens, strict=True)):
                if row not in open_:
                    continue
                if token == BAD:
                    bad.add(row)
                if token == BAD or token in self.ends:
                    open_.discard(row)
                    continue
                said[row].append(tokens[place])
                if len(said[row]) >= rows[row].ask.max_tokens:
                    open_.discard(row)
            if not open_:
                break
            if len(open_) <= LEAVE * len(here):
                left = [place for place, row in enumerate(here) if row in open_]
                places = torch.tensor(left, device=self.vlm.device)
                cache.batch_select_indices(places)
                mask, here, tokens = (
                    mask[places],
                    [here[p] for p in left],
                    [tokens[p] for p in left],
                )
            step_ids = torch.tensor([[max(token, 0)] for token in tokens], device=self.vlm.device)
            mask = torch.cat([mask, mask.new_ones(len(here), 1)], 1)
            made = self.model(
                input_ids=step_ids, attention_mask=mask, position_ids=mask.sum(1, keepdim=True) - 1,
                past_key_values=cache, use_cache=True,
            )  # fmt: skip
            cache, logits = made.past_key_values, made.logits[:, -1].float()
        texts = self.vlm.tokenizer.batch_decode(said, skip_special_tokens=True)
        return [
            {"error": NOT_NUMBERS} if row in bad else {"text": text.strip(), "tokens": len(said[row])}
            for row, text in enumerate(texts)
        ]  # fmt: skip

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


def ends_of(vlm: Vlm) -> set[int]:
    """Return the tokens that end an answer, as `generate` takes them."""
    found = vlm.model.generation_config.eos_token_id
    if found is None:
        found = vlm.tokenizer.eos_token_id
    return set(found) if isinstance(found, list | tuple) else {found} - {None}
