"""A request as handlers see it, and the reply they give: HTTP's framing ends here.

    request.args["path"], request.flag("recursive"), request.json()
    return Reply.json({"sha": oid})
    return Reply(206, Part(path, start=0, length=512), {"Accept-Ranges": "bytes"})

Bodies are read as they come: with a length or in chunks, never more than is allowed, never all of it
in memory unless it is JSON.
"""

import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

from counterfactory.factory.release.hub.access import User
from counterfactory.factory.release.hub.refusal import Refusal

JSON_BYTES = 8 * 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of a file, in a reply."""

    path: Path
    start: int
    length: int


@dataclass(slots=True)
class Reply:
    """What is answered."""

    status: int = 200
    body: bytes | Part = b""
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """Answer with JSON."""
        body = json.dumps(value, ensure_ascii=False, default=str).encode()
        return cls(
            status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        )

    @property
    def length(self) -> int:
        """Return the body's bytes."""
        return self.body.length if isinstance(self.body, Part) else len(self.body)


@dataclass(slots=True)
class Request:
    """One request, its address already taken apart by the route that it matched."""

    method: str
    path: str
    """Percent-encoded, without the query."""
    query: dict[str, list[str]]
    headers: Message
    body: io.RawIOBase
    base: str
    """The address under which the client sees this server: http://127.0.0.1:8765"""
    user: User
    args: dict[str, str] = field(default_factory=dict)
    _json: dict[str, Any] | None = None

    def flag(self, name: str) -> bool:
        """Say whether a query parameter is set and true."""
        return self.text(name).lower() in ("1", "true", "yes")

    def text(self, name: str, default: str = "") -> str:
        """Return a query parameter."""
        return self.query.get(name, [default])[-1]

    def number(self, name: str, default: int, *, most: int) -> int:
        """Return a query parameter that is a whole number; one that is not is refused."""
        text = self.text(name)
        if not text:
            return default
        if not text.isdecimal() or len(text) > 15:
            raise Refusal(400, f"{name}: found {text[:40]!r}, expected a whole number from 0 on")
        return min(int(text), most)

    def json(self) -> dict[str, Any]:
        """Return the body, a JSON object; nothing at all counts as {}. It is read once."""
        if self._json is None:
            self._json = self._read_json()
        return self._json

    def _read_json(self) -> dict[str, Any]:
        data = self.whole()
        try:
            found = json.loads(data) if data.strip() else {}
        except (ValueError, RecursionError):
            raise Refusal(400, "Malformed request: the body is no JSON") from None
        if not isinstance(found, dict):
            raise Refusal(400, "Malformed request: the body is no JSON object")
        return found

    def listed(self, key: str) -> list[dict[str, Any]]:
        """Return a list of objects in the JSON body."""
        found = self.json().get(key)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise Refusal(400, f"Malformed request: {key} is no list of objects")
        return found

    def form(self) -> dict[str, Any]:
        """Return the body, JSON or a form; each value of a form is a list."""
        if "form-urlencoded" not in self.headers.get("Content-Type", ""):
            return self.json()
        try:
            return dict(parse_qs(self.whole().decode(), max_num_fields=20_000))
        except ValueError:
            raise Refusal(400, "Malformed request: the body is no form") from None

    def whole(self) -> bytes:
        """Return the body as bytes."""
        parts, size = [], 0
        while part := self.body.read(2**16):
            size += len(part)
            if size > JSON_BYTES:
                raise Refusal(413, f"Too large: this request may have {JSON_BYTES} bytes")
            parts.append(part)
        return b"".join(parts)

    def lines(self, limit: int) -> Iterator[bytes]:
        """Yield the body's lines, each of at most `limit` bytes."""
        stream = io.BufferedReader(self.body, 2**18)
        try:
            while line := stream.readline(limit + 1):
                if len(line) > limit:
                    raise Refusal(413, f"Too large: a line may have {limit} bytes")
                if line.strip():
                    yield line
        finally:
            stream.detach()
