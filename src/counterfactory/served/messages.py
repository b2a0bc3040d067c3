"""What is sent to a chat server and what comes back.

Request(content=("Which one is red?", picture, other_picture), max_tokens=8)
Said(text="the first", tokens_in=140, tokens_out=3, finish="stop")
"""

import base64
import json
from dataclasses import dataclass
from typing import Any

from counterfactory import images as pictures
from counterfactory.errors import UserError
from counterfactory.records import Pixels

KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "jpeg", b"GIF8": "gif", b"RIFF": "webp"}

Picture = Pixels | bytes  # pixels, or an encoded file as it is


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One user message: texts and pictures in their order."""

    content: tuple[str | Picture, ...]
    system: str = ""
    max_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None

    def body(self, model: str) -> bytes:
        """Return the JSON that is sent."""
        parts: list[dict[str, Any]] = [
            {"type": "text", "text": part}
            if isinstance(part, str)
            else {"type": "image_url", "image_url": {"url": data_url(part)}}
            for part in self.content
        ]
        plain = len(parts) == 1 and parts[0]["type"] == "text"
        messages: list[dict[str, Any]] = (
            [{"role": "system", "content": self.system}] if self.system else []
        )
        messages.append({"role": "user", "content": parts[0]["text"] if plain else parts})
        body: dict[str, Any] = {
            "model": model, "messages": messages,
            "max_tokens": self.max_tokens, "temperature": self.temperature,
        }  # fmt: skip
        if self.top_p != 1.0:
            body["top_p"] = self.top_p
        if self.seed is not None:
            body["seed"] = self.seed % 2**31
        return json.dumps(body).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came back. `error` says why there is no answer."""

    text: str = ""
    tokens_in: int = 0  # as the server counts them; 0 when it does not
    tokens_out: int = 0
    finish: str = ""  # "stop", "length" (cut at max_tokens), "refused" (as too long) ...
    seconds: float = 0.0
    error: str = ""
    fault: UserError | None = None  # when the user must change something


def data_url(image: Picture) -> str:
    """Return the picture as a data URL: pixels as PNG, files as they are."""
    data = image if isinstance(image, bytes) else pictures.png(image)
    kind = next((kind for start, kind in KINDS.items() if data.startswith(start)), "png")
    return f"data:image/{kind};base64," + base64.b64encode(data).decode("ascii")
