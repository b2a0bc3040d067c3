"""AMBER: hallucination without a judge, by 14,216 yes/no questions and 1,004 descriptions.

    {"id": 1005, "image": ..., "question": "Is the sky sunny in this image?", "answer": "no",
     "category": "attribute-state", "image_source": "AMBER_1.jpg"}
    {"id": 1, "image": ..., "query": "Describe this image.", "truth": ["sky", "beach"],
     "hallu": ["cloud"], "vocabulary": '{"sky": ["sky"], ...}', "image_source": "AMBER_1.jpg"}

Wang et al., arXiv 2311.07397. Discriminative: precision, recall and F1 with "no" as positive, since no
is what catches a hallucination. Generative: CHAIR, Cover (recall) and Hal (descriptions with one) by
the official word lists, exact or associated words only: the official script also takes words for
equal that spaCy finds 0.8 alike, and adds Cog; both are left out, so CHAIR is an upper bound.
"""

import json

from counterfactory.eval.benchmarks.base import (
    Benchmark,
    Row,
    clean,
    picture,
    sliced,
    suffix,
    yes_no,
)
from counterfactory.eval.items import Item

STYLES = {"vlmevalkit": "\nPlease answer yes or no.", "official": ""}


def items_of(row: Row) -> list[Item]:
    """Return the item of a discriminative row."""
    gold, category, source = yes_no(row["answer"]), str(row["category"]), str(row["image_source"])
    item = Item(
        id=str(row["id"]),
        task="amber",
        cluster_id=f"amber:{source}",
        category=category.split("-")[0],
        slices=sliced("amber", category=category, answer=gold),
        images=(picture(row, "image"),),
        prompt=clean(row["question"]) + suffix(row, STYLES),
        gold=gold,
        verifier="yes_no",
        max_tokens=16,
    )
    return [item]


def descriptions_of(row: Row) -> list[Item]:
    """Return the item of a generative row."""
    source = str(row["image_source"])
    objects = [str(word) for word in row["truth"]]
    item = Item(
        id=str(row["id"]),
        task="amber_g",
        cluster_id=f"amber:{source}",
        slices=(*sliced("amber_g"), *(f"kind:{word}" for word in objects)),
        images=(picture(row, "image"),),
        prompt=clean(row["query"]),
        gold=", ".join(objects),
        verifier="description",
        max_tokens=512,
        info={"objects": objects, "vocabulary": json.loads(row["vocabulary"])},
    )
    return [item]


AMBER = Benchmark(
    name="amber",
    title="AMBER (discriminative)",
    items_of=items_of,
    columns=("id", "image", "question", "answer", "category", "image_source"),
    converter="amber",
    size=14_216,
    axis="hallucination",
    headline="f1_no",
    metrics=("mean_f1_no_by_category", "accuracy", "precision_no", "recall_no", "parse_failure"),
    styles=STYLES,
    max_tokens=16,
)

AMBER_G = Benchmark(
    name="amber_g",
    title="AMBER (descriptions, word lists)",
    items_of=descriptions_of,
    columns=("id", "image", "query", "truth", "hallu", "vocabulary", "image_source"),
    converter="amber",
    size=1004,
    axis="hallucination",
    headline="chair_i",
    metrics=("chair_s", "chair_recall", "silent", "length"),
    max_tokens=512,
)
