"""A served model answers: vLLM, SGLang, `transformers serve`, anything OpenAI-compatible.

    model = ServedAnswerer("openai:http://localhost:8000/v1#qwen2.5-vl", concurrency=16)
    model.replies([Ask(images=(png,), content=item.content())])[0].text

Several requests are on their way at once; each reply is handed on as it comes. What weights stand
behind a name is not known: after serving others under the same name, evaluate with `--fresh`.
"""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.asking import Ask, Reply, in_order
from counterfactory.served import Chat, Picture, Request, Said

SERVED = "served"  # in place of a weights' hash
NO_CHOICES = "a served model gives no log-likelihoods; use a local model for them"


class ServedAnswerer:
    """Answers with a model behind a server."""

    def __init__(self, spec: str, **chat: Any) -> None:
        """Take `openai:URL#model`; `chat` are options of `served.Chat`."""
        self.name, self.weights_hash = spec, SERVED
        self.chat = Chat(spec, **chat)

    def identity(self) -> dict[str, Any]:
        """Return what decides the replies, as far as can be known."""
        return {"weights": SERVED, "url": self.chat.url, "model": self.chat.model}

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as they come."""
        if any(ask.choices for ask in asks):
            raise UserError(f"{self.name}: {NO_CHOICES}")
        came: queue.SimpleQueue[tuple[int, Said] | list[Said] | BaseException] = queue.SimpleQueue()
        requests = [request_of(ask) for ask in asks]

        def work() -> None:
            try:
                came.put(self.chat.many(requests, done=lambda at, said: came.put((at, said))))
            except BaseException as trouble:  # raised below, in the thread that waits
                came.put(trouble)

        threading.Thread(target=work, daemon=True, name="served").start()
        seen: set[int] = set()
        while True:
            found = came.get()
            if isinstance(found, BaseException):
                raise found
            if isinstance(found, list):
                yield {at: _reply(said) for at, said in enumerate(found) if at not in seen}
                return
            seen.add(found[0])
            yield {found[0]: _reply(found[1])}


def request_of(ask: Ask) -> Request:
    """Return the message of one ask: texts and pictures in their order."""
    images = iter(ask.images)
    content: tuple[str | Picture, ...] = tuple(
        next(images) if block["type"] == "image" else block["text"] for block in ask.content
    )
    return Request(
        content=content, max_tokens=ask.max_tokens, temperature=ask.temperature, top_p=ask.top_p,
        seed=ask.seed if ask.temperature else None,
    )  # fmt: skip


def _reply(said: Said) -> Reply:
    return Reply(text=said.text, tokens=said.tokens_out, seconds=said.seconds, error=said.error)
