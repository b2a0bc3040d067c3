"""BLINK: fourteen kinds of perception that people do in a blink, one to four pictures each.

    {"idx": "val_Counting_1", "sub_task": "Counting", "prompt": "How many ...\\nSelect from the
     following choices.\\n(A) 0\\n(B) 3", "choices": ["0", "3"], "answer": "(B)", "image_1": ...}

Fu et al., arXiv 2404.12390. The headline is the mean of the fourteen accuracies, not that of all
questions. The letter is read as an answer, not as the first capital anywhere.
"""

from counterfactory.eval.benchmarks.base import (
    BY_LETTER,
    Benchmark,
    Row,
    clean,
    letter_of,
    picture,
    sliced,
)
from counterfactory.eval.items import Item

SUBTASKS = (
    "Art_Style", "Counting", "Forensic_Detection", "Functional_Correspondence", "IQ_Test", "Jigsaw",
    "Multi-view_Reasoning", "Object_Localization", "Relative_Depth", "Relative_Reflectance",
    "Semantic_Correspondence", "Spatial_Relation", "Visual_Correspondence", "Visual_Similarity",
)  # fmt: skip
IMAGES = ("image_1", "image_2", "image_3", "image_4")


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    subtask = str(row["sub_task"])
    item = Item(
        id=str(row["idx"]),
        task="blink",
        cluster_id=f"blink:{row['idx']}",
        category=subtask,
        slices=sliced("blink", subtask=subtask),
        images=tuple(picture(row, name) for name in IMAGES if row.get(name)),
        prompt=clean(row["prompt"]) + BY_LETTER,
        gold=letter_of(row["answer"]),
        verifier="letter",
        options=tuple(str(choice) for choice in row["choices"]),
        max_tokens=16,
    )
    return [item]


BLINK = Benchmark(
    name="blink",
    title="BLINK (val)",
    items_of=items_of,
    columns=("idx", "sub_task", "prompt", "choices", "answer", *IMAGES),
    hub="BLINK-Benchmark/BLINK",
    configs=SUBTASKS,
    splits=("val",),
    size=1901,
    axis="spatial",
    headline="macro_accuracy",
    metrics=("accuracy", "parse_failure"),
    max_tokens=16,
    licence="Apache-2.0",
)
