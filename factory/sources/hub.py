"""Images of a Hugging Face dataset, spooled to files first and then read like a folder.

    source: {kind: hub, path: nlphuji/flickr30k, split: test, caption_column: caption, n: 500}

    OUT.build/source/<settings>/00000017.jpg  metadata.jsonl  done

The original bytes are kept. A spool that was cut short goes on behind the last file it has. `path`
may be a local folder that `datasets.load_dataset` reads (Parquet files, a release of ours). Code in
datasets is never run.
"""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from pydantic import Field

from counterfactory.errors import UserError
from counterfactory.factory.sources.base import OpenSource, Source, nearest
from counterfactory.factory.sources.folder import ENDINGS
from counterfactory.factory.sources.metadata import choose_column, first_text
from counterfactory.factory.sources.pictures import Limits, Picture, Pictures
from counterfactory.fingerprint import digest
from counterfactory.images import MAX_PIXELS

IMAGE_COLUMNS = ("image", "img", "images", "picture", "image_a", "jpg")


class Hub(Source):
    """The first `n` images of one split of a dataset."""

    kind: Literal["hub"] = "hub"
    path: str = Field(min_length=1, description="org/name, or a local folder of a dataset")
    revision: str | None = Field(default=None, description="tag or commit; pin it")
    config: str | None = None
    split: str = "train"
    image_column: str = Field(default="", description="empty: image, img ... whichever is there")
    caption_column: str = Field(
        default="", description="empty: caption, text ... whichever is there"
    )
    streaming: bool = Field(default=True, description="fetch only what is drawn")
    license: str = "unknown"
    max_side: int = Field(default=512, ge=32, le=4096)
    min_side: int = Field(default=64, ge=1)
    max_pixels: int = Field(default=MAX_PIXELS, ge=1)

    def provides(self) -> tuple[str, ...]:
        """Captions where they are given: a sample without one is rejected by the op that needs it."""
        return ("sample.image", "sample.caption")

    def open(self, workdir: Path, seed: int) -> OpenSource:
        """Fetch what is not there yet.

        Raises `UserError` when the dataset or a column cannot be had.
        """
        folder = workdir / "source" / digest(self.model_dump(mode="json", exclude=_READING))[:16]
        if not (folder / "done").exists():
            self._spool(folder)
        lines = (folder / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        pictures = [Picture(row["file_name"], row["text"]) for row in map(json.loads, lines)]
        if not pictures:
            raise UserError(f"source.path: split '{self.split}' of '{self.path}' holds no rows")
        limits = Limits(max_pixels=self.max_pixels, min_side=self.min_side, max_side=self.max_side)
        facts = {
            "kind": "hub",
            "title": f"dataset {_shown(self.path)}, split {self.split}",
            "path": _shown(self.path),
            "revision": self.revision or "",
            "listing": digest([picture.name for picture in pictures]),
        }
        return Pictures(
            folder, pictures, n=self.n, prefix=f"hub:{_shown(self.path)}", license=self.license,
            limits=limits, facts=facts,
        )  # fmt: skip

    def _spool(self, folder: Path) -> None:
        """Write rows as files, each whole or not at all; then `metadata.jsonl`, then `done`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "lines").mkdir(exist_ok=True)
        have = _finished(folder)
        for number, row in enumerate(self._rows(have), start=have):
            name = f"{number:08d}{_ending(row['path'])}"
            _write(folder / name, row["bytes"])
            line = json.dumps({"file_name": name, "text": row["caption"]})
            # last: it marks the row as had
            _write(folder / "lines" / f"{number:08d}", line.encode())
        lines = [path.read_text() for path in sorted((folder / "lines").glob("[0-9]*"))]
        _write(folder / "metadata.jsonl", "".join(line + "\n" for line in lines).encode())
        _write(folder / "done", b"")

    def _rows(self, skip: int) -> Iterator[dict[str, Any]]:
        """Yield {bytes, path, caption} of rows `skip` to n."""
        from datasets import Image

        rows = self._dataset()
        columns = list(rows.features or {}) or list(next(iter(rows.take(1)), {}))
        image = _image_column(columns, self.image_column, self.path)
        caption = choose_column(dict.fromkeys(columns), self.caption_column, where=self.path)
        try:
            rows = rows.cast_column(image, Image(decode=False))
            for row in rows.skip(skip).take(self.n - skip):
                value = _image(row[image])
                yield {**value, "caption": first_text(row[caption]) if caption else ""}
        except UserError:
            raise
        except Exception as error:  # the network, the server or a damaged file
            raise UserError(f"source.path: reading '{self.path}' failed: {_line(error)}") from error

    def _dataset(self) -> Any:
        """Return the split as a stream. Whatever hinders that is the user's to mend."""
        from datasets import load_dataset

        try:
            rows = load_dataset(
                self.path,
                self.config,
                split=self.split,
                revision=self.revision,
                streaming=self.streaming,
            )
        except Exception as error:
            raise UserError(
                f"source.path: cannot load '{self.path}' (config {self.config}, split {self.split}): {_line(error)}"
            ) from error
        return rows if self.streaming else rows.to_iterable_dataset()


# knobs that change nothing in the spool
_READING = {"batch", "license", "max_side", "min_side", "max_pixels", "streaming"}


def _image_column(columns: list[str], wanted: str, path: str) -> str:
    if wanted and wanted not in columns:
        raise UserError(
            f"source.image_column: '{path}' has no column '{wanted}'" + nearest(wanted, columns)
        )
    column = wanted or next((name for name in IMAGE_COLUMNS if name in columns), "")
    if not column:
        raise UserError(
            f"source.image_column: which column of '{path}' holds images?"
            + nearest("image", columns)
        )
    return column


def _image(value: object) -> dict[str, Any]:
    """Return the original bytes of an undecoded image cell; empty when the cell is."""
    if not isinstance(value, Mapping):
        return {"bytes": b"", "path": ""}
    data, path = value.get("bytes"), value.get("path") or ""
    if data is None and path:
        from datasets.utils.file_utils import xopen

        with xopen(path, "rb") as stream:
            data = stream.read()
    return {"bytes": data or b"", "path": path}


def _finished(folder: Path) -> int:
    """Return how many leading rows are had."""
    number = 0
    while (folder / "lines" / f"{number:08d}").exists():
        number += 1
    return number


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    part.replace(path)


def _ending(path: str) -> str:
    ending = PurePosixPath(path.split("::")[0]).suffix.lower()
    return ending if ending in ENDINGS else ".img"


def _shown(path: str) -> str:
    """Return the dataset's name for cards: of a local folder only its last part."""
    return Path(path).name if Path(path).is_dir() else path


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + "..."
