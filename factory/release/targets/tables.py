"""Trainers of CLIP and of detectors: captions that are cut or lost, negatives, boxes.

    OPENCLIP["clip"].check({"caption": "", ...})  -> "caption is empty; open_clip trains on 'nan'"

CLIP reads 77 tokens of a caption and cuts the rest without a word. They are counted with its own
tokenizer, and only where a caption has letters enough for so many.
"""

import functools
from collections.abc import Callable, Iterator
from typing import Any

from counterfactory.factory.release.export.work import extension
from counterfactory.factory.release.targets.rules import Row, Rule

CONTEXT = 77  # tokens, the first and the last of which are marks
READ = ("png", "jpg", "webp")  # by open_clip


def _caption(row: Row, name: str, empty: str) -> Iterator[str]:
    text = row[name]
    if not (text or "").strip():
        yield f"{name} is empty; {empty}"
    elif (tokens := _tokens(text)) > CONTEXT:
        yield f"{name} has {tokens} tokens; CLIP reads {CONTEXT} and cuts the rest"


def _tokens(text: str) -> int:
    """Return how many tokens a caption has, or 0 when it cannot be too many."""
    return len(_encoder()(text)) + 2 if len(text) > CONTEXT - 2 else 0


@functools.cache
def _encoder() -> Callable[[str], list[int]]:
    from open_clip.tokenizer import SimpleTokenizer

    encode: Callable[[str], list[int]] = SimpleTokenizer().encode
    return encode


def _format(cell: Any, what: str) -> Iterator[str]:
    kind = extension(cell["bytes"]) if cell and cell["bytes"] else ""
    if kind not in READ:
        yield f"image is {kind or 'of no known format'}, not {', '.join(READ)}; {what}"


def _webdataset(row: Row) -> Iterator[str]:
    yield from _format(row["image"], "open_clip drops the row without an error")
    yield from _caption(row, "caption", "open_clip trains on an empty text")


def _openclip(row: Row) -> Iterator[str]:
    yield from _caption(row, "caption", "pandas reads it as missing and open_clip trains on 'nan'")


def _negclip(row: Row) -> Iterator[str]:
    yield from _openclip(row)
    yield from _caption(row, "neg_caption", "NegCLIP contrasts with an empty text")
    if row["neg_image"] is None:
        yield "has no negative image; NegCLIP fails (IndexError), and so does the export"
    elif row["neg_image"]["bytes"] == row["image"]["bytes"]:
        yield "its negative image is the image itself"


def _coco(row: Row) -> Iterator[str]:
    edit = row["edit"] or {}
    if edit.get("kind") == "move":
        yield "was moved; its row does not say where it is in which picture, so the export has no box"
    elif not row["boxes"]:
        yield "has no boxes; its pictures are without objects in the export"
    elif not edit.get("target") and not edit.get("replacement"):
        yield "names neither what was edited nor what came of it; there is no category for its box"


WEBDATASET = {"clip": Rule(("image*", "caption"), _webdataset), "sft": Rule((), lambda row: ())}
OPENCLIP = {"clip": Rule(("caption",), _openclip)}
NEGCLIP = {"clip": Rule(("image*", "caption", "neg_image*", "neg_caption"), _negclip)}
COCO = {"pairs": Rule(("boxes", "edit"), _coco)}
