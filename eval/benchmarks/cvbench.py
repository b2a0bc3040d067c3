"""CV-Bench: relations and counts on ADE20K and COCO, depth and distance on Omni3D.

    {"idx": 0, "type": "2D", "task": "Count", "prompt": "How many ...\\n(A) 1\\n(B) 0", "source": "ADE20K",
     "choices": ["1", "0"], "answer": "(B)", "filename": "img/2D/count/ade20k_10.png", "image": ...}

Tong et al., arXiv 2406.16860. Official score: 1/2 * ((ADE20K + COCO) / 2 + Omni3D), not the share of
all questions.
"""

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


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    source = str(row["source"])
    item = Item(
        id=str(row["idx"]),
        task="cvbench",
        cluster_id=scene(row["filename"], f"cvbench:{row['filename']}"),
        category=source,
        slices=sliced("cvbench", dimension=row["type"], subtask=row["task"], source=source),
        images=(picture(row, "image"),),
        prompt=clean(row["prompt"]) + BY_LETTER,
        gold=letter_of(row["answer"]),
        verifier="letter",
        options=tuple(str(choice) for choice in row["choices"]),
        max_tokens=16,
    )
    return [item]


CVBENCH = Benchmark(
    name="cvbench",
    title="CV-Bench",
    items_of=items_of,
    columns=("idx", "type", "task", "image", "choices", "answer", "prompt", "filename", "source"),
    hub="nyu-visionx/CV-Bench",
    size=2638,
    axis="spatial",
    headline="cv_bench",
    metrics=("accuracy", "macro_accuracy", "parse_failure"),
    max_tokens=16,
    licence="Apache-2.0",
)
