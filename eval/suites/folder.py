"""A folder of pictures as a suite: nothing is known of them, so nothing is marked.

    counterfactory eval run MODEL --suite folder:./photos --reflect --out runs/photos

Each picture is described; with `--reflect` the model is asked again about every claim it made, and
its contradictions need no label.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from counterfactory.errors import UserError
from counterfactory.eval.items import Item, Suite, Task
from counterfactory.fingerprint import digest, digest_bytes, digest_file

KINDS = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff"}
PROMPT = "Describe the picture."


def folder(place: str) -> Suite:
    """Return the suite. Raises `UserError` when the folder is missing or holds no picture."""
    root = Path(place).expanduser()
    if not root.is_dir():
        raise UserError(f"suite folder:{place}: no such folder")
    paths = sorted(p for p in root.rglob("*") if p.suffix.lower() in KINDS and p.is_file())
    if not paths:
        raise UserError(f"suite folder:{place}: no pictures here ({', '.join(sorted(KINDS))})")
    task = Task(
        name="description",
        items=partial(_items, paths, root),
        headline="length",
        metrics=("length", "silent"),
        source=partial(_source, paths),
    )
    return Suite(name=f"folder:{place}", tasks=(task,), splits=("gate",))


def _source(paths: list[Path]) -> str:
    return f"local:{digest([digest_file(path) for path in paths])[:16]}"


def _items(paths: list[Path], root: Path, split: str) -> Iterator[Item]:
    for path in paths:
        image = path.read_bytes()
        yield Item(
            id=path.relative_to(root).as_posix(), task="description",
            cluster_id=digest_bytes(image), images=(image,), prompt=PROMPT, gold="",
            verifier="judged", max_tokens=128,
        )  # fmt: skip
