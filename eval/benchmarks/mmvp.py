"""MMVP: pairs of pictures that CLIP cannot tell apart, one question, two different answers.

    {"Index": "1", "Question": "Are the butterfly's wings closer to being open or closed?",
     "Options": "(a) Open (b) Closed", "Correct Answer": "(a)", "image": ...}

Tong et al., arXiv 2401.06209; four ground truths corrected by `lmms-lab-eval/MMVP`. Rows 1 and 2 are a
pair, 3 and 4 the next: the headline counts pairs with both answers right (150 of them).
"""

import re

from counterfactory.errors import UserError
from counterfactory.eval.benchmarks.base import (
    BY_LETTER,
    LETTERS,
    Benchmark,
    Row,
    clean,
    letter_of,
    lettered,
    picture,
    sliced,
    where,
)
from counterfactory.eval.items import Item


def options_of(text: str) -> tuple[str, ...]:
    """Return the options of "(a) Open (b) Closed".

    >>> options_of("(a) Open (b) Closed")
    ('Open', 'Closed')
    """
    return tuple(part.strip() for part in re.split(r"\(([a-z])\)", text)[2::2])


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    number, options = int(row["Index"]), options_of(str(row["Options"]))
    gold = letter_of(row["Correct Answer"])
    if LETTERS.index(gold) >= len(options):
        raise UserError(
            f"mmvp: {where(row)}: Options: found {row['Options']!r}, no ({gold.lower()})"
        )
    pair = (number - 1) // 2 + 1
    item = Item(
        id=str(number),
        task="mmvp",
        cluster_id=f"mmvp:{pair}",
        group_id=f"{pair}",
        slices=sliced("mmvp", answer=gold),
        images=(picture(row, "image"),),
        prompt=f"{clean(row['Question'])}\n{lettered(options)}{BY_LETTER}",
        gold=gold,
        verifier="letter",
        options=options,
        max_tokens=16,
    )
    return [item]


MMVP = Benchmark(
    name="mmvp",
    title="MMVP (CLIP-blind pairs)",
    items_of=items_of,
    columns=("Index", "Question", "Options", "Correct Answer", "image"),
    hub="lmms-lab-eval/MMVP",
    splits=("train",),
    size=300,
    axis="attribute",
    headline="pair_accuracy",
    metrics=("accuracy", "parse_failure"),
    max_tokens=16,
)
