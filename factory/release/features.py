"""The columns of every view, as `datasets` features: the one place where their types are written.

    features("clip") -> Features({"image": Image(), "caption": Value("string"), ...})

`content` is text in every column but `messages`, where it is a list of typed blocks: Arrow cannot
mix the two in one column. The order of columns here is their order in the files.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Features


def features(view: str) -> "Features":
    """Return the features of one view."""
    from datasets import Features

    return Features(_columns()[view])


def _columns() -> dict[str, dict[str, Any]]:
    from datasets import Image, List, Value

    text, real, flag = Value("string"), Value("float64"), Value("bool")
    image, images, texts = Image(), List(Image()), List(text)
    said = List({"role": text, "content": text})
    blocks = List({"role": text, "content": List({"type": text, "text": text})})
    turns = List({"from": text, "value": text})
    return {
        "pairs": _pair(),
        "sft": {
            "images": images, "prompt": said, "completion": said, "messages": blocks,
            "conversations": turns, "id": text, "source_ids": texts,
        },
        "dpo": {
            "images": images, "prompt": said, "chosen": said, "rejected": said,
            "prompt_text": text, "chosen_text": text, "rejected_text": text,
            "id": text, "kind": text,
        },
        "kto": {"images": images, "prompt": said, "completion": said, "label": flag, "id": text},
        "grpo": {
            "prompt": said, "images": images, "answer": text, "verifier": text,
            "harmful": flag, "id": text,
        },
        "clip": {
            "image": image, "caption": text, "neg_caption": text, "neg_image": image, "id": text,
        },
        "rejects": {
            "id": text, "stage": text, "reason": text, "metric": text,
            "value": real, "threshold": real, "parents": texts,
        },
    }  # fmt: skip


def _pair() -> dict[str, Any]:
    from datasets import Image, List, Value

    text, real, flag = Value("string"), Value("float64"), Value("bool")
    edit = ("kind", "method", "target", "replacement", "prompt_a", "prompt_b")
    texts = ("caption_a", "caption_b", "difference", "question", "answer_a", "answer_b")
    verdict = {"check": text, "score": real, "threshold": real, "passed": flag, "judge": text}
    return {
        "id": text,
        "group_id": text,
        "image_a": Image(),
        "image_b": Image(),
        "mask": Image(),
        "boxes": List(List(Value("float32"))),
        "edit": dict.fromkeys(edit, text),
        **dict.fromkeys(texts, text),
        "verdicts": List(verdict),
        "slices": List(text),
        "provenance": {
            "recipe": text,
            "recipe_fingerprint": text,
            "ops": List(text),
            "models": List({"role": text, "id": text, "revision": text}),
            "seed": Value("int64"),
            "source_id": text,
            "parents": List(text),
            "round": Value("int32"),
        },
        "license": text,
    }
