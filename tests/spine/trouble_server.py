"""A chat server on this machine that does what it is told to do wrong, request by request.

    with trouble() as server:
        server.replies = [hang(5), status(429, **{"Retry-After": "1"}), said("Verdict: safe")]
        server.spec            ->  "openai:http://127.0.0.1:40213/v1#toy"

One reply a request, the last one for ever; `server.by` decides by the request's text instead.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[BaseHTTPRequestHandler], None]


def status(code: int, text: str = "", **headers: str) -> Reply:
    """Answer with a status."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())

    return reply


def said(text: Any, tokens: tuple[int, int] = (7, 3), finish: str = "stop") -> Reply:
    """Answer as a good server does."""
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": finish}
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return status(200, json.dumps({"choices": [choice], "usage": usage}))


def hang(seconds: float) -> Reply:
    """Accept and say nothing."""
    return lambda handler: time.sleep(seconds)


def trickle(seconds: float) -> Reply:
    """Send a byte now and then, and never come to an end."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        for _ in range(int(seconds / 0.05)):
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.05)

    return reply


def truncated() -> Reply:
    """Promise more than is sent, and hang up."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [{"message": {"content": "Verdict: sa')

    return reply


def garbage() -> Reply:
    """Answer with what is not HTTP."""
    return lambda handler: handler.wfile.write(b"\x00\xffnonsense\r\n\r\n") and None


class Server:
    """The running server and what it was sent."""

    def __init__(self) -> None:
        self.replies: list[Reply] = [said("yes")]
        self.by: Callable[[str], Reply] | None = None
        self.seen: list[dict[str, Any]] = []
        self.open = self.most = 0  # requests at one time
        self.lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer.lock:
                    outer.open += 1
                    outer.most = max(outer.most, outer.open)
                    outer.seen.append(body)
                    reply = outer._next(body)
                try:
                    with suppress(ConnectionError):
                        reply(self)
                finally:
                    with outer.lock:
                        outer.open -= 1

            def log_message(self, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.http.block_on_close = False
        threading.Thread(target=self.http.serve_forever, args=(0.02,), daemon=True).start()
        self.spec = f"openai:http://127.0.0.1:{self.http.server_port}/v1#toy"

    def _next(self, body: dict[str, Any]) -> Reply:
        if self.by is not None:
            return self.by(text_of(body))
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def close(self) -> None:
        """Stop."""
        self.http.shutdown()
        self.http.server_close()


def text_of(body: dict[str, Any]) -> str:
    """Return the text of a request."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


@contextmanager
def trouble() -> Iterator[Server]:
    """Run a server for a while."""
    server = Server()
    try:
        yield server
    finally:
        server.close()
