"""COCO: what was edited, as objects in both pictures of a pair, and a caption of each picture.

    annotations/instances_train.json   {"images": [...], "annotations": [...], "categories": [...]}
    annotations/captions_train.json    {"images": [...], "annotations": [{"caption": "A red box."}]}
    images/4f/4f0c.png                 `file_name` is below images/

The object of the original picture is what was edited, that of the counterfactual what came of it;
one that was added or removed is in one picture only. The box goes round the row's boxes, the
segmentation is the mask within it. A move changes two places and its row does not say which picture
holds the object where: its pictures have captions and no objects.
"""

import io
import json
from collections.abc import Iterator
from typing import Any

from counterfactory.factory.release.export.work import IMAGES, Lines, Row, Work

MOVED = "a moved object has no box: its row does not say where it is in which picture"
COLUMNS = ["id", "image_a", "image_b", "mask", "boxes", "edit", "caption_a", "caption_b"]
OBJECT = {"a": "target", "b": "replacement"}


def write(work: Work, view: str, split: str) -> list[str]:
    """Write a split of `pairs`; return the names of the files."""
    (work.out / "annotations").mkdir(exist_ok=True)
    names = [f"annotations/{kind}_{split}.json" for kind in ("instances", "captions")]
    objects, captions = (_Form(work, name) for name in names)
    numbers: dict[str, int] = {}
    for row in work.rows(view, split, COLUMNS):
        if row["edit"]["kind"] == "move":
            work.note(MOVED)
        for side in "ab":
            cell, place = row[f"image_{side}"], f"{view}/{row['id']} image_{side}"
            image = _image(work, cell, place, number=objects.images.count + 1)
            image |= {"pair_id": row["id"], "side": side}
            for form in (objects, captions):
                form.images.add(image)
            for one in _objects(row, side, image):
                phrase = one.pop("category")
                number = numbers.setdefault(phrase, len(numbers) + 1)
                objects.annotate(image["id"], {"category_id": number, **one})
            captions.annotate(image["id"], {"caption": row[f"caption_{side}"]})
    categories = [{"id": number, "name": phrase} for phrase, number in numbers.items()]
    objects.close({"categories": categories})
    captions.close({})
    return names


def rle(mask: Any) -> dict[str, Any]:
    """Return a mask (bool, HxW) as COCO's uncompressed runs, column by column, unset ones first.

    >>> import numpy as np
    >>> rle(np.array([[0, 1], [0, 1]], bool))
    {'size': [2, 2], 'counts': [2, 2]}
    """
    import numpy as np

    flat = np.asarray(mask, bool).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff([0, *edges, flat.size]).tolist()
    return {"size": list(mask.shape), "counts": [0, *runs] if flat.size and flat[0] else runs}


def _image(work: Work, cell: Row, place: str, number: int) -> dict[str, Any]:
    from PIL import Image

    path = work.stored(cell, place).removeprefix(f"{IMAGES}/")
    with Image.open(io.BytesIO(cell["bytes"])) as picture:  # reads the header alone
        width, height = picture.size
    return {"id": number, "file_name": path, "width": width, "height": height}


def _objects(row: Row, side: str, image: Row) -> Iterator[dict[str, Any]]:
    phrase, boxes = row["edit"][OBJECT[side]], row["boxes"]
    if not phrase or not boxes or row["edit"]["kind"] == "move":
        return
    width, height = image["width"], image["height"]
    left, top = (min(box[at] for box in boxes) * size for at, size in ((0, width), (1, height)))
    right, bottom = (max(box[at] for box in boxes) * size for at, size in ((2, width), (3, height)))
    box = [round(value, 2) for value in (left, top, right - left, bottom - top)]
    found = {"category": phrase, "bbox": box, "iscrowd": 0}
    mask = _mask(row, (height, width), (left, top, right, bottom))
    if mask is None:
        yield found | {"segmentation": [], "area": round(box[2] * box[3], 2)}
    else:
        yield found | {"segmentation": rle(mask), "area": int(mask.sum())}


def _mask(row: Row, shape: tuple[int, int], box: tuple[float, float, float, float]) -> Any:
    """Return the mask within the box, or None without one of this size."""
    import numpy as np
    from PIL import Image

    if row["mask"] is None:
        return None
    with Image.open(io.BytesIO(row["mask"]["bytes"])) as picture:
        mask = np.asarray(picture.convert("L")) > 127
    left, top, right, bottom = (round(value) for value in box)
    inside = np.zeros(shape, bool)
    if mask.shape != shape:
        return None
    inside[top:bottom, left:right] = mask[top:bottom, left:right]
    return inside if inside.any() else None


class _Form:
    """A COCO file; images and annotations go to files of their own and are joined at the end."""

    def __init__(self, work: Work, name: str) -> None:
        self._path = work.out / name
        self._parts = {
            part: self._path.with_suffix(f".{part}") for part in ("images", "annotations")
        }
        streams = {
            part: path.open("w+", encoding="utf-8", newline="\n")
            for part, path in self._parts.items()
        }
        self._streams = streams
        self.images = Lines(streams["images"], between=",\n")
        self.annotations = Lines(streams["annotations"], between=",\n")

    def annotate(self, image: int, about: dict[str, Any]) -> None:
        number = self.annotations.count + 1
        self.annotations.add({"id": number, "image_id": image, **about})

    def close(self, more: dict[str, Any]) -> None:
        """Write the file and remove its parts."""
        with self._path.open("w", encoding="utf-8", newline="\n") as out:
            out.write("{")
            for part, stream in self._streams.items():
                stream.seek(0)
                out.write(f'"{part}": [\n')
                while text := stream.read(1 << 20):
                    out.write(text)
                out.write("\n],\n")
                stream.close()
                self._parts[part].unlink()
            rest = {"info": {"description": "counterfactory pairs"}, "licenses": [], **more}
            out.write(json.dumps(rest, ensure_ascii=False)[1:] + "\n")
