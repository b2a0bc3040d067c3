"""The server itself: threads, connections, one request after another; what is answered is `routes`'.

    with serve(Path("runs/hub")) as url:
        subprocess.run(["hf", "upload", ...], env={**os.environ, "HF_ENDPOINT": url})

HTTP/1.1 with keep-alive, standard library only. Files leave by `sendfile`. Each request is answered in
full or its connection is closed, and a body that was not read is not taken for the next request.
"""

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from counterfactory import __version__
from counterfactory.factory.release.hub.access import Access, User
from counterfactory.factory.release.hub.hub import Hub
from counterfactory.factory.release.hub.refusal import Refusal
from counterfactory.factory.release.hub.routes import answer
from counterfactory.factory.release.hub.shelf import Shelf
from counterfactory.factory.release.hub.wire import Chunked, Cut, Part, Reply, Request, Sized

IDLE_SECONDS = 120.0  # a connection that says nothing for so long is closed
DRAIN_BYTES = 2**20  # an unread rest up to here is read; beyond, the connection is closed
LOCAL = {"127.0.0.1", "localhost", "::1"}

log = logging.getLogger(__name__)
_HOST = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9.-]+)(?::(\d{1,5}))?")


class Server(ThreadingHTTPServer):
    """One server over one folder."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, hub: Hub, host: str, port: int) -> None:
        self.hub, self._connections = hub, set[socket.socket]()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"
        self.local = host in LOCAL

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `close` can end it."""
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error of the server's."""
        log.debug("connection of %s ended early", client_address, exc_info=True)

    def close(self) -> None:
        """Stop listening and end every connection."""
        self.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = f"counterfactory-hub/{__version__}", ""
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS
    rbufsize = 2**16
    server: Server

    def do_GET(self) -> None:
        """Answer one request, whatever its method."""
        started, body = time.monotonic(), None
        try:
            body = self._body()
            reply = self._answer(body)
        except Cut:
            self.close_connection = True
            return
        except Refusal as refusal:
            reply = refused(refusal)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s", self.command, self.path.partition("?")[0])
            reply = refused(Refusal(500, "Internal error of this server; its log says more"))
        if body is None or not self._drained(body):
            self.close_connection = True
        self._send(reply)
        seconds = time.monotonic() - started
        log.info("%s %s %d %.3fs", self.command, self.path.partition("?")[0], reply.status, seconds)

    do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Requests are logged by `do_GET`, without their queries."""
        log.debug(format, *args)

    def _answer(self, body: Sized | Chunked) -> Reply:
        host = self.headers.get("Host", "")
        found = _HOST.fullmatch(host)
        if host and not found:
            raise Refusal(400, "Malformed request: the Host header names no host")
        if found and self.server.local and found[1].strip("[]").lower() not in LOCAL:
            raise Refusal(403, f"This server answers to {self.server.url} only")
        base = f"http://{host}" if host else self.server.url
        if (origin := self.headers.get("Origin")) is not None and origin != base:
            raise Refusal(403, "Pages of other sites may not use this server")
        path, _, query = self.path.partition("?")
        request = Request(
            self.command, path, parse_qs(query, keep_blank_values=True, max_num_fields=1000),
            self.headers, body, base, User(""),
        )  # fmt: skip
        return answer(self.server.hub, request)

    def _body(self) -> Sized | Chunked:
        lengths = self.headers.get_all("Content-Length", [])
        encodings = self.headers.get_all("Transfer-Encoding", [])
        if encodings:
            if lengths or [each.lower().strip() for each in encodings] != ["chunked"]:
                raise Refusal(400, "Malformed request: no way to tell where its body ends")
            return Chunked(self.rfile)  # type: ignore[arg-type]
        if len(set(lengths)) > 1 or not all(re.fullmatch(r"\d{1,15}", each) for each in lengths):
            raise Refusal(400, "Malformed request: Content-Length is no single whole number")
        return Sized(self.rfile, int(lengths[0]) if lengths else 0)  # type: ignore[arg-type]

    def _drained(self, body: Sized | Chunked) -> bool:
        """Read what a handler left of the body; False when that is too much, or broken."""
        buffer, count = memoryview(bytearray(2**16)), 0
        with suppress(Cut, Refusal, OSError):
            while count <= DRAIN_BYTES:
                read = body.readinto(buffer)
                if not read:
                    return True
                count += read
        return False

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


def refused(refusal: Refusal) -> Reply:
    """Return a refusal as the Hub words it."""
    line = " ".join(refusal.message.split()).encode("ascii", "replace").decode()
    headers = {"Content-Type": "application/json; charset=utf-8", "X-Error-Message": line}
    headers |= refusal.headers
    if refusal.code:
        headers["X-Error-Code"] = refusal.code
    body = json.dumps({"error": refusal.message, **refusal.more}).encode()
    return Reply(refusal.status, body, headers)


@contextmanager
def serve(
    root: str | Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    access: Access | None = None,
    max_file: int | None = None,
) -> Iterator[str]:
    """Serve a folder from a thread of this process and give its address.

    `port` 0 takes a free one; `max_file` is the most bytes that one file may have.
    """
    with opened(Path(root), port, host=host, access=access, max_file=max_file) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def opened(
    root: Path, port: int, *, host: str, access: Access | None, max_file: int | None
) -> Iterator[Server]:
    """Give a server that listens and does not answer yet. Raises `UserError` when the folder is in use."""
    shelf = Shelf(root)
    try:
        hub = Hub(shelf, access or Access(), **({} if max_file is None else {"max_file": max_file}))
        server = Server(hub, host, port)
        try:
            yield server
        finally:
            server.close()
    finally:
        shelf.close()
