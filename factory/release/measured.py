"""What was measured on a build, as blocks of the card: a title, a sentence, a table.

blocks(facts) -> [{"title": "Artifact leakage", "text": "A reader of texture ...", "rows": ...}]
"""

from collections.abc import Mapping
from typing import Any

from counterfactory.cards.markdown import cell, number
from counterfactory.factory.release.facts import Facts

Block = dict[str, Any]


def blocks(facts: Facts) -> list[Block]:
    """Return a block for everything that was measured."""
    measures = facts.measures
    makers = (
        (_oracle, facts.oracle),
        (_artifact, measures.get("artifact")),
        (_text_only, measures.get("text_only")),
        (_answers, measures.get("answers")),
    )
    return [block for make, value in makers if value for block in make(value)]


def _oracle(report: Mapping[str, Any]) -> list[Block]:
    plain = {k: v for k, v in report.items() if not isinstance(v, Mapping | list | tuple)}
    main = {
        "title": "Truth",
        "text": "The scenes behind these pictures are known, so the result can be marked against "
        "them. No op, check or model saw this.",
        "head": [cell(key) for key in plain],
        "rows": [[number(value) for value in plain.values()]] if plain else [],
    }
    tables = [
        {
            "title": f"Truth, {key.replace('_', ' ')}",
            "text": "",
            "head": [key.removeprefix("by_"), "value"],
            "rows": [[cell(name), _flat(value)] for name, value in sorted(part.items())],
        }
        for key, part in report.items()
        if isinstance(part, Mapping) and part
    ]
    return [main, *tables]


def _artifact(measure: Mapping[str, Any]) -> list[Block]:
    rows = [["all", number(measure["n"]), number(measure["auc"])]]
    rows += [
        [cell(name), number(part["n"]), number(part["auc"])]
        for name, part in sorted(measure.get("by_method", {}).items())
    ]
    return [
        {
            "title": "Artifact leakage",
            "text": "A small classifier sees only the fine texture of the flat parts of a region "
            "and says whether it was edited. AUC 0.5: it cannot tell. AUC 1.0: a model could "
            "learn the tool's trace instead of the content.",
            "head": ["edits", "pairs", "AUC"],
            "rows": rows,
        }
    ]


def _text_only(measure: Mapping[str, Any]) -> list[Block]:
    rows = [
        [
            cell(name),
            number(part["n"]),
            number(part["accuracy"]),
            number(part["chance"]),
            f"{100 * (part['accuracy'] - part['chance']):+.1f}",
        ]
        for name, part in measure.items()
    ]
    return [
        {
            "title": "Text-only leakage",
            "text": "A bag-of-words reader answers from the question alone, cross-validated by "
            "image. Chance is the share of the most frequent answer. Where it is far above chance, "
            "the image is not needed. Of the harmful requests and their benign twins, the image "
            "half shares all words and differs in the image.",
            "head": ["questions", "n", "accuracy", "chance", "points above chance"],
            "rows": rows,
        }
    ]


def _answers(measure: Mapping[str, Any]) -> list[Block]:
    rows = [
        [
            cell(task),
            number(part["n"]),
            ", ".join(f"{cell(answer, 40)} {share:.0%}" for answer, share in part["top"].items()),
        ]
        for task, part in measure.items()
    ]
    return [
        {
            "title": "Answer balance",
            "text": "How often each answer is the right one, most frequent first.",
            "head": ["task", "questions", "answers"],
            "rows": rows,
        }
    ]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{cell(name)} {number(part)}" for name, part in value.items())
    return number(value)
