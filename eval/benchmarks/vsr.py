"""VSR: is the sentence about where things are true of the picture?

    {"image_file": "000000050403.jpg", "caption": "The teddy bear is in front of the person.",
     "label": 1, "relation": "in front of", "subj": "teddy bear", "obj": "person", "image": ...}

Liu et al., arXiv 2205.00363, zero-shot split. Pictures are COCO's and come by address only, hence the
converter, which wants them in a folder.
"""

from counterfactory.eval.benchmarks.base import (
    Benchmark,
    Row,
    clean,
    picture,
    scene,
    sliced,
    yes_no,
)
from counterfactory.eval.items import Item

ASK = 'Is this sentence true of the image? "{}"\nAnswer yes or no.'


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    gold, name, relation = yes_no(row["label"]), str(row["image_file"]), str(row["relation"])
    item = Item(
        id=f"{name}/{row['_row']}",
        task="vsr",
        cluster_id=scene(name, f"vsr:{name}"),
        category=relation,
        slices=sliced("vsr", relation=relation, kind=row["subj"], answer=gold),
        images=(picture(row, "image"),),
        prompt=ASK.format(clean(row["caption"])),
        gold=gold,
        verifier="yes_no",
        max_tokens=16,
    )
    return [item]


VSR = Benchmark(
    name="vsr",
    title="VSR (zero-shot test)",
    items_of=items_of,
    columns=("image_file", "caption", "label", "relation", "subj", "obj", "image"),
    converter="vsr",
    size=616,
    axis="spatial",
    headline="accuracy",
    metrics=("f1_yes", "precision", "recall", "yes_ratio", "parse_failure"),
    max_tokens=16,
    licence="Apache-2.0",
)
