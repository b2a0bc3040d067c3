"""A way to a Hub on which requests meet what a test wants: answers that say no, cuts, silence.

with Road("http://127.0.0.1:8765") as road:
    road.block("POST", "/commit/", Fault("status", status=503), times=1)
    ...                                   # whoever talks to road.url
"""

import re
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Fault:
    """What happens to a request instead of its answer.

    status: the Hub answers so · cut: the connection ends without an answer · cut_body: it ends in
    the middle of what is sent · lost: the Hub does it, its answer is lost · silent: no answer comes
    """

    kind: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return str(self.status) if self.kind == "status" else self.kind


@dataclass
class _Block:
    method: str
    path: re.Pattern[str]
    fault: Fault
    left: int
    after: int  # requests that pass before


class Road:
    """A way to a Hub on which requests meet what the test wants; other requests pass untouched."""

    def __init__(self, hub: str) -> None:
        host, _, port = hub.removeprefix("http://").partition(":")
        self._hub = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.seen: list[str] = []  # "GET /api/..." of every request
        self.hits = 0
        self._blocks: list[_Block] = []
        self._meanwhile: list[tuple[str, str, Callable[[], None]]] = []
        self._guard = threading.Lock()

    def block(
        self, method: str, path: str, fault: Fault, *, times: int = 10**9, after: int = 0
    ) -> None:
        """Let requests of this method whose path matches meet a fault."""
        self._blocks.append(_Block(method, re.compile(path), fault, times, after))

    def meanwhile(self, method: str, path: str, act: Callable[[], None]) -> None:
        """Do something once, just before such a request arrives at the Hub."""
        self._meanwhile.append((method, path, act))

    def clear(self) -> None:
        """Let everything pass; forget what was seen."""
        self._blocks.clear()
        self.seen.clear()
        self.hits = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        """Carry one connection, one request after another."""
        with client, socket.create_connection(self._hub) as server:
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            from_client, from_server = client.makefile("rb"), server.makefile("rb")
            try:
                while self._request(client, server, from_client, from_server):
                    pass
            except OSError:
                return

    def _request(
        self, client: socket.socket, server: socket.socket, asks: Any, answers: Any
    ) -> bool:
        head = _top(asks)
        if not head:
            return False
        method, path = head[0].split()[:2]
        fault = self._fault(method.decode(), path.decode())
        size = _size(head)
        if fault is None or fault.kind == "lost":
            server.sendall(b"".join(head))
            _pass(asks, server, size, _chunked(head))
            if fault is not None:
                _answer(answers, None, method)
                return False
            return _answer(answers, client, method)
        if fault.kind == "cut_body":
            asks.read(size // 2)
            return False
        if fault.kind == "silent":
            threading.Event().wait(8.0)  # longer than the patience of the tests
            return False
        if fault.kind == "status":
            asks.read(size)
            lines = [f"{name}: {value}" for name, value in fault.headers.items()]
            body = b'{"error": "as the test wants"}'
            top = [f"HTTP/1.1 {fault.status} No", "Content-Type: application/json", *lines]
            top += [f"Content-Length: {0 if method == b'HEAD' else len(body)}", "", ""]
            client.sendall("\r\n".join(top).encode() + (b"" if method == b"HEAD" else body))
            return True
        return False  # cut

    def _fault(self, method: str, path: str) -> Fault | None:
        for one in [o for o in self._meanwhile if o[0] == method and re.search(o[1], path)]:
            self._meanwhile.remove(one)
            one[2]()
        with self._guard:
            self.seen.append(f"{method} {path}")
            for block in self._blocks:
                if block.method == method and block.path.search(path) and block.left:
                    if block.after:
                        block.after -= 1
                        continue
                    block.left -= 1
                    self.hits += 1
                    return block.fault
        return None


def _top(stream: Any) -> list[bytes]:
    lines = []
    while line := stream.readline():
        lines.append(line)
        if line == b"\r\n":
            return lines
    return []


def _field(head: list[bytes], name: bytes) -> bytes:
    for line in head[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name:
            return value.strip()
    return b""


def _size(head: list[bytes]) -> int:
    return int(_field(head, b"content-length") or 0)


def _chunked(head: list[bytes]) -> bool:
    return _field(head, b"transfer-encoding").lower() == b"chunked"


def _pass(source: Any, target: socket.socket | None, size: int, chunked: bool) -> None:
    if not chunked:
        while size:
            data = source.read1(min(size, 2**20))
            if not data:
                raise ConnectionError
            size -= len(data)
            if target is not None:
                target.sendall(data)
        return
    while True:
        line = source.readline()
        count = int(line.split(b";")[0], 16)
        data = line + source.read(count + 2)
        if target is not None:
            target.sendall(data)
        if count == 0:
            return


def _answer(source: Any, target: socket.socket | None, method: bytes) -> bool:
    """Pass on an answer, those before it (100 Continue) too; say whether the connection goes on."""
    while True:
        head = _top(source)
        if not head:
            return False
        if target is not None:
            target.sendall(b"".join(head))
        if not head[0].split()[1].startswith(b"1"):
            break
    if method != b"HEAD" and head[0].split()[1] not in (b"204", b"304"):
        _pass(source, target, _size(head), _chunked(head))
    return _field(head, b"connection").lower() != b"close"
