"""POPE: is this object in the picture? Half of the objects are; the others are likely guesses.

    {"question_id": "3", "question": "Is there a dog in the image?", "answer": "no", "image": ...,
     "image_source": "COCO_val2014_000000310196", "category": "adversarial"}

Li et al., arXiv 2305.10355. Scored apart for random, popular and adversarial absent objects; papers
report the mean F1 of the three, positive = yes. The yes-ratio is that of the answers. An answer that
cannot be read is wrong (the official script counts it as yes).
"""

import re

from counterfactory.eval.benchmarks.base import (
    Benchmark,
    Row,
    clean,
    picture,
    scene,
    sliced,
    suffix,
    yes_no,
)
from counterfactory.eval.items import Item

STYLES = {
    "lmms": "\nAnswer the question using a single word or phrase.",
    "vlmevalkit": " Please answer yes or no.",
    "official": "",
}


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    question, gold = clean(row["question"]), yes_no(row["answer"])
    source, category = str(row["image_source"]), str(row["category"])
    thing = re.search(r"[Ii]s there (?:an? )?(.+?) in the ", question)
    item = Item(
        id=f"{category}/{row['question_id']}",
        task="pope",
        cluster_id=scene(source, f"pope:{source}"),
        category=category,
        slices=sliced("pope", category=category, kind=thing[1] if thing else "", answer=gold),
        images=(picture(row, "image"),),
        prompt=question + suffix(row, STYLES),
        gold=gold,
        verifier="yes_no",
        max_tokens=16,
    )
    return [item]


POPE = Benchmark(
    name="pope",
    title="POPE (object hallucination)",
    items_of=items_of,
    columns=("question_id", "question", "answer", "image_source", "image", "category"),
    hub="lmms-lab-encoder/POPE",
    size=9000,
    axis="hallucination",
    headline="mean_f1_by_category",
    metrics=("accuracy", "f1_yes", "precision", "recall", "yes_ratio", "parse_failure"),
    styles=STYLES,
    max_tokens=16,
    licence="MIT",
)
