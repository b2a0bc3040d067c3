"""A transformers model on this machine answers: fast where its insides are known, exact everywhere.

    model = load_local("pocket", batch=32)
    model.replies([Ask(images=(png,), content=item.content(), max_tokens=8)])[0].text   ->  "yes"

The fast way reads each picture once and shares what questions about one picture have in common. It
is taken only for the families named here, and only after it has given the first logits of the plain
way on the first asks; else every prompt goes whole through `generate`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from counterfactory import images as pictures
from counterfactory.errors import RowError
from counterfactory.eval.answerers import BATCH
from counterfactory.eval.asking import Ask, Reply, in_order
from counterfactory.eval.local.decode import Decoder
from counterfactory.eval.local.features import Features
from counterfactory.eval.local.plain import Plain
from counterfactory.eval.local.pool import Pool
from counterfactory.eval.local.rows import BadAsk, Row, Rows, batches, ordered
from counterfactory.models.vlm import Vlm, load_vlm

PROOF = 4  # asks on which the fast way is compared with the plain one
FAMILIES = {"llava", "idefics3", "smolvlm"}  # a row of features for each image token, 1-D positions
STEERING: dict[str, Any] = {  # settings that change which token comes next: only generate knows how
    "repetition_penalty": 1.0, "encoder_repetition_penalty": 1.0, "no_repeat_ngram_size": 0,
    "bad_words_ids": None, "suppress_tokens": None, "begin_suppress_tokens": None,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "sequence_bias": None,
    "min_length": 0, "min_new_tokens": None, "guidance_scale": None,
}  # fmt: skip
CLOSE = {"float32": 0.002}  # of the logits' spread; half precision gets ROUGH
ROUGH = 0.1

How = Callable[[Sequence[Row], int], Iterator[dict[int, Reply]]]

log = logging.getLogger(__name__)


class LocalAnswerer:
    """Answers with a loaded model. One process, one device."""

    def __init__(self, vlm: Vlm, batch: int = BATCH, name: str = "") -> None:
        self.vlm, self.batch = vlm, batch
        self.name, self.weights_hash = name or vlm.id, vlm.weights_hash
        self.rows = Rows(vlm)
        self.plain = Plain(vlm)
        self.features = Features(vlm, batch)
        self.decoder = Decoder(vlm, self.features)
        self.fast: bool | None = None if known(vlm) else False  # None: not yet proved

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies."""
        return dict(self.vlm.identity())

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as they are done."""
        rows: list[Row] = []
        for at, ask in enumerate(asks):
            try:
                rows.append(self.rows.row(at, ask))
            except BadAsk as error:
                yield {at: Reply(error=str(error))}
        rows = ordered(rows)
        yield from self._frugally(self._said, [row for row in rows if not row.ask.choices])
        yield from self._frugally(self._scored, [row for row in rows if row.ask.choices])

    def _frugally(self, how: How, rows: Sequence[Row]) -> Iterator[dict[int, Reply]]:
        """Answer rows; when memory runs out go on with half as many at a time."""
        import torch

        left, size = {row.at: row for row in rows}, self.batch
        while left:
            try:
                for part in how(list(left.values()), size):
                    left = {at: row for at, row in left.items() if at not in part}
                    yield part
            except torch.OutOfMemoryError as error:
                torch.cuda.empty_cache()
                if size == 1:
                    at = next(iter(left))
                    del left[at]
                    yield {at: Reply(error=f"out of memory: {error}")}
                size = max(1, size // 2)

    def _said(self, rows: Sequence[Row], size: int) -> Iterator[dict[int, Reply]]:
        """Yield texts: side by side where the fast way is proved, else batch by batch."""
        if self._fast(rows):
            yield from Pool(self.decoder, size, self.ready).answers(rows)
        else:
            for batch in batches(rows, size):
                yield self._plainly(self.plain.said, batch)

    def _scored(self, rows: Sequence[Row], size: int) -> Iterator[dict[int, Reply]]:
        """Yield likelihoods, batch by batch."""
        fast = self._fast(rows)
        for number, batch in enumerate(cut := batches(rows, size)):
            if not fast:
                yield self._plainly(self.plain.scored, batch)
                continue
            bad = self.ready(batch, (row for other in cut[number + 1 :] for row in other))
            fine = [row for row in batch if row.at not in bad]
            scored = self.decoder.scored(fine) if fine else []
            yield bad | {row.at: reply for row, reply in zip(fine, scored, strict=True)}

    def _plainly(self, how: Any, batch: Sequence[Row]) -> dict[int, Reply]:
        """Answer one batch the plain way."""
        bad: dict[int, Reply] = {}
        try:
            replies = how(batch)
        except RowError:
            bad = {row.at: Reply(error=why) for row in batch if (why := unreadable(row.ask))}
            batch = [row for row in batch if row.at not in bad]
            replies = how(batch) if batch else []
        return bad | {row.at: reply for row, reply in zip(batch, replies, strict=True)}

    def ready(self, rows: Sequence[Row], later: Iterable[Row] = ()) -> dict[int, Reply]:
        """Read the rows' pictures and lay out their tokens; return what cannot be asked, and why.

        Of pictures that are needed `later`, as many are read as fit into the same batch.
        """
        bad: dict[int, Reply] = {}
        ahead = (pair for row in later for pair in pairs(row))
        try:
            self.features.need(dict(pair for row in rows for pair in pairs(row)), ahead)
        except RowError:
            bad = {row.at: Reply(error=why) for row in rows if (why := unreadable(row.ask))}
            rows = [row for row in rows if row.at not in bad]
            self.features.need(dict(pair for row in rows for pair in pairs(row)))
        for row in rows:
            try:
                self.rows.expand(row, self.features.tokens)
            except BadAsk as error:
                bad[row.at] = Reply(error=str(error))
        return bad

    def _fast(self, rows: Sequence[Row]) -> bool:
        """Say whether the fast way can be taken; the first pictures prove it once and for all."""
        some = [row for row in rows if row.images][:PROOF]
        if self.fast is None and some:
            bad = self.ready(some)
            if fine := [row for row in some if row.at not in bad]:
                self.fast = self._proved(fine)
        return bool(self.fast)

    def _proved(self, rows: Sequence[Row]) -> bool:
        """Say whether the fast way gives the plain way's tokens and first logits."""
        import torch

        decoded = [[pictures.decode(image) for image in row.ask.images] for row in rows]
        inputs = self.vlm.inputs([row.text for row in rows], decoded)
        with torch.inference_mode():
            plain = self.vlm.model(**inputs).logits[:, -1].float()
        masks = inputs["attention_mask"].bool()
        tokens = [ids[mask].tolist() for ids, mask in zip(inputs["input_ids"], masks, strict=True)]
        if tokens == [list(row.ids) for row in rows]:
            fast = self.decoder.first_logits(rows)
            close = CLOSE.get(self.vlm.dtype, ROUGH) * float(plain.nan_to_num().std()) + 1e-6
            if torch.allclose(plain, fast, rtol=0, atol=close, equal_nan=True):
                return True
        log.warning("%s: answered the plain way: the fast way does not agree with it", self.name)
        return False


def known(vlm: Vlm) -> bool:
    """Say whether the fast way may be tried: the family, its attention, how it generates."""
    config, text = vlm.model.config, vlm.model.config.get_text_config()
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"])
    settings = vlm.model.generation_config
    steered = any(getattr(settings, key, no) not in (no, None) for key, no in STEERING.items())
    return config.model_type in FAMILIES and kinds == {"full_attention"} and not steered


def pairs(row: Row) -> list[tuple[str, bytes]]:
    """Return (digest, bytes) of a row's pictures."""
    return list(zip(row.images, row.ask.images, strict=True))


def unreadable(ask: Ask) -> str:
    """Return what is wrong with an ask's pictures, or nothing."""
    for number, image in enumerate(ask.images, 1):
        try:
            pictures.decode(image)
        except RowError as error:
            return f"image {number} cannot be used: {error.reason} {error.metric}".strip()
    return ""


def load_local(model: str, batch: int = BATCH, device: str = "auto") -> LocalAnswerer:
    """Return the answerer of a model id. Raises `UserError` for what cannot be loaded or asked."""
    return LocalAnswerer(load_vlm(model, device), batch, model)
