"""AMBER's repository with its pictures, or VLMEvalKit's AMBER.tsv -> `amber` and `amber_g`.

SOURCE/data/query/query_all.json   [{"id": 1, "image": "AMBER_1.jpg", "query": "Describe this image."}, ...]
SOURCE/data/annotations.json       [{"id": 1, "type": "generative", "truth": [...], "hallu": [...]}, ...]
SOURCE/data/relation.json          {"beach": ["sand", "coast"], ...}
SOURCE/data/safe_words.txt         words that are never counted
SOURCE/image/AMBER_1.jpg
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from counterfactory.eval.convert.reading import (
    Pictures,
    cell_of,
    field,
    find,
    need,
    read_json,
    read_tsv,
    records,
)
from counterfactory.eval.convert.writing import Table
from counterfactory.fingerprint import digest_bytes

ASKED = {"id": "text", "image": "image", "question": "text", "answer": "text", "category": "text",
         "image_source": "text"}  # fmt: skip
DESCRIBED = {"id": "text", "image": "image", "query": "text", "truth": "texts", "hallu": "texts",
             "vocabulary": "text", "image_source": "text"}  # fmt: skip


def tables(source: Path) -> Iterator[Table]:
    """Yield the discriminative table, and the generative one where there are annotations."""
    if source.suffix == ".tsv":
        yield Table("amber", _from_tsv(source), ASKED)
        return
    queries = _queries(source)
    annotations = need(source, "annotations.json")
    truth = {int(field(e, "id", annotations, i)): e for i, e in enumerate(records(annotations))}
    pictures = Pictures(source)
    asked = [query for query in queries if truth[int(query["id"])]["type"] != "generative"]
    described = [query for query in queries if truth[int(query["id"])]["type"] == "generative"]
    if asked:
        yield Table("amber", _asked(asked, truth, pictures), ASKED)
    if described:
        related = read_json(need(source, "relation.json"))
        safe = set(need(source, "safe_words.txt").read_text(encoding="utf-8").split("\n"))
        yield Table("amber_g", _described(described, truth, pictures, related, safe), DESCRIBED)


def category_of(kind: str) -> str:
    """Return existence, attribute-state, attribute-number, attribute-action or relation.

    >>> category_of("discriminative-hallucination"), category_of("discriminative-attribute-state")
    ('existence', 'attribute-state')
    """
    kind = kind.lower().replace("discriminative-", "").replace("_", "-").replace(" ", "-")
    return "existence" if kind in ("hallucination", "discriminative", "existence") else kind


def vocabulary(
    truth: Sequence[str], related: Mapping[str, Sequence[str]], safe: set[str]
) -> dict[str, list[str]]:
    """Return every word that counts -> the words that mean the same, for one picture.

    Words related to something that is there mean it (the first one, as officially); each other word
    of the list stands for itself, so mentioning it is a hallucination.
    """
    words = {word for key, values in related.items() for word in (key, *values)}
    taken = set(truth)
    found: dict[str, list[str]] = {}
    for thing in truth:
        found[thing] = [word for word in related.get(thing, ()) if word not in taken]
        taken |= set(found[thing])
    return found | {word: [] for word in sorted(words - taken - safe)}


def _queries(source: Path) -> list[dict[str, Any]]:
    whole = find(source, "query_all.json")
    if whole:
        return records(whole)
    names = ("query_discriminative.json", "query_generative.json")
    return [entry for name in names if (path := find(source, name)) for entry in records(path)]


def _asked(queries: Any, truth: Any, pictures: Pictures) -> Iterator[dict[str, Any]]:
    for query in queries:
        known = truth[int(query["id"])]
        yield {
            "id": str(query["id"]), "image": pictures.cell(query["image"]),
            "question": query["query"], "answer": known["truth"],
            "category": category_of(known["type"]), "image_source": query["image"],
        }  # fmt: skip


def _described(
    queries: Any, truth: Any, pictures: Pictures, related: Any, safe: set[str]
) -> Iterator[dict[str, Any]]:
    for query in queries:
        known = truth[int(query["id"])]
        words = vocabulary(known["truth"], related, safe)
        yield {
            "id": str(query["id"]), "image": pictures.cell(query["image"]), "query": query["query"],
            "truth": known["truth"], "hallu": known["hallu"], "vocabulary": json.dumps(words),
            "image_source": query["image"],
        }  # fmt: skip


def _from_tsv(path: Path) -> Iterator[dict[str, Any]]:
    for row, data in read_tsv(path, "question", "answer", "category"):
        name = row.get("image_path") or digest_bytes(data)[:16]
        yield {
            "id": row["index"], "image": cell_of(data, name, f"{path}: row {row['index']}"),
            "question": row["question"], "answer": row["answer"],
            "category": category_of(row["category"]), "image_source": name,
        }  # fmt: skip
