"""Nothing from an evaluation suite: neither its pictures, on either side of a pair, nor its scenes.

{check: contamination}                    the index inside the package
{check: contamination, index: mine.jsonl} one of your own, made by `build_index`

{"index": "counterfactory-contamination", "version": 1}
{"suite": "gate", "item": "0017", "phash": "c2924c5532bddfc8", "tint": "7f8c..."}      one picture
{"suite": "gate", "item": "0017", "fingerprint": "9f86d081..."}                        one scene graph

An entry may hold both: a picture and the scene behind it.
"""

import functools
import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

import counterfactory
from counterfactory.errors import UserError
from counterfactory.factory.checks.base import Check, Judge, verdict
from counterfactory.factory.checks.likeness import (
    GRID,
    MOST_DISTANCE,
    Likenesses,
    Signature,
    signature,
)
from counterfactory.factory.ops.base import Context
from counterfactory.records import Candidate, Pixels, Reason, Verdict

SHIPPED = Path(counterfactory.__file__).parent / "pocket" / "contamination.jsonl.gz"
FORMAT = {"index": "counterfactory-contamination", "version": 1}
FAR = 64.0  # the distance when nothing in the index is near


class Contamination(Check):
    """The Hamming distance of either picture to the nearest one of an evaluation suite."""

    name: ClassVar[str] = "contamination"
    reads: ClassVar[tuple[str, ...]] = ("image_a",)
    version: ClassVar[int] = 2

    check: Literal["contamination"] = "contamination"
    index: str = Field(
        default="shipped", min_length=1, description="'shipped', or a .jsonl(.gz) file"
    )
    max_distance: int = Field(
        default=4,
        ge=0,
        le=MOST_DISTANCE,
        description="bits of 64 in which the same picture may differ",
    )

    def setup(self, context: Context) -> Judge:
        """Read the index and return the function that judges."""
        index = read_index(self.index, self.max_distance)

        def judge(batch: Sequence[Candidate]) -> list[list[Verdict]]:
            return [self._judged(candidate, index) for candidate in batch]

        return judge

    def _judged(self, candidate: Candidate, index: "Index") -> list[Verdict]:
        distance = FAR
        if candidate.sample.fingerprint in index.scenes:
            distance = 0.0
        elif len(index.pictures):
            for pixels in (candidate.sample.image, candidate.original, candidate.image_b):
                near = index.pictures.near(signature(pixels)) if pixels is not None else []
                distance = min(distance, float(near[0][0]) if near else FAR)
        clean = distance > self.max_distance
        return [verdict("contamination", distance, self.max_distance, clean, Reason.CONTAMINATED)]


@dataclass(frozen=True, slots=True)
class Index:
    """What evaluation suites hold."""

    pictures: Likenesses
    scenes: frozenset[str]  # fingerprints


def build_index(
    path: Path,
    images: Iterable[tuple[str, str, Pixels]] = (),
    fingerprints: Iterable[tuple[str, str, str]] = (),
    *,
    scenes: Iterable[tuple[str, str, Pixels, str]] = (),
) -> int:
    """Write an index of (suite, item, picture), of (suite, item, fingerprint), and of both in one.

    Returns the number of entries. The same entries in the same order give the same bytes. `.gz` at
    the end of the name compresses.
    """
    count = 0
    part = path.with_name(path.name + ".part")
    with part.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", 6, raw, mtime=0) if path.suffix == ".gz" else None
        stream: Any = packed or raw
        stream.write(_line(FORMAT))
        for entry in _entries(images, fingerprints, scenes):
            stream.write(_line(entry))
            count += 1
        if packed is not None:
            packed.close()
    part.replace(path)
    return count


def read_index(name: str, max_distance: int) -> Index:
    """Return the index of that name. Raises `UserError` when there is none or it is damaged."""
    path = SHIPPED if name == "shipped" else Path(name).expanduser()
    if not path.is_file():
        raise UserError(f"checks: contamination: index: no file '{path}'")
    return _read(path, max_distance, path.stat().st_mtime_ns)


@functools.lru_cache(maxsize=4)
def _read(path: Path, max_distance: int, stamp: int) -> Index:
    pictures, scenes = Likenesses(max_distance), set()
    opened: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as stream:
            if json.loads(stream.readline()) != FORMAT:
                raise ValueError(f"expected {json.dumps(FORMAT)} as first line")
            for line in stream:
                entry = json.loads(line)
                if "phash" in entry:
                    pictures.add(_signature_of(entry))
                if "fingerprint" in entry:
                    scenes.add(entry["fingerprint"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"checks: contamination: index: {path}: not an index: {error}") from error
    return Index(pictures, frozenset(scenes - {""}))


def _entries(
    images: Iterable[tuple[str, str, Pixels]],
    fingerprints: Iterable[tuple[str, str, str]],
    scenes: Iterable[tuple[str, str, Pixels, str]],
) -> Iterator[dict[str, str]]:
    for suite, item, pixels in images:
        yield {"suite": suite, "item": item, **_look(pixels)}
    for suite, item, fingerprint in fingerprints:
        yield {"suite": suite, "item": item, "fingerprint": fingerprint}
    for suite, item, pixels, fingerprint in scenes:
        yield {"suite": suite, "item": item, **_look(pixels), "fingerprint": fingerprint}


def _look(pixels: Pixels) -> dict[str, str]:
    found = signature(pixels)
    return {"phash": f"{found.phash:016x}", "tint": found.tint.hex()}


def _signature_of(entry: dict[str, Any]) -> Signature:
    tint = bytes.fromhex(entry["tint"])
    if len(tint) != GRID * GRID * 3:
        raise ValueError(f"tint of {len(tint)} bytes, expected {GRID * GRID * 3}")
    return Signature(int(entry["phash"], 16), tint)


def _line(entry: dict[str, Any]) -> bytes:
    return (json.dumps(entry, sort_keys=True) + "\n").encode()
