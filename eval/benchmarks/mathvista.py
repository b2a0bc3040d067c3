"""MathVista testmini in rule mode: no language model reads the answer, a fixed normalisation does.

    {"pid": "1", "query": "Hint: Please answer the question and provide the correct option letter ...",
     "decoded_image": ..., "choices": ["145°", "62°"], "answer": "145°", "precision": None,
     "question_type": "multi_choice", "answer_type": "text", "image": "images/1.jpg", "metadata": {...}}

Lu et al., arXiv 2310.02255. The `query` column is the prompt. A choice counts by its letter or its
text, an integer as a number, a float rounded to `precision` places, a list as its text.
"""

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.base import (
    LETTERS,
    Benchmark,
    Row,
    clean,
    picture,
    sliced,
    where,
)
from counterfactory.eval.items import Item


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    meta = row["metadata"] or {}
    choices = tuple(str(choice) for choice in row["choices"] or ())
    answer, choosing = str(row["answer"]), row["question_type"] == "multi_choice"
    if choosing and answer not in choices:
        raise UserError(f"mathvista: {where(row)}: answer {answer!r} is none of the choices")
    precision = row["precision"]
    skills = meta.get("skills") or ()
    item = Item(
        id=str(row["pid"]),
        task="mathvista",
        cluster_id=f"mathvista:{row['image']}",
        category=str(meta.get("task") or ""),
        slices=(
            *sliced("mathvista", form=row["question_type"], context=meta.get("context")),
            *(f"skill:{skill}" for skill in skills),
        ),
        images=(picture(row, "decoded_image"),),
        prompt=clean(row["query"]),
        gold=LETTERS[choices.index(answer)] if choosing else answer,
        verifier="mathvista",
        options=choices,
        max_tokens=512,
        info={
            "question_type": str(row["question_type"]),
            "answer_type": str(row["answer_type"]),
            "precision": None if precision is None else int(float(precision)),
            "unit": str(row.get("unit") or ""),
        },
    )
    return [item]


MATHVISTA = Benchmark(
    name="mathvista",
    title="MathVista testmini (rule mode)",
    items_of=items_of,
    columns=("pid", "query", "decoded_image", "image", "choices", "answer", "precision",
             "question_type", "answer_type", "metadata"),
    hub="AI4Math/MathVista",
    splits=("testmini",),
    size=1000,
    axis="math",
    headline="accuracy",
    metrics=("parse_failure",),
    max_tokens=512,
    licence="CC-BY-SA-4.0",
)  # fmt: skip
