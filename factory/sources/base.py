"""What a source is: a frozen setting that opens into samples with random access.

    source: {kind: folder, path: photos, n: 200}   ->   opened = Folder(...).open(workdir, seed)
    opened.load(17)  ->  Sample(image, caption, id ...)     opened.key(17)  ->  "cat.jpg:0:9f86d0..."

A batch of the build is a range of indices, so any worker can load any sample. A sample that cannot
be loaded raises `RowError` and costs one row; a wrong folder or column raises `UserError` when the
source opens.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from counterfactory.records import Sample

if TYPE_CHECKING:
    from counterfactory.factory.ops.base import Op


class OpenSource(Protocol):
    """Samples by index; the same index gives the same sample in every process."""

    def __len__(self) -> int:
        """Return how many samples there are."""
        ...

    def load(self, index: int) -> Sample:
        """Return one sample. Raises `RowError` when it is unusable."""
        ...

    def key(self, index: int) -> str:
        """Return a stable name of one sample, cheaper than loading it.

        Two indices never share one.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Return what the card says of the source: `title`, `license`, `images` and more, JSON types only."""
        ...


class Source(BaseModel):
    """Where samples come from. Subclasses give `kind: Literal[...]`, `provides` and `open`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    n: int = Field(ge=1, description="samples to draw")
    batch: int = Field(default=32, ge=1, le=4096, description="samples that are worked on together")

    @classmethod
    def oracle_ops(cls) -> dict[str, type["Op"]]:
        """Return ops that see the truth behind its samples, where that is known: upper bounds."""
        return {}

    def provides(self) -> tuple[str, ...]:
        """Return what its samples hold, of sample.image, .caption, .objects, .examples, .preferences."""
        return ("sample.image",)

    def open(self, workdir: Path, seed: int) -> OpenSource:
        """Return the samples. `workdir` is the build's own folder, for a source that must fetch first."""
        raise NotImplementedError(f"{type(self).__name__} cannot be opened")


def nearest(wrong: str, right: Iterable[str]) -> str:
    """Return the end of an error message: what was probably meant, and what there is.

    >>> nearest("captoin", ["caption", "file_name"])
    "; did you mean 'caption'? There are: caption, file_name"
    """
    names = sorted(right)
    close = difflib.get_close_matches(wrong, names, n=1)
    shown = ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
    return (f"; did you mean '{close[0]}'?" if close else "") + (
        f" There are: {shown}" if shown else ""
    )
