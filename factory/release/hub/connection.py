"""One connection: HTTP/1.1 requests read, handed to `routes`, answered.

Each request is answered in full or its connection is closed, and what was not read of a body is never
taken for the next request. Files leave by `sendfile`. No query, header or token is logged.
"""

import json
import logging
import re
import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any, Protocol
from urllib.parse import parse_qs

from counterfactory import __version__
from counterfactory.factory.release.hub.access import NOBODY
from counterfactory.factory.release.hub.bodies import Chunked, Cut, Sized
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.wire import Part, Reply, Request
from counterfactory.factory.run.disk import disk_trouble

IDLE_SECONDS = 120.0  # a connection that says nothing for so long is closed
DRAIN_BYTES = 2**20  # an unread rest up to here is read before the answer ...
LINGER_BYTES, LINGER_SECONDS = 2**26, 2.0  # ... and up to here after it, so that the answer arrives
LOCAL = {"127.0.0.1", "localhost", "::1"}

log = logging.getLogger(__name__)
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?")


class Server(Protocol):
    """What a connection needs of its server."""

    answer: Callable[[Request], Reply]
    url: str
    local: bool

    def busy(self) -> AbstractContextManager[None]:
        """Count a request as under way."""


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    rbufsize = 2**16
    server: Server  # type: ignore[assignment]

    def do_GET(self) -> None:
        """Answer one request, whatever its method."""
        started = time.monotonic()
        with self.server.busy(), suppress(Cut):
            reply, body = self._reply()
            if body is None or not _drained(body, DRAIN_BYTES):
                self.close_connection = True
            self._send(reply)
            path, seconds = self.path.partition("?")[0], time.monotonic() - started
            said = f" ({reply.headers['X-Error-Message']})" if reply.status >= 400 else ""
            log.info("%s %s %d %.3f s%s", self.command, path, reply.status, seconds, said)
            if body is not None and self.close_connection:
                self._linger(body)
            return
        self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def version_string(self) -> str:
        """Return the Server header."""
        return f"counterfactory-hub/{__version__}"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: requests are logged by `do_GET`, without their queries."""

    def _reply(self) -> tuple[Reply, Sized | Chunked | None]:
        body = None
        try:
            body = self._body()
            return self.server.answer(self._request(body)), body
        except Refusal as refusal:
            return refused(refusal), body
        except (ConnectionError, TimeoutError) as error:
            raise Cut(str(error)) from error
        except Exception as error:
            log.exception("%s %s", self.command, self.path.partition("?")[0])
            if trouble := disk_trouble(error):
                return refused(Refusal(507, f"The server cannot write: {trouble}")), body
            return refused(Refusal(500, "Internal error of this server; its log says more")), body

    def _request(self, body: Sized | Chunked) -> Request:
        host = self.headers.get("Host", "")
        found = _HOST.fullmatch(host)
        if host and not found:
            raise Refusal(400, "Malformed request: the Host header names no host")
        if found and self.server.local and found[1].strip("[]").lower() not in LOCAL:
            raise Refusal(403, f"This server answers to {self.server.url} only")
        base = f"http://{host}" if host else self.server.url
        if self.headers.get("Origin", base) != base:
            raise Refusal(403, "Pages of other sites may not use this server")
        path, _, text = self.path.partition("?")
        try:
            query = parse_qs(text, keep_blank_values=True, max_num_fields=1000)
        except ValueError:
            raise Refusal(400, "Malformed request: too many query fields") from None
        return Request(self.command, path, query, self.headers, body, base, NOBODY)

    def _body(self) -> Sized | Chunked:
        lengths = self.headers.get_all("Content-Length", [])
        encodings = self.headers.get_all("Transfer-Encoding", [])
        if encodings:
            if lengths or [each.lower().strip() for each in encodings] != ["chunked"]:
                raise Refusal(400, "Malformed request: no way to tell where its body ends")
            return Chunked(self.rfile)
        if len(lengths) > 1 or not all(re.fullmatch(r"[0-9]{1,15}", each) for each in lengths):
            raise Refusal(400, "Malformed request: Content-Length is no single whole number")
        return Sized(self.rfile, int(lengths[0]) if lengths else 0)

    def _send(self, reply: Reply) -> None:
        headers = {"Content-Length": str(reply.length), **reply.headers}
        if self.close_connection:
            headers["Connection"] = "close"
        self.send_response(reply.status)
        for name, value in headers.items():
            self.send_header(name, re.sub(r"[\r\n]+", " ", value))
        if isinstance(reply.body, Part):
            self._send_file(reply.body)
        else:
            body = b"" if self.command == "HEAD" else reply.body
            self._headers_buffer.append(b"\r\n" + body)  # type: ignore[attr-defined]
            self.flush_headers()

    def _send_file(self, part: Part) -> None:
        with open(part.path, "rb") as stream:
            self.end_headers()
            if self.command != "HEAD" and part.length:
                sent = self.connection.sendfile(stream, part.start, part.length)
                self.close_connection |= sent != part.length

    def _linger(self, body: Sized | Chunked) -> None:
        """Read on for a moment: closed at once, the connection would take the answer with it."""
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
            self.connection.settimeout(LINGER_SECONDS)
            _drained(body, LINGER_BYTES)


def _drained(body: Sized | Chunked, limit: int) -> bool:
    """Read what a handler left of a body; False when that is too much, or broken."""
    if not body.left:
        return True
    buffer, count = memoryview(bytearray(2**16)), 0
    with suppress(Cut, Refusal, OSError):
        while count <= limit:
            read = body.readinto(buffer)
            if not read:
                return True
            count += read
    return False


def refused(refusal: Refusal) -> Reply:
    """Return a refusal as the Hub words it."""
    line = " ".join(refusal.message.split()).encode("ascii", "replace").decode()
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Error-Message": line}
    headers |= refusal.headers
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    body = json.dumps({"error": refusal.message, **refusal.more}).encode()
    return Reply(refusal.status, body, headers)
