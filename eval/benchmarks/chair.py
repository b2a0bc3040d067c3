"""CHAIR: which of the objects that a description of a COCO photograph mentions are not there?

    {"question_id": "COCO_val2014_000000042070", "image": ..., "gt_object": ["cat", "couch"]}

Rohrbach et al., arXiv 1809.02156. CHAIRi: hallucinated of all mentions, over the whole set, repeats
counted. CHAIRs: descriptions with at least one. A description that mentions nothing adds nothing to
CHAIRi and is counted as not readable. Recall and length stand beside them: saying less lowers CHAIR.
"""

from counterfactory.eval.benchmarks.base import Benchmark, Row, picture, scene, sliced, suffix
from counterfactory.eval.benchmarks.coco_words import COCO, NO_OBJECT, coco_name
from counterfactory.eval.items import Item

STYLES = {
    "detail": "Please describe this image in detail.",
    "short": "Generate a short caption of the image.",
}
METRICS = ("chair_s", "chair_recall", "silent", "length")


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    name = str(row["question_id"])
    objects = sorted({coco_name(str(thing)) for thing in row["gt_object"]})
    item = Item(
        id=name,
        task="chair",
        cluster_id=scene(name, f"chair:{name}"),
        slices=(*sliced("chair"), *(f"kind:{thing}" for thing in objects)),
        images=(picture(row, "image"),),
        prompt=suffix(row, STYLES),
        gold=", ".join(objects),
        verifier="description",
        max_tokens=512,
        info={"objects": objects, "vocabulary": COCO, "ignore": NO_OBJECT},
    )
    return [item]


CHAIR = Benchmark(
    name="chair",
    title="CHAIR on COCO photographs",
    items_of=items_of,
    columns=("question_id", "image", "gt_object"),
    hub="tsunghanwu/mscoco_chair",
    size=500,
    axis="hallucination",
    headline="chair_i",
    metrics=METRICS,
    styles=STYLES,
    max_tokens=512,
)
