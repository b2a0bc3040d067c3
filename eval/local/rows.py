"""Asks become rows of token ids, in an order that makes batches cheap.

row = Rows(vlm).row(0, ask)      # row.text, rendered by the model's own chat template
ordered(rows)                    # questions about one picture side by side, equal lengths together
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from counterfactory.eval.asking import Ask
from counterfactory.fingerprint import digest_bytes
from counterfactory.models.vlm import Vlm


@dataclass(slots=True)
class Row:
    """One ask on its way to the model."""

    at: int  # its place among the asks
    ask: Ask
    text: str  # the whole prompt
    plain: tuple[int, ...]  # its tokens, each picture one token
    images: tuple[str, ...]  # digests of its pictures
    ids: tuple[int, ...] = ()  # its tokens with pictures at full length
    head: int = 0  # how many of `ids` end with the last picture: what questions about it share

    @property
    def start(self) -> tuple[object, ...]:
        """Return what the rows that share a head have in common; text alone shares nothing."""
        return (self.plain[: self.head_plain], self.images) if self.images else (self.at,)

    head_plain: int = 0


class BadAsk(ValueError):
    """This ask cannot be put to this model; the message says why."""


class Rows:
    """Renders and tokenises prompts, remembering those seen before."""

    def __init__(self, vlm: Vlm) -> None:
        self.vlm = vlm
        self.image = vlm.processor.image_token_id
        self._seen = lru_cache(8192)(self._tokens)
        text = vlm.model.config.get_text_config()
        self.most = int(getattr(text, "max_position_embeddings", 0) or 0)

    def row(self, at: int, ask: Ask) -> Row:
        """Return the row of one ask. Raises `BadAsk`."""
        text, ids = self._seen(tuple((b["type"], b.get("text", "")) for b in ask.content))
        found = ids.count(self.image)
        places = sum(block["type"] == "image" for block in ask.content)
        rendered = [block["type"] for block in ask.content] == ["prompt"]
        if (found if rendered else places) != len(ask.images):
            raise BadAsk(
                f"the prompt has {found if rendered else places} places for images, {len(ask.images)} given"
            )
        if not rendered and found != places:
            raise BadAsk(f"the prompt's text holds the model's image token ({found} found)")
        head = len(ids) - ids[::-1].index(self.image) if found else 0
        images = tuple(digest_bytes(image) for image in ask.images)
        return Row(at, ask, text, ids, images, head_plain=head)

    def expand(self, row: Row, tokens: dict[str, tuple[int, ...]]) -> None:
        """Put each picture's tokens in place of its one. Raises `BadAsk` for what is too long."""
        ids: list[int] = []
        images = iter(row.images)
        for place, token in enumerate(row.plain):
            if place == row.head_plain:
                row.head = len(ids)
            if token == self.image:
                ids.extend(tokens[next(images)])
            else:
                ids.append(token)
        row.ids = tuple(ids)
        if self.most and len(ids) >= self.most:
            raise BadAsk(f"the prompt takes {len(ids)} tokens, the model at most {self.most}")

    def _tokens(self, content: tuple[tuple[str, str], ...]) -> tuple[str, tuple[int, ...]]:
        if content and content[0][0] == "prompt":
            text = content[0][1]
        else:
            text = self.vlm.prompt(
                [{"type": k, "text": t} if k == "text" else {"type": k} for k, t in content]
            )
        begin = self.vlm.tokenizer.bos_token
        special = not (begin and text.startswith(begin))
        return text, tuple(self.vlm.tokenizer(text, add_special_tokens=special).input_ids)


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Return the rows so that those which share or cost alike stand together.

    Prompts with pictures first, those that share one side by side; what may take longest first.
    """
    groups: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(row.start, []).append(row)

    def key(group: Sequence[Row]) -> tuple[int, ...]:
        longest = max(row.ask.max_tokens for row in group)
        tokens = max(len(row.plain) for row in group)
        return (not group[0].images, len(group) > 1, -longest, len(group[0].images), tokens)

    return [row for group in sorted(groups.values(), key=key) for row in group]


def batches(rows: Sequence[Row], size: int) -> list[list[Row]]:
    """Cut ordered rows into batches; prompts with pictures and without are never mixed."""
    made: list[list[Row]] = []
    for row in rows:
        if made and len(made[-1]) < size and bool(row.images) == bool(made[-1][0].images):
            made[-1].append(row)
        else:
            made.append([row])
    return made
