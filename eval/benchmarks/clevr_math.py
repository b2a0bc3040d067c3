"""CLEVR-Math: add, remove, and remove twice, in rendered scenes; the answer is a whole number.

    {"template": "subtraction", "id": "CLEVR_test_000000.png", "question": "Subtract all blue cubes.
     How many objects are left?", "image": ..., "label": 4}

Lindström and Abraham, arXiv 2208.05358. Accuracy for each template, and their mean. The loading script
on the Hub no longer runs, hence the converter.
"""

from counterfactory.eval.benchmarks.base import Benchmark, Row, clean, picture, sliced
from counterfactory.eval.items import Item

ASK = '\nAnswer with a number, as "Answer: N".'


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    template, gold = str(row["template"]), str(int(row["label"]))
    item = Item(
        id=f"{template}/{row['id']}/{row['_row']}",  # a picture has several questions
        task="clevr_math",
        cluster_id=f"clevr:{row['id']}",
        category=template,
        slices=sliced("clevr_math", template=template, answer=gold),
        images=(picture(row, "image"),),
        prompt=clean(row["question"]) + ASK,
        gold=gold,
        verifier="number",
        max_tokens=64,
    )
    return [item]


CLEVR_MATH = Benchmark(
    name="clevr_math",
    title="CLEVR-Math (test)",
    items_of=items_of,
    columns=("template", "id", "question", "image", "label"),
    converter="clevr_math",
    axis="math",
    headline="macro_accuracy",
    metrics=("accuracy", "parse_failure"),
    max_tokens=64,
    licence="CC-BY-SA-4.0",
)
