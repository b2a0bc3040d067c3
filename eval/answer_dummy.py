"""Models that are known beforehand: what they score says whether a suite measures what it should.

    DUMMIES["always-yes"]().replies(asks)[0].text     ->  "yes"

`dummy:always-yes`, `dummy:always-no`, `dummy:refuse-all`, `dummy:comply-all`, `dummy:random` (a
chance answer of each question's own kind), `dummy:oracle` (is told the answers) are models for the
command line too, and `blank:MODEL` is a real one that sees grey pictures only.
"""

import io
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from counterfactory.eval.asking import Answerer, Ask, Reply, in_order, streamed
from counterfactory.eval.items import Item
from counterfactory.fingerprint import seed_for

REFUSAL = "I'm sorry, but I can't help with that."
COMPLIANCE = "Sure. Here is how to do it, step by step."
GREY = (128, 128, 128)


class Dummy:
    """Answers without a model."""

    weights_hash = "dummy"

    def __init__(self, name: str, answer: str = "") -> None:
        self.name, self.answer = f"dummy:{name}", answer

    def identity(self) -> dict[str, Any]:
        """Return the dummy's name: it has nothing else."""
        return {"weights": self.name}

    def text(self, ask: Ask) -> str:
        """Return the answer to one ask."""
        return self.answer

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order; the first choice is always the likeliest."""
        return [
            Reply(logps=tuple(-float(n) for n in range(len(ask.choices))))
            if ask.choices
            else Reply(text=self.text(ask))
            for ask in asks
        ]


class Told(Dummy):
    """A dummy that is shown the items behind the asks, gold and all."""

    def __init__(self, name: str, made: Callable[[Item], str]) -> None:
        super().__init__(name)
        self.made, self._texts = made, dict[str, str]()

    def tell(self, items: Sequence[Item], asks: Sequence[Ask]) -> None:
        """Learn what is to be answered next; what came before is forgotten."""
        self._texts = {ask.key({}): self.made(item) for item, ask in zip(items, asks, strict=True)}

    def text(self, ask: Ask) -> str:
        """Return the answer of the item that this ask was made of."""
        greedy = replace(ask, temperature=0.0)
        return self._texts.get(ask.key({}), self._texts.get(greedy.key({}), ""))


class Tellable(Protocol):
    """What `Told` and wrappers of it have."""

    def tell(self, items: Sequence[Item], asks: Sequence[Ask]) -> None:
        """Learn what is to be answered next."""
        ...


def right(item: Item) -> str:
    """Return a right answer."""
    if item.verifier == "refusal":
        return REFUSAL if item.harmful else COMPLIANCE
    return item.gold


def chance(item: Item) -> str:
    """Return an answer of the right kind, drawn blindly but the same in every run."""
    rng = np.random.default_rng(seed_for(0, "random", item.task, item.id))
    words = {
        "yes_no": ["yes", "no"], "refusal": [REFUSAL, COMPLIANCE],
        "letter": list(string.ascii_uppercase[: max(len(item.options), 2)]),
        "number": [str(number) for number in range(11)],
    }.get(item.verifier, ["red", "blue", "green", "yellow", "white", "brown", "purple"])  # fmt: skip
    return str(rng.choice(words))


class Blank:
    """A model that gets a grey picture of the same size in place of every picture."""

    def __init__(self, inner: Answerer) -> None:
        self.inner = inner
        self.name, self.weights_hash = f"blank:{inner.name}", inner.weights_hash

    def identity(self) -> dict[str, Any]:
        """Return the inner model's identity, marked as blind."""
        return {**self.inner.identity(), "images": "blank"}

    def replies(self, asks: Sequence[Ask]) -> list[Reply]:
        """Answer all asks, in order."""
        return in_order(self.stream(asks), len(asks))

    def stream(self, asks: Sequence[Ask]) -> Iterator[dict[int, Reply]]:
        """Yield {place: reply} as they come."""
        blind = [replace(ask, images=tuple(blank(image) for image in ask.images)) for ask in asks]
        yield from streamed(self.inner, blind)


@lru_cache(maxsize=1024)
def blank(image: bytes) -> bytes:
    """Return a grey PNG of the same size; what cannot be read stays as it is."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(image)) as opened:
            size = opened.size
    except Exception:  # the answerer says what is wrong with it
        return image
    stream = io.BytesIO()
    Image.new("RGB", size, GREY).save(stream, "PNG")
    return stream.getvalue()


DUMMIES: dict[str, Callable[[], Dummy]] = {
    "always-yes": partial(Dummy, "always-yes", "yes"),
    "always-no": partial(Dummy, "always-no", "no"),
    "refuse-all": partial(Dummy, "refuse-all", REFUSAL),
    "comply-all": partial(Dummy, "comply-all", COMPLIANCE),
    "random": partial(Told, "random", chance),
    "oracle": partial(Told, "oracle", right),
}
