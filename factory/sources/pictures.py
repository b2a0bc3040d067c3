"""Files in a folder as samples: what the sources `folder` and `hub` open into.

    Pictures(root, [Picture("a/cat.jpg", caption="a cat"), ...], n=200, ...)

Sample i is picture i modulo their number. Its later visits have keys of their own, hence seeds of
their own, so the same photograph gets another region edited.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory import images
from counterfactory.errors import RowError
from counterfactory.fingerprint import digest_bytes, digest_file
from counterfactory.records import Pixels, Reason, Sample


@dataclass(frozen=True, slots=True)
class Picture:
    """One image file and what is known of it."""

    name: str  # path below the root, with forward slashes
    caption: str = ""
    license: str = ""  # empty: that of the source


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Which pictures are taken, and how large they get."""

    max_pixels: int = images.MAX_PIXELS
    min_side: int = 64
    max_side: int | None = 512


class Pictures:
    """An `OpenSource` over image files. Nothing is read before a sample is asked for."""

    def __init__(
        self,
        root: Path,
        pictures: Sequence[Picture],
        *,
        n: int,
        prefix: str,
        license: str,  # noqa: A002 - the word of the record
        limits: Limits,
        facts: dict[str, Any],
    ) -> None:
        self._root, self._pictures, self._n = root, pictures, n
        self._prefix, self._license, self._limits, self._facts = prefix, license, limits, facts
        self._digest = functools.lru_cache(maxsize=4096)(self._digest_of)
        self._read = functools.lru_cache(maxsize=8)(self._read_file)

    def __len__(self) -> int:
        return self._n

    def key(self, index: int) -> str:
        """Return "name:visit:sha256 of the file"."""
        picture, visit = self._at(index)
        return f"{picture.name}:{visit}:{self._digest(picture.name)}"

    def load(self, index: int) -> Sample:
        """Return one sample, upright, RGB and within the limits."""
        picture, visit = self._at(index)
        pixels, identity = self._read(picture.name)
        return Sample(
            id=identity,
            image=pixels.copy(),
            source_id=f"{self._prefix}:{picture.name}" + (f"#{visit}" if visit else ""),
            caption=picture.caption,
            license=picture.license or self._license,
        )

    def describe(self) -> dict[str, Any]:
        """Return the facts for the card."""
        return {
            **self._facts,
            "license": self._license,
            "images": len(self._pictures),
            "captions": sum(bool(picture.caption) for picture in self._pictures),
        }

    def _at(self, index: int) -> tuple[Picture, int]:
        if not 0 <= index < self._n:
            raise IndexError(f"sample {index} of {self._n}")
        visit, place = divmod(index, len(self._pictures))
        return self._pictures[place], visit

    def _digest_of(self, name: str) -> str:
        try:
            return digest_file(self._root / name)
        except OSError:
            return "unreadable"

    def _read_file(self, name: str) -> tuple[Pixels, str]:
        try:
            data = (self._root / name).read_bytes()
        except OSError as error:
            raise RowError(Reason.IMAGE_UNREADABLE, metric=type(error).__name__) from error
        limits = self._limits
        pixels = images.decode(
            data, max_pixels=limits.max_pixels, min_side=limits.min_side, max_side=limits.max_side
        )
        return pixels, digest_bytes(data)
