"""MMHal-Bench: 96 open questions that tempt a model to invent, in eight kinds.

    {"question_type": "attribute", "question_topic": "food", "question": "What colour is the fire
     hydrant cap?", "gt_answer": "The cap is yellow.", "image_content": ["fire hydrant"],
     "image_id": "a1", "image": ...}

Sun et al., arXiv 2309.14525. A judge with the picture's contents and the reference decides whether an
answer is right and invents nothing (the official scale of 0 to 6 counts 3 and more as that). Without
a judge every answer is unjudged. At 96 items a difference of less than about 20 points says nothing.
"""

from counterfactory.eval.benchmarks.base import Benchmark, Row, clean, picture, sliced
from counterfactory.eval.items import Item


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    kind, contents = str(row["question_type"]), row["image_content"] or ()
    contents = [contents] if isinstance(contents, str) else [str(thing) for thing in contents]
    shown = f" (In the image: {', '.join(contents)}.)" if contents else ""
    item = Item(
        id=f"{row['image_id']}/{row['_row']}",
        task="mmhal",
        cluster_id=f"mmhal:{row['image_id']}",
        category=kind,
        slices=sliced("mmhal", kind_of_question=kind, topic=row["question_topic"]),
        images=(picture(row, "image"),),
        prompt=clean(row["question"]),
        gold=str(row["gt_answer"]) + shown,
        verifier="judged",
        max_tokens=256,
        info={"judge": "correct"},
    )
    return [item]


MMHAL = Benchmark(
    name="mmhal",
    title="MMHal-Bench (judged)",
    items_of=items_of,
    columns=("question_type", "question_topic", "question", "gt_answer", "image_content", "image_id",
             "image"),
    hub="DogNeverSleep/MMHal-Bench",
    splits=("train",),
    converter="mmhal",
    size=96,
    axis="hallucination",
    headline="accuracy",
    metrics=("macro_accuracy",),
    max_tokens=256,
    judge="correct",
)  # fmt: skip
