"""What a model is asked and what it replies; everything that answers has the same one method.

    replies = answerer.replies([Ask(images=(png,), content=item.content(), max_tokens=8)])
    replies[0].text  ->  "yes"

Answerers: a transformers model (answer_local.py), a served one (answer_served.py), dummies with
known scores (answer_dummy.py). An `Ask` with `choices` wants log-likelihoods instead of text.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from counterfactory.fingerprint import digest, digest_bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One prompt for one answer. Equal asks have equal replies (for one model and one machine)."""

    # chat blocks: {"type": "image"} or {"type": "text", "text": ...}; or one {"type": "prompt", "text": ...}
    # that is rendered already, with the model's own image tokens (lm-eval hands prompts on like this)
    content: list[dict[str, str]]
    images: tuple[bytes, ...] = ()  # encoded, one for each image block
    max_tokens: int = 32
    temperature: float = 0.0  # 0 is greedy
    top_p: float = 1.0
    seed: int = 0  # of a sampled answer
    choices: tuple[str, ...] = ()  # score these continuations; nothing is generated

    def key(self, model: dict[str, Any]) -> str:
        """Return the identity of the reply: `model` is `Answerer.identity()`."""
        sampled = [self.temperature, self.top_p, self.seed] if self.temperature else []
        return digest(
            {
                "model": model,
                "content": self.content,
                "images": [digest_bytes(image) for image in self.images],
                "max_tokens": self.max_tokens,
                "sampled": sampled,
                "choices": list(self.choices),
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back. `error` says why there is no answer; such a reply is never cached."""

    text: str = ""
    logps: tuple[float, ...] = ()  # of each choice, summed over its tokens
    greedy: tuple[bool, ...] = ()  # whether each choice is what greedy decoding would say
    tokens: int = 0  # generated
    seconds: float = 0.0  # this ask's share of its batch
    error: str = ""


class Answerer(Protocol):
    """Anything that answers."""

    name: str  # as the user gave it: "pocket", a folder, "openai:URL#model"
    weights_hash: str  # of the weight files' bytes; "served" or "dummy" where there are none

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies: weights, processor and template hashes, dtype."""
        ...

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order; batching inside is the answerer's own affair."""
        ...


def streamed(answerer: Answerer, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
    """Yield {place: reply} as they come, where the answerer can (`stream`), else all at the end."""
    stream = getattr(answerer, "stream", None)
    if stream is not None:
        yield from stream(asks)
    else:
        yield dict(enumerate(answerer.replies(asks)))


def in_order(parts: Iterable[Mapping[int, Reply]], count: int) -> list[Reply]:
    """Return streamed replies in the order of their asks."""
    found: dict[int, Reply] = {}
    for part in parts:
        found.update(part)
    return [found[at] for at in range(count)]
