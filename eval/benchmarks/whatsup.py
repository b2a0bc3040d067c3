"""What'sUp: the same two things photographed left, right, on and under (or before and behind).

    {"idx": 0, "task": "controlled_images", "filename": "beer-bottle_on_armchair.jpeg", "image": ...,
     "choices": ["A beer bottle under an armchair", "A beer bottle on an armchair", ...],
     "answer": "(B)", "prompt": "Which caption describes the image?\\n(A) A beer bottle ...", ...}

Kamath et al., arXiv 2310.19785; columns are those of CV-Bench. In the sources the right caption always
comes first: the converter shuffles them, by a seed made from the file's name. Pairs (left and right,
on and under) and sets (all four of two things) count when every member is right.
"""

import re

from counterfactory.eval.benchmarks.base import (
    BY_LETTER,
    Benchmark,
    Row,
    clean,
    letter_of,
    picture,
    scene,
    sliced,
)
from counterfactory.eval.items import Item

RELATIONS = {
    "left_of": "sideways", "right_of": "sideways", "on": "upright", "under": "upright",
    "in-front_of": "depth", "behind": "depth",
}  # fmt: skip
"""Relation in a file's name -> the pair that it belongs to."""


def arrangement(filename: str) -> tuple[str, str, str] | None:
    """Return (first thing, relation, second thing) of a controlled photograph.

    >>> arrangement("data/controlled_images/beer-bottle_on_armchair.jpeg")
    ('beer-bottle', 'on', 'armchair')
    """
    stem = filename.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    found = re.fullmatch(rf"([^_]+)_({'|'.join(RELATIONS)})_([^_]+)", stem)
    return (found[1], found[2], found[3]) if found else None


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    name, subset = str(row["filename"]), str(row["task"])
    placed = arrangement(name)
    group = f"{subset}/{placed[0]}/{placed[2]}" if placed else ""
    item = Item(
        id=f"{subset}/{name}/{row['idx']}",
        task="whatsup",
        cluster_id=f"whatsup:{group}" if placed else scene(name, f"whatsup:{name}"),
        group_id=group,
        category=subset,
        slices=sliced(
            "whatsup", subset=subset, relation=placed[1] if placed else "",
            pair=RELATIONS[placed[1]] if placed else "",
        ),
        images=(picture(row, "image"),),
        prompt=clean(row["prompt"]) + BY_LETTER,
        gold=letter_of(row["answer"]),
        verifier="letter",
        options=tuple(str(choice) for choice in row["choices"]),
        max_tokens=16,
    )  # fmt: skip
    return [item]


WHATSUP = Benchmark(
    name="whatsup",
    title="What'sUp",
    items_of=items_of,
    columns=("idx", "task", "image", "choices", "answer", "prompt", "filename"),
    converter="whatsup",
    axis="spatial",
    headline="pair_accuracy",
    metrics=("set_accuracy", "accuracy", "macro_accuracy", "parse_failure"),
    max_tokens=16,
    licence="MIT",
)
