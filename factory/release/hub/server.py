"""The server: a thread a connection over one folder, from this process or from a command.

    with serve(Path("runs/hub")) as url:
        subprocess.run(["hf", "upload", ...], env={**os.environ, "HF_ENDPOINT": url})

Standard library only. What is answered stands in `routes`, how in `connection`.
"""

import functools
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

from counterfactory.factory.release.hub.access import Access
from counterfactory.factory.release.hub.connection import LOCAL, Handler
from counterfactory.factory.release.hub.hub import MAX_FILE, Hub
from counterfactory.factory.release.hub.routes import answer
from counterfactory.factory.release.hub.shelf import Shelf

GRACE_SECONDS = 10.0  # for requests under way when the server is stopped

log = logging.getLogger(__name__)


class Server(ThreadingHTTPServer):
    """One server over one folder."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, hub: Hub, host: str, port: int) -> None:
        self.answer = functools.partial(answer, hub)
        self._open, self._busy, self._idle = set[socket.socket](), 0, threading.Condition()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), Handler)
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}"
        self.local = host in LOCAL

    def server_bind(self) -> None:
        """Take the address as it is given; the base class asks DNS for the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    @contextmanager
    def busy(self) -> Iterator[None]:
        """Count a request as under way."""
        with self._idle:
            self._busy += 1
        try:
            yield
        finally:
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Remember the connection, so that `close` can end it."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Take a client that went away for no error of the server's."""
        log.debug("connection of %s ended early", client_address, exc_info=True)

    def close(self) -> None:
        """Stop listening, read no more, let what is under way come to its end."""
        self.server_close()
        self._end(socket.SHUT_RD)
        with self._idle:
            self._idle.wait_for(lambda: not self._busy, GRACE_SECONDS)
        self._end(socket.SHUT_RDWR)

    def _end(self, how: int) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(how)


@contextmanager
def serve(
    root: str | Path,
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    access: Access | None = None,
    max_file: int = MAX_FILE,
) -> Iterator[str]:
    """Serve a folder from a thread of this process and give its address.

    `port` 0 takes a free one; `max_file` is the most bytes that one file may have. Raises `UserError`
    when another server has the folder, `OSError` when the port is taken.
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
    root: Path,
    port: int,
    *,
    host: str = "127.0.0.1",
    access: Access | None = None,
    max_file: int = MAX_FILE,
) -> Iterator[Server]:
    """Give a server that listens but does not answer before its `serve_forever`."""
    shelf = Shelf(root)
    try:
        server = Server(Hub(shelf, access or Access(), max_file), host, port)
        try:
            yield server
        finally:
            server.close()
    finally:
        shelf.close()
