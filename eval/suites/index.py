"""The contamination index of the suites: what releases must not hold.

    python -m counterfactory.eval.suites.index     writes the index that the package ships

It names every picture of the pocket suite, mine, gate and final, by its scene's fingerprint and by
what it looks like. pocket-quick asks about some of the same pictures.
"""

from collections.abc import Iterator
from pathlib import Path

from counterfactory.eval.items import Item
from counterfactory.eval.suites import suite_named
from counterfactory.factory.checks.contamination import SHIPPED, build_index
from counterfactory.images import decode
from counterfactory.records import Pixels


def items(suite: str = "pocket") -> Iterator[tuple[str, Item]]:
    """Yield (split, item) of a whole suite."""
    found = suite_named(suite)
    for split in found.splits:
        for task in found.tasks:
            for item in task.items(split):
                yield split, item


def scenes(suite: str = "pocket") -> Iterator[tuple[str, str, Pixels, str]]:
    """Yield (suite, item, picture, fingerprint) of each scene once."""
    seen: set[str] = set()
    for split, item in items(suite):
        for fingerprint, image in zip(item.fingerprints, item.images, strict=True):
            if fingerprint not in seen:
                seen.add(fingerprint)
                yield suite, f"{item.task}/{split}/{item.id}", decode(image), fingerprint


def write_index(path: Path = SHIPPED) -> int:
    """Write the index; return how many pictures it names."""
    return build_index(path, scenes=scenes())


if __name__ == "__main__":
    write_index()
