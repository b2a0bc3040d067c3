"""GeoQA: geometry problems with a figure and four choices, answered with a short chain of thought.

    {"id": 17, "subject": "如图 ...", "choices": ["30°", "40°", "50°", "60°"], "label": 2,
     "original_split": "test", "image": ...}

Chen et al., arXiv 2105.14517, in the form of R3V (arXiv 2411.00855): the answer is the last
"Answer: X". An answer that cannot be read is wrong; R3V's own scorer draws it at random, which gives
a model of four choices a quarter of what it failed to say.
"""

from counterfactory.eval.benchmarks.base import (
    LETTERS,
    Benchmark,
    Row,
    clean,
    lettered,
    picture,
    sliced,
)
from counterfactory.eval.items import Item

ASK = 'Think step by step in as few steps as you can, then end with the option as "Answer: X".'


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    choices = tuple(str(choice) for choice in row["choices"])
    gold = LETTERS[int(row["label"])]
    item = Item(
        id=str(row["id"]),
        task="geoqa",
        cluster_id=f"geoqa:{row['id']}",
        slices=sliced("geoqa", answer=gold),
        images=(picture(row, "image"),),
        prompt=(
            f"Calculation: {clean(row['subject'])}\nChoices:\n{lettered(choices, '({}) ')}\n{ASK}"
        ),
        gold=gold,
        verifier="letter",
        options=choices,
        max_tokens=512,
    )
    return [item]


GEOQA = Benchmark(
    name="geoqa",
    title="GeoQA (test)",
    items_of=items_of,
    columns=("id", "subject", "choices", "label", "original_split", "image"),
    hub="hz2475/geoQA",
    splits=("train",),  # the re-host has one split; the original one is a column
    keep=("original_split", "test"),
    size=754,
    axis="math",
    headline="accuracy",
    metrics=("parse_failure",),
    max_tokens=512,
)
