"""HallusionBench: the same question about a figure, an altered figure, and sometimes no figure.

    {"category": "VS", "subcategory": "chart", "visual_input": "1", "set_id": "0", "figure_id": "1",
     "question_id": "0", "question": "Is China ...", "gt_answer": "1", "image": ...}

Guan et al., arXiv 2310.14566. Rule variant: the yes or no of the answer against gt_answer, and an
answer that is neither is wrong everywhere (the official GPT-4 judge forgives "unclear" where a VS
question comes without its figure). aAcc: questions. fAcc: figures with all questions right, without
the VS questions that show no figure. qAcc: questions right on all figures.
"""

from counterfactory.eval.benchmarks.base import (
    Benchmark,
    Row,
    clean,
    picture,
    sliced,
    suffix,
    yes_no,
)
from counterfactory.eval.items import Item

STYLES = {"short": "\nAnswer yes or no.", "official": ""}


def items_of(row: Row) -> list[Item]:
    """Return the item of a row."""
    kind, topic = str(row["category"]), str(row["subcategory"])
    collection = f"{kind}/{topic}/{row['set_id']}"
    shown = bool(row.get("image"))
    figure = f"{collection}/f{row['figure_id']}"
    gold = yes_no(row["gt_answer"])
    item = Item(
        id=f"{figure}/q{row['question_id']}",
        task="hallusion",
        cluster_id=f"hallusion:{collection}",
        group_id=collection,
        category=f"{kind} {topic}",
        slices=sliced(
            "hallusion", topic=topic, conflict=kind, answer=gold,
            question=row["question_id"], figure=row["figure_id"] if shown else "",
        ),
        images=(picture(row, "image"),) if shown else (),
        prompt=clean(row["question"]) + suffix(row, STYLES),
        gold=gold,
        verifier="yes_no",
        max_tokens=32,
    )  # fmt: skip
    return [item]


COLUMNS = (
    "category",
    "subcategory",
    "set_id",
    "figure_id",
    "question_id",
    "question",
    "gt_answer",
    "image",
)

HALLUSION = Benchmark(
    name="hallusion",
    title="HallusionBench (rule variant)",
    items_of=items_of,
    columns=COLUMNS,
    hub="lmms-lab-encoder/HallusionBench",
    splits=("image", "non_image"),
    size=1129,
    axis="hallucination",
    headline="a_acc",
    metrics=("f_acc", "q_acc", "yes_bias", "parse_failure"),
    styles=STYLES,
    licence="BSD",
)
