"""A chat client for any OpenAI-compatible server, with the standard library alone.

    chat = Chat("openai:http://localhost:8000/v1#qwen2.5-vl", concurrency=16)
    chat.ask("What is in the picture?", images=[picture])       -> "A dog on a sofa."
    chat.many([Request(content=("Is it safe?", picture))])      -> [Said(text="yes", tokens_in=12, tokens_out=1)]

The key is read from OPENAI_API_KEY when a request is sent; it is never stored, logged or put into
an error, and redirects are not followed, so that it goes nowhere else. A server that is busy or
fails is asked again, each time after about twice the wait. What the user must change is a
`UserError`; with `many`, a request that failed says so in its `Said` and the others go on.
"""

import http.client
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from counterfactory.errors import UserError
from counterfactory.fingerprint import digest_bytes, seed_for
from counterfactory.served.messages import Picture, Request, Said

USERS_FAULT = {400, 401, 403, 404, 405, 413, 422} | set(range(300, 400))
ONE_REQUEST = {400, 413, 422}  # the fault lies in one request: too long, filtered
MOST_BYTES = 16 * 1024 * 1024  # of an answer
MOST_WAIT = 60.0  # seconds between two tries
GIVE_UP = 8  # requests in a row, all their tries in vain: the server is gone


class ServerError(Exception):
    """The server could not answer, even after several tries."""


class Refused(UserError):
    """The server answered that the request, the key, the model or the URL is wrong."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(UserError):
    """No answer at all: wrong address, not started; or, once `connected`, it hangs or hangs up."""

    def __init__(self, message: str, *, connected: bool) -> None:
        super().__init__(message)
        self.connected = connected


class Chat:
    """A model behind an OpenAI-compatible server. Threads may share it."""

    def __init__(
        self,
        spec: str,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        wait: float = 1.0,
        concurrency: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take `openai:URL#model`; nothing is sent yet. `timeout` is for one whole try."""
        url, self.model = _parts(spec)
        self.url = url.rstrip("/") + "/chat/completions"
        self.timeout, self.retries, self.wait, self.sleep = timeout, retries, wait, sleep
        self.concurrency = max(1, concurrency)
        self._slots = threading.BoundedSemaphore(self.concurrency)

    def ask(
        self,
        text: str,
        *,
        images: Sequence[Picture] = (),
        system: str = "",
        max_tokens: int = 256,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> str:
        """Return the answer to one message. Raises `UserError` or `ServerError`."""
        request = Request(
            content=(*images, text), system=system, max_tokens=max_tokens,
            temperature=temperature, seed=seed,
        )  # fmt: skip
        return self.say(request).text

    def say(self, request: Request, *, until: float | None = None) -> Said:
        """Return the answer to one request. Raises `UserError` or `ServerError`.

        No try begins after `until`, a time of `time.monotonic`.
        """
        started = time.monotonic()
        answer = self._sent(request.body(self.model), until)
        try:
            choice = answer["choices"][0]
            text = _text(choice["message"]["content"])
        except (KeyError, IndexError, TypeError):
            raise ServerError(f"{self.url}: the answer has no choices[0].message.content") from None
        usage = answer.get("usage")
        usage = usage if isinstance(usage, dict) else {}
        return Said(
            text=text, tokens_in=_count(usage.get("prompt_tokens")),
            tokens_out=_count(usage.get("completion_tokens")),
            finish=str(choice.get("finish_reason") or ""), seconds=time.monotonic() - started,
        )  # fmt: skip

    def many(
        self,
        requests: Sequence[Request],
        *,
        deadline: float | None = None,
        done: Callable[[int, Said], None] | None = None,
    ) -> list[Said]:
        """Return the answers in order, `concurrency` at a time; nothing is raised.

        After `deadline` seconds what is not answered has failed, hanging or not. `done` is called
        with each answer as it comes, one at a time.
        """
        from counterfactory.served.many import Crowd

        return Crowd(self, requests, deadline, done).run()

    def _sent(self, body: bytes, until: float | None) -> Any:
        """Send until it works: up to `retries` more times, each after about twice the wait."""
        wait, problem, reached, connected = self.wait, "the time is over", True, False
        for attempt in range(self.retries + 1):
            left = self.timeout if until is None else min(self.timeout, until - time.monotonic())
            if left <= 0:
                raise ServerError(f"{self.url}: {problem}; the time is over")
            asked = 0.0
            try:
                with self._slots:
                    return self._once(body, left)
            except urllib.error.HTTPError as error:
                problem, reached = f"answered {error.code} {error.reason}", True
                if error.code in USERS_FAULT:
                    raise Refused(f"server {self.url}: {problem}", error.code) from None
                asked = _retry_after(error.headers.get("Retry-After", ""))
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                problem, reached = f"{getattr(error, 'reason', error)}", False
                connected = connected or not isinstance(error, urllib.error.URLError)
            except http.client.HTTPException as error:
                problem, reached = f"broke off ({type(error).__name__})", True
            except (ValueError, RecursionError):
                problem, reached = "answered with something that is not JSON", True
            if attempt < self.retries:
                self.sleep(_pause(wait, body, attempt, asked))
                wait *= 2
        if not reached:
            raise Unreachable(
                f"server {self.url}: cannot be reached: {problem}", connected=connected
            )
        raise ServerError(f"{self.url}: {problem}, {self.retries + 1} times")

    def _once(self, body: bytes, timeout: float) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("OPENAI_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self.url, data=body, headers=headers)
        end = time.monotonic() + timeout
        with _opener().open(request, timeout=timeout) as reply:
            data = bytearray()
            while part := reply.read1(1 << 16):
                data += part
                if time.monotonic() > end:  # a server that sends a byte now and then
                    raise TimeoutError(f"no whole answer after {timeout:.0f} s")
                if len(data) > MOST_BYTES:
                    raise ValueError("too long")
        return json.loads(data)


def _parts(spec: str) -> tuple[str, str]:
    """Return (URL, model) of `openai:URL#model`."""
    url, _, model = spec.removeprefix("openai:").partition("#")
    try:
        place = urlsplit(url)
        good = place.scheme in ("http", "https") and place.hostname and place.port != 0
    except ValueError:
        good = False
    if not (spec.startswith("openai:") and good and model):
        raise UserError(
            f"server {spec!r}: expected openai:URL#model, as openai:http://localhost:8000/v1#name"
        )
    if "@" in place.netloc:
        raise UserError(
            f"server ...#{model}: found a user name in the URL, expected none; "
            "give a key as OPENAI_API_KEY"
        )
    return url, model


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the key and the pictures go where the user said."""

    def redirect_request(self, *args: Any, **more: Any) -> None:
        """Return nothing, which makes the redirect an error."""
        return None


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(_Stay)


def _pause(wait: float, body: bytes, attempt: int, asked: float) -> float:
    """Return how long to wait: 75 to 125 % of `wait`, so that many requests do not come back at
    once; never less than the server asked for."""
    jitter = seed_for(attempt, digest_bytes(body)) / 2**63
    return min(max(wait * (0.75 + 0.5 * jitter), asked), MOST_WAIT)


def _retry_after(text: str) -> float:
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else 0.0


def _text(content: Any) -> str:
    """Return an answer's text; some servers send it in blocks."""
    if isinstance(content, list):
        content = "".join(str(one["text"]) for one in content if one["type"] == "text")
    return str(content or "").strip()


def _count(value: Any) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
