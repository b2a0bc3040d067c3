"""Which pictures look alike: a small signature of a picture, and an index of many.

    index = Likenesses(max_distance=4)
    index.add(signature(pixels))                   ->  0, its number
    index.near(signature(the_same_as_jpeg))        ->  [(1, 0)]: one bit from picture 0

A signature is the 64-bit perceptual hash, which sees structure but no colour, and the mean colours
of a 4 x 4 grid, which see colour. Both must be near. The index is banded: hashes that differ in at
most `max_distance` bits agree, up to a bit or two, in one of four 16-bit bands, so that few are
compared.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from counterfactory.images import hamming, phash
from counterfactory.records import Pixels

GRID = 4
MAX_TINT = 14  # most distance of any cell's mean channel, 0..255
BANDS, BAND_BITS = 4, 16
MOST_DISTANCE = 11  # the four bands are looked up with at most 2 bits flipped


@dataclass(frozen=True, slots=True)
class Signature:
    """What a picture looks like, in 56 bytes."""

    phash: int
    tint: bytes  # GRID x GRID x 3 mean channels


def signature(pixels: Pixels) -> Signature:
    """Return the signature of a picture."""
    import cv2

    cells = cv2.resize(np.ascontiguousarray(pixels), (GRID, GRID), interpolation=cv2.INTER_AREA)
    return Signature(phash(pixels), cells.tobytes())


def alike(one: Signature, other: Signature, max_distance: int) -> bool:
    """Whether two pictures look the same, structure and colours."""
    return hamming(one.phash, other.phash) <= max_distance and tint_gap(one, other) <= MAX_TINT


def tint_gap(one: Signature, other: Signature) -> int:
    """Return the largest distance of two pictures' coarse colours."""
    a, b = (np.frombuffer(item.tint, np.uint8).astype(np.int16) for item in (one, other))
    return int(np.abs(a - b).max())


class Likenesses:
    """Signatures by number, with a look-up of near ones."""

    def __init__(self, max_distance: int) -> None:
        if not 0 <= max_distance <= MOST_DISTANCE:
            raise ValueError(f"max_distance {max_distance} is not in 0..{MOST_DISTANCE}")
        self.max_distance = max_distance
        self._flips = list(_flips(max_distance // BANDS))
        self._hashes = array("Q")
        self._tints = bytearray()
        self._bands: list[dict[int, array[int]]] = [{} for _ in range(BANDS)]

    def __len__(self) -> int:
        return len(self._hashes)

    def add(self, item: Signature) -> int:
        """Take a picture in; return its number."""
        number = len(self._hashes)
        self._hashes.append(item.phash)
        self._tints += item.tint
        for band, key in zip(self._bands, _keys(item.phash), strict=True):
            band.setdefault(key, array("L")).append(number)
        return number

    def near(self, item: Signature) -> list[tuple[int, int]]:
        """Return (distance, number) of all pictures that look like this one, nearest first."""
        numbers: set[int] = set()
        for band, key in zip(self._bands, _keys(item.phash), strict=True):
            for flip in self._flips:
                numbers.update(band.get(key ^ flip, ()))
        found = [
            (distance, number)
            for number in numbers
            if (distance := hamming(item.phash, self._hashes[number])) <= self.max_distance
            and tint_gap(item, self._at(number)) <= MAX_TINT
        ]
        return sorted(found)

    def _at(self, number: int) -> Signature:
        size = GRID * GRID * 3
        return Signature(
            self._hashes[number], bytes(self._tints[number * size : (number + 1) * size])
        )


def _keys(value: int) -> list[int]:
    return [(value >> (BAND_BITS * band)) & 0xFFFF for band in range(BANDS)]


def _flips(most: int) -> Iterator[int]:
    """Yield all 16-bit patterns with at most `most` bits."""
    for count in range(most + 1):
        for bits in combinations(range(BAND_BITS), count):
            yield sum(1 << bit for bit in bits)
