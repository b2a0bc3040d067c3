"""What'sUp's lists and pictures -> `whatsup`, with the columns of CV-Bench.

    SOURCE/controlled_images_dataset.json   [{"image_path": "data/controlled_images/mug_on_table.jpeg",
                                              "caption_options": ["A mug on a table", "A mug under ..."]}]
    SOURCE/controlled_images/mug_on_table.jpeg
    SOURCE/coco_qa_one_obj.json             [[1234, "A photo of a cat on the left", "... on the right"]]
    SOURCE/val2017/000000001234.jpg

Whichever of the six lists are there are taken. The right caption comes first in all of them, so the
options are shuffled, by a seed made from the picture's name: every run and machine gets the same order.
"""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.base import LETTERS, lettered
from counterfactory.eval.convert.reading import Pictures, field, find, read_json
from counterfactory.eval.convert.writing import Table
from counterfactory.fingerprint import seed_for

COLUMNS = {"idx": "int", "type": "text", "task": "text", "image": "image", "question": "text",
           "choices": "texts", "answer": "text", "prompt": "text", "filename": "text",
           "source": "text"}  # fmt: skip
LISTS = {  # file -> subset, and how its pictures are called
    "controlled_images_dataset.json": ("controlled_images", ""),
    "controlled_clevr_dataset.json": ("controlled_clevr", ""),
    "coco_qa_one_obj.json": ("coco_one", "val2017/{:012d}.jpg"),
    "coco_qa_two_obj.json": ("coco_two", "val2017/{:012d}.jpg"),
    "vg_qa_one_obj.json": ("vg_one", "vg_images/{}.jpg"),
    "vg_qa_two_obj.json": ("vg_two", "vg_images/{}.jpg"),
}
QUESTION = "Which caption describes the image?"


def tables(source: Path) -> Iterator[Table]:
    """Yield the one table."""
    found = [(path, *LISTS[name]) for name in LISTS if (path := find(source, name))]
    if not found:
        raise UserError(f"{source}: none of {', '.join(LISTS)} is there")
    yield Table("whatsup", _rows(found, Pictures(source)), COLUMNS)


def shuffled(captions: list[str], name: str) -> tuple[list[str], str]:
    """Return the captions in a fixed random order, and the letter of the one that came first."""
    order = list(range(len(captions)))
    random.Random(seed_for(0, "whatsup", name)).shuffle(order)
    return [captions[place] for place in order], LETTERS[order.index(0)]


def _rows(found: Any, pictures: Pictures) -> Iterator[dict[str, Any]]:
    count = 0
    for path, subset, pattern in found:
        for number, entry in enumerate(read_json(path)):
            if pattern:
                name, captions = pattern.format(entry[0]), [str(text) for text in entry[1:]]
            else:
                name = field(entry, "image_path", path, number)
                captions = field(entry, "caption_options", path, number)
            choices, answer = shuffled(captions, f"{subset}/{name}/{number}")
            yield {
                "idx": count, "type": "2D", "task": subset, "image": pictures.cell(name),
                "question": QUESTION, "choices": choices, "answer": f"({answer})",
                "prompt": f"{QUESTION}\n{lettered(choices, '({}) ')}", "filename": name,
                "source": subset.split("_")[0],
            }  # fmt: skip
            count += 1
