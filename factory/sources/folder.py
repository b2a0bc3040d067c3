"""A folder of images, with captions where a metadata file gives them (the imagefolder convention).

    photos/cat.jpg
    photos/street/bus.png
    photos/metadata.jsonl     {"file_name": "cat.jpg", "text": "A cat on a chair."}

    source: {kind: folder, path: photos, n: 200}

`metadata.jsonl`, `.csv` or `.parquet` may lie in any folder; its `file_name`s start there. Images
it does not name have no caption. `path: skimage`, the default, is the photographs inside scikit-
image: see `shipped.py`. A path may be a URL of object storage (`s3://acme/photos`): each machine
fetches its copy once.
"""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from counterfactory.buckets import is_url
from counterfactory.errors import UserError
from counterfactory.factory.sources import shipped
from counterfactory.factory.sources.base import OpenSource, Source, nearest
from counterfactory.factory.sources.metadata import Notes, read_metadata
from counterfactory.factory.sources.pictures import Limits, Picture, Pictures
from counterfactory.fingerprint import digest
from counterfactory.images import MAX_PIXELS
from counterfactory.mirror import mirrored

ENDINGS = frozenset(
    ".jpg .jpeg .jpe .png .webp .gif .bmp .tif .tiff .ppm .pgm .pnm .jp2 .avif .tga".split()
)


class Folder(Source):
    """Photographs from the user's disk; `skimage` stands for those that scikit-image ships."""

    kind: Literal["folder"] = "folder"
    path: str = Field(
        default="skimage", min_length=1, description="a folder, s3://BUCKET/FOLDER, or 'skimage'"
    )
    caption_column: str = Field(
        default="", description="empty: caption, text ... whichever is there"
    )
    license: str = Field(default="unknown", description="of the images, for rows and card")
    max_side: int = Field(
        default=512, ge=32, le=4096, description="longer images are shrunk to this"
    )
    min_side: int = Field(default=64, ge=1, description="images with a shorter side are rejected")
    max_pixels: int = Field(
        default=MAX_PIXELS, ge=1, description="larger images are rejected, unread"
    )

    def provides(self) -> tuple[str, ...]:
        """Captions where they are given: a sample without one is rejected by the op that needs it."""
        return ("sample.image", "sample.caption")

    def open(self, workdir: Path, seed: int) -> OpenSource:
        """List the folder. Raises `UserError` when it is missing, empty, or a column is not there."""
        limits = Limits(max_pixels=self.max_pixels, min_side=self.min_side, max_side=self.max_side)
        if self.path == "skimage":
            return shipped.open_shipped(self.n, limits)
        root = existing(self.path)
        return open_folder(
            root, n=self.n, column=self.caption_column, prefix="folder", terms=self.license,
            limits=limits, title=f"images in the folder '{root.name}'",
        )  # fmt: skip


def open_folder(
    root: Path,
    *,
    n: int,
    column: str,
    prefix: str,
    terms: str,
    limits: Limits,
    title: str,
) -> Pictures:
    """Return the images below `root` with their captions, in a stable order."""
    notes: dict[str, Notes] = {}
    files: list[str] = []
    has_notes = False
    for path in walk(root):
        if path.stem == "metadata" and path.suffix in (".jsonl", ".csv", ".parquet"):
            notes |= read_metadata(root, path, column)
            has_notes = True
        elif path.suffix.lower() in ENDINGS:
            files.append(path.relative_to(root).as_posix())
    if column and not has_notes:
        raise UserError(
            f"source.caption_column: '{column}' asked for, but {root} holds no metadata.jsonl, .csv or .parquet"
        )
    names = sorted({*files, *notes})
    if not names:
        raise UserError(
            f"source.path: {root} holds no images (looked for {', '.join(sorted(ENDINGS))})"
        )
    pictures = [
        Picture(name, notes[name].caption, notes[name].license) if name in notes else Picture(name)
        for name in names
    ]
    facts = {"kind": prefix, "title": title, "listing": digest(names)}
    return Pictures(root, pictures, n=n, prefix=prefix, license=terms, limits=limits, facts=facts)


def existing(path: str) -> Path:
    """Return the folder that `path` names, absolute. Raises `UserError` when there is none."""
    if is_url(path):
        return mirrored(path).resolve()
    root = Path(path).expanduser()
    if root.is_file():
        raise UserError(f"source.path: '{path}' is a file, expected a folder of images")
    if not root.is_dir():
        parent = root.parent
        beside = (
            [item.name for item in parent.iterdir() if item.is_dir()] if parent.is_dir() else []
        )
        raise UserError(f"source.path: no folder '{path}'" + nearest(root.name, beside))
    return root.resolve()


def walk(root: Path) -> list[Path]:
    """Return all files below `root`, sorted, without hidden ones.

    Links that lead outside are refused.
    """
    found: list[Path] = []
    for folder, names, files in os.walk(root):
        names[:] = sorted(name for name in names if not name.startswith("."))
        for name in [*names, *files]:
            path = Path(folder, name)
            if path.is_symlink() and not path.resolve().is_relative_to(root):
                raise UserError(
                    f"source.path: {path} is a link that leads outside {root}; copy the file into the folder"
                )
        found += [Path(folder, name) for name in sorted(files) if not name.startswith(".")]
    return found
