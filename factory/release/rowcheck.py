"""What must hold in every row: ids are unique, images decode, boxes fit, verdicts passed.

    list(row_problems(folder))  -> [] or ("4f0c...-a", "2 images, but 1 placeholder in messages")

The rules on placeholders are those of the trainers: TRL wants one image block for each image and no
`<image>` in text, LLaMA-Factory wants one `<image>` for each image in `conversations`.
"""

from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import Any

from counterfactory.errors import RowError
from counterfactory.factory.release.contents import contents, scan
from counterfactory.factory.release.views import PLACEHOLDER, plain
from counterfactory.images import decode
from counterfactory.records import Reason

Row = Mapping[str, Any]

MAX_BOXES = 5
_IMAGES = ("image_a", "image_b", "mask", "image", "neg_image")
_REASONS = {str(reason) for reason in Reason}


def row_problems(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with each row of each view."""
    decoded: set[bytes] = set()  # digests of pictures that are fine: views share them
    for view in contents(folder):
        ids: set[bytes] = set()
        for row in scan(folder, view):
            mark = blake2b(str(row["id"]).encode(), digest_size=12).digest()
            if mark in ids:
                yield f"{view}/{row['id']}", "another row has this id"
            ids.add(mark)
            for problem in (*_pictures(row, decoded), *RULES[view](row)):
                yield f"{view}/{row['id']}", problem


def _pictures(row: Row, decoded: set[bytes]) -> Iterator[str]:
    """Yield what is wrong with a row's images."""
    cells = [(name, row[name]) for name in _IMAGES if row.get(name) is not None]
    cells += [(f"images[{i}]", cell) for i, cell in enumerate(row.get("images") or ())]
    for name, cell in cells:
        if cell is None or not cell["bytes"]:
            yield f"{name} holds no bytes"
            continue
        path = PurePosixPath(cell["path"] or "")
        if path.is_absolute() or ".." in path.parts:
            yield f"{name} has a path that leads out of the folder: {cell['path']}"
        mark = blake2b(cell["bytes"], digest_size=16).digest()
        if mark in decoded:
            continue
        try:
            decode(cell["bytes"])
        except RowError as error:
            yield f"{name} does not decode: {error.reason}"
        else:
            decoded.add(mark)


def _pairs(row: Row) -> Iterator[str]:
    if row["image_a"] is None or row["image_b"] is None:
        yield "a pair needs both images"
    if len(row["boxes"]) > MAX_BOXES:
        yield f"{len(row['boxes'])} boxes, at most {MAX_BOXES} are allowed"
    for box in row["boxes"]:
        x0, y0, x1, y1 = box if len(box) == 4 else (1.0, 1.0, 0.0, 0.0)
        if not (0 <= x0 < x1 <= 1 and 0 <= y0 < y1 <= 1):
            yield f"box {[round(edge, 3) for edge in box]} is not x0 < x1, y0 < y1 within 0..1"
    for verdict in row["verdicts"]:
        if verdict["passed"] is not True:
            said = "unscored" if verdict["passed"] is None else "failed"
            yield f"verdict of {verdict['check']} is {said}, yet the row was kept"


def _sft(row: Row) -> Iterator[str]:
    count = len(row["images"])
    blocks = [block for said in row["messages"] for block in said["content"]]
    found = sum(block["type"] == "image" for block in blocks)
    if found != count:
        yield f"{count} images, but {found} image blocks in messages"
    talk = "".join(turn["value"] for turn in row["conversations"])
    if (found := talk.count(PLACEHOLDER)) != count:
        yield f"{count} images, but {found} {PLACEHOLDER} in conversations"
    spoken = [said["content"] for name in ("prompt", "completion") for said in row[name]]
    yield from _no_placeholder([*spoken, *(block["text"] or "" for block in blocks)])


def _dpo(row: Row) -> Iterator[str]:
    if (found := row["prompt_text"].count(PLACEHOLDER)) != len(row["images"]):
        yield f"{len(row['images'])} images, but {found} {PLACEHOLDER} in prompt_text"
    names = ("prompt", "chosen", "rejected")
    yield from _no_placeholder([said["content"] for name in names for said in row[name]])
    yield from _no_placeholder([row["chosen_text"], row["rejected_text"]])
    if row["chosen_text"] == row["rejected_text"]:
        yield "chosen and rejected are the same"


def _kto(row: Row) -> Iterator[str]:
    names = ("prompt", "completion")
    yield from _no_placeholder([said["content"] for name in names for said in row[name]])


def _grpo(row: Row) -> Iterator[str]:
    yield from _no_placeholder([said["content"] for said in row["prompt"]])
    if not row["answer"] and row["verifier"] != "refusal":
        yield "has no answer to mark against"


def _clip(row: Row) -> Iterator[str]:
    if row["caption"] == row["neg_caption"]:
        yield "caption and neg_caption are the same"


def _rejects(row: Row) -> Iterator[str]:
    if row["reason"] not in _REASONS:
        yield f"reason {row['reason']} is none of the known ones"


def _no_placeholder(texts: list[str]) -> Iterator[str]:
    if any(plain(text) != text for text in texts):
        yield "a text holds an image placeholder that no image stands for"


RULES: dict[str, Callable[[Row], Iterator[str]]] = {
    "pairs": _pairs,
    "sft": _sft,
    "dpo": _dpo,
    "kto": _kto,
    "grpo": _grpo,
    "clip": _clip,
    "rejects": _rejects,
}
