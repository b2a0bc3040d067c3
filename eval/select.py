"""From several answers to one: greedy, a majority vote of N, or the model's own choice among N.

    chosen = choose(selection("vote:8"), items, ask)
    chosen[0].raw, chosen[0].votes

`vote:N` samples N answers and takes the one that most agree on, once parsed; what cannot be parsed
has no vote. `self-select:N` (R3V) samples N answers, shows them to the model with the question, and
takes what it then says. Samples have seeds of their own, made from item and number.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from counterfactory.errors import UserError
from counterfactory.eval.asking import Ask, Reply
from counterfactory.eval.items import Item
from counterfactory.fingerprint import seed_for
from counterfactory.parse import parse
from counterfactory.selecting import select_prompt

PARSED_AS = {"yes_no": "yes_no", "letter": "letter", "number": "number", "refusal": "refusal"}
SAMPLED = {"vote": 0.7, "self-select": 0.9}  # temperature
TOP_P = 0.95
FORMS = "greedy, vote:N, self-select:N"

Asked = Callable[[Sequence[Ask]], list[Reply]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """How the one answer comes about."""

    kind: str = "greedy"
    n: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0

    def __str__(self) -> str:
        return self.kind if self.kind == "greedy" else f"{self.kind}:{self.n}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The answer that counts, and what it was chosen from."""

    raw: str = ""
    votes: tuple[str, ...] = ()
    tokens: int = 0  # of all answers together
    seconds: float = 0.0
    error: str = ""


def selection(text: str, *, temperature: float | None = None, seed: int = 0) -> Selection:
    """Return the selection that `text` names. Raises `UserError`."""
    if text == "greedy":
        return Selection()
    kind, _, count = text.partition(":")
    if kind not in SAMPLED or not count.isdecimal() or not 2 <= int(count) <= 1000:
        raise UserError(f"--select: found {text!r}, expected one of {FORMS} with N from 2 on")
    heat = SAMPLED[kind] if temperature is None else temperature
    return Selection(kind=kind, n=int(count), temperature=heat, top_p=TOP_P, seed=seed)


def ask_of(item: Item) -> Ask:
    """Return the greedy ask of an item."""
    return Ask(content=item.content(), images=item.images, max_tokens=item.max_tokens)


def choose(how: Selection, items: Sequence[Item], ask: Asked) -> list[Chosen]:
    """Return one answer for each item."""
    if how.kind == "greedy":
        return [_single(reply) for reply in ask([ask_of(item) for item in items])]
    asks = [_sample(how, item, number) for item in items for number in range(how.n)]
    replies = ask(asks)
    each = [replies[first : first + how.n] for first in range(0, len(replies), how.n)]
    if how.kind == "vote":
        return [_voted(item, some) for item, some in zip(items, each, strict=True)]
    told = [_select(item, some) for item, some in zip(items, each, strict=True)]
    last = ask(told)
    return [_added(reply, some) for reply, some in zip(last, each, strict=True)]


def winner(item: Item, texts: Sequence[str]) -> str:
    """Return the first text with the value that most texts have; the first one if none parses."""
    kind = PARSED_AS.get(item.verifier, "text")
    values = [parse(kind, text, options=item.options).value for text in texts]
    counts = Counter(value for value in values if value is not None)
    if not counts:
        return texts[0]
    most = max(counts.values())  # of equals, the one said first
    best = next(value for value in values if value is not None and counts[value] == most)
    return texts[values.index(best)]


def _sample(how: Selection, item: Item, number: int) -> Ask:
    return Ask(
        content=item.content(), images=item.images, max_tokens=item.max_tokens,
        temperature=how.temperature, top_p=how.top_p,
        seed=seed_for(how.seed, "sample", item.task, item.id, str(number)),
    )  # fmt: skip


def _select(item: Item, replies: Sequence[Reply]) -> Ask:
    content = [dict(block) for block in item.content()]
    texts = [at for at, block in enumerate(content) if block["type"] == "text"]
    question = content[texts[-1]]["text"] if texts else ""
    block = {"type": "text", "text": select_prompt(question, [reply.text for reply in replies])}
    content[texts[-1] : texts[-1] + 1] = [block] if texts else []
    return Ask(content=content, images=item.images, max_tokens=item.max_tokens)


def _single(reply: Reply) -> Chosen:
    return Chosen(
        raw=reply.text, tokens=reply.tokens, seconds=reply.seconds, error=reply.error
    )  # fmt: skip


def _voted(item: Item, replies: Sequence[Reply]) -> Chosen:
    raw = winner(item, [reply.text for reply in replies])
    return _added(Reply(text=raw), replies)


def _added(last: Reply, replies: Sequence[Reply]) -> Chosen:
    """Return the last word with all that it cost; an error of any is an error of the whole."""
    every = [*replies, last]
    return Chosen(
        raw=last.text, votes=tuple(reply.text for reply in replies),
        tokens=sum(reply.tokens for reply in every), seconds=sum(reply.seconds for reply in every),
        error=next((reply.error for reply in every if reply.error), ""),
    )  # fmt: skip
