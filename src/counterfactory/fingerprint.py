"""Names made from content: the same content gives the same name, on any machine.

    >>> digest({"b": 1, "a": None})[:12] == digest({"a": None, "b": 1})[:12]
    True
    >>> seed_for(7, "candidate-key", "edit") == seed_for(7, "candidate-key", "edit")
    True

A value that has no canonical form (a set, NaN, an object) is refused, never guessed.
"""

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from pathlib import Path

SCHEME = "cf1"  # part of every digest, so that a change of the rules changes every name


def canonical(value: object) -> object:
    """Return `value` as plain JSON types. Raises `TypeError` or `ValueError` on anything else."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} has no canonical form")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        if bad := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"keys must be text, found {bad[0]!r}")
        return {key: canonical(value[key]) for key in sorted(value)}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no canonical form")


def canonical_json(value: object) -> str:
    """Return the one JSON text of `value`: sorted keys, no spaces, 1.0 written as 1."""
    return json.dumps(canonical(value), ensure_ascii=True, separators=(",", ":"), allow_nan=False)


def digest(value: object) -> str:
    """Return the sha256 (64 hex digits) of a JSON-like value."""
    return hashlib.sha256(f"{SCHEME}:{canonical_json(value)}".encode()).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Return the sha256 (64 hex digits) of raw bytes: the identity of an image."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the sha256 of a file, read in blocks."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_weights(folder: Path) -> str:
    """Return the identity of a model folder: its weight files' names and bytes, and nothing else.

    Raises `FileNotFoundError` when the folder holds no weights.
    """
    kinds = {".safetensors", ".bin", ".pt", ".pth", ".ckpt"}
    files = sorted(path for path in folder.rglob("*") if path.suffix in kinds)
    if not files:
        raise FileNotFoundError(f"no weight files in {folder}")
    return digest({path.relative_to(folder).as_posix(): digest_file(path) for path in files})


def seed_for(recipe_seed: int, *names: str) -> int:
    """Return a 63-bit seed for one use, derived by HMAC: no seed is ever drawn at random."""
    message = canonical_json(list(names)).encode()
    mac = hmac.new(str(recipe_seed).encode(), message, hashlib.sha256).digest()
    return int.from_bytes(mac[:8], "big") >> 1
