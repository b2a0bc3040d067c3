"""NaturalBench: two questions and two pictures, each answer right for one picture only.

    {"Index": "5", "Question": "Is the dog asleep?", "Answer": "No", "Question_Type": "yes_no", "Image": ...}

Li et al., arXiv 2410.14669. Four rows are a group, in the order question 0 on image 0, question 0 on
image 1, question 1 on image 0, question 1 on image 1. Q-Acc: one question right on both pictures.
I-Acc: both questions right on one picture. G-Acc: all four.
"""

import re

from counterfactory.eval.benchmarks.base import (
    Benchmark,
    Row,
    clean,
    letter_of,
    picture,
    sliced,
    yes_no,
)
from counterfactory.eval.items import Item

ASK = {
    "yes_no": " Please answer Yes or No.",
    "multiple_choice": " Please output the letter corresponding to the correct option.",
}


def options_of(question: str) -> tuple[str, ...]:
    """Return the two options that a question spells out.

    >>> options_of("What is the man doing? Option: A: Sitting; B: Standing;")
    ('Sitting', 'Standing')
    """
    found = re.search(
        r"\bA[:.)]\s*(.+?)\s*[;,\n]?\s*\bB[:.)]\s*(.+?)[;.]?\s*$", question, re.DOTALL
    )
    return (found[1].rstrip(";, "), found[2].rstrip(";, ")) if found else ()


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    number, kind = int(row["Index"]), str(row["Question_Type"])
    group, question, image = number // 4, number % 4 // 2, number % 2
    asked = clean(row["Question"])
    letters = kind == "multiple_choice"
    gold = letter_of(row["Answer"]) if letters else yes_no(row["Answer"])
    item = Item(
        id=str(number),
        task="naturalbench",
        cluster_id=f"naturalbench:{group}",
        group_id=str(group),
        category=kind,
        slices=sliced("naturalbench", form=kind, question=question, figure=image),
        images=(picture(row, "Image"),),
        prompt=asked + ASK[kind],
        gold=gold,
        verifier="letter" if letters else "yes_no",
        options=(options_of(asked) or ("A", "B")) if letters else (),
        max_tokens=16,
    )
    return [item]


NATURALBENCH = Benchmark(
    name="naturalbench",
    title="NaturalBench",
    items_of=items_of,
    columns=("Index", "Question", "Answer", "Question_Type", "Image"),
    hub="BaiqiL/NaturalBench-lmms-eval",
    size=7600,
    axis="attribute",
    headline="g_acc",
    metrics=("q_acc", "i_acc", "accuracy", "parse_failure"),
    max_tokens=16,
)
