"""Requests that no good client sends: raw bytes to a server, and what came back.

status, headers, body = ask(url, "GET", "/api/datasets/lab/edits")
"""

import json
import socket
from typing import Any, NamedTuple
from urllib.parse import urlsplit

SECONDS = 20.0


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def send(url: str, data: bytes, *, close_early: bool = False) -> bytes:
    """Send bytes over a new connection, then say nothing more; return all that came back."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=SECONDS) as link:
        try:
            link.sendall(data)
            if close_early:
                return b""
            link.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        found = b""
        try:
            while part := link.recv(2**20):
                found += part
        except ConnectionResetError:
            pass
        return found


def ask(url: str, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Send one well-framed request and read its answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {urlsplit(url).netloc}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if "Transfer_Encoding" not in headers and "Content_Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return parsed(send(url, "\r\n".join(lines).encode() + b"\r\n\r\n" + body))


def parsed(data: bytes) -> Answer:
    """Take an answer apart."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(first.split()[1]), headers, body)
