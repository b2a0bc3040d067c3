"""A chat client for any OpenAI-compatible server, with the standard library alone.

    chat = Chat("openai:http://localhost:8000/v1#qwen2.5-vl")
    chat.ask("What is in the picture?", images=[picture])       -> "A dog on a sofa."

The key is read from OPENAI_API_KEY when a request is sent; it is never stored, logged or put into
an error. A server that is busy or fails is asked again, each time after twice the wait; what the
user must change is a `UserError`.
"""

import base64
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any

from counterfactory import images as pictures
from counterfactory.errors import UserError
from counterfactory.records import Pixels

USERS_FAULT = {400, 401, 403, 404, 405, 422}
MOST_BYTES = 16 * 1024 * 1024  # of an answer


class ServerError(Exception):
    """The server could not answer, even after several tries."""


class Chat:
    """A model behind an OpenAI-compatible server."""

    def __init__(
        self,
        spec: str,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        wait: float = 1.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take `openai:URL#model`; nothing is sent yet."""
        url, _, model = spec.removeprefix("openai:").partition("#")
        if (
            not spec.startswith("openai:")
            or not url.startswith(("http://", "https://"))
            or not model
        ):
            raise UserError(
                f"server {spec!r}: expected openai:URL#model, as openai:http://localhost:8000/v1#name"
            )
        self.url, self.model = url.rstrip("/") + "/chat/completions", model
        self.timeout, self.retries, self.wait, self.sleep = timeout, retries, wait, sleep

    def ask(
        self,
        text: str,
        *,
        images: Sequence[Pixels] = (),
        system: str = "",
        max_tokens: int = 256,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> str:
        """Return the answer to one message. Raises `UserError` or `ServerError`."""
        content: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": data_url(image)}} for image in images
        ]
        content.append({"type": "text", "text": text})
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        messages.append({"role": "user", "content": content if images else text})
        body: dict[str, Any] = {
            "model": self.model, "messages": messages,
            "max_tokens": max_tokens, "temperature": temperature,
        }  # fmt: skip
        if seed is not None:
            body["seed"] = seed % 2**31
        answer = self._sent(json.dumps(body).encode())
        try:
            return str(answer["choices"][0]["message"]["content"] or "").strip()
        except (KeyError, IndexError, TypeError):
            raise ServerError(f"{self.url}: the answer has no choices[0].message.content") from None

    def _sent(self, body: bytes) -> Any:
        """Send until it works: up to `retries` more times, each after twice the wait."""
        wait = self.wait
        for attempt in range(self.retries + 1):
            try:
                return self._once(body)
            except urllib.error.HTTPError as error:
                if error.code in USERS_FAULT:
                    raise UserError(
                        f"server {self.url}: answered {error.code} {error.reason}"
                    ) from None
                problem, asked = (
                    f"answered {error.code} {error.reason}",
                    error.headers.get("Retry-After", ""),
                )
                wait = max(wait, float(asked)) if asked.replace(".", "", 1).isdigit() else wait
                reached = True
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                problem, reached = f"{getattr(error, 'reason', error)}", False
            except ValueError:
                problem, reached = "answered with something that is not JSON", True
            if attempt < self.retries:
                self.sleep(min(wait, 60.0))
                wait *= 2
        if not reached:
            raise UserError(f"server {self.url}: cannot be reached: {problem}")
        raise ServerError(f"{self.url}: {problem}, {self.retries + 1} times")

    def _once(self, body: bytes) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("OPENAI_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url, data=body, headers=headers)
        with urllib.request.urlopen(request, timeout=self.timeout) as reply:
            return json.loads(reply.read(MOST_BYTES))


def data_url(image: Pixels) -> str:
    """Return the picture as a PNG data URL."""
    return "data:image/png;base64," + base64.b64encode(pictures.png(image)).decode("ascii")
