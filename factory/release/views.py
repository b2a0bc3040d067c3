"""Views: the parts of a release made for one use, as pure functions of canonical rows.

    VIEWS["dpo"].features()        -> Features({"images": List(Image()), "prompt": ...})
    list(VIEWS["dpo"].rows(pair))  -> two rows: image A prefers answer A, image B prefers answer B

`sft` carries three layouts of the same talk, because trainers disagree: `prompt` + `completion`
(TRL; loss on the completion), `messages` (typed blocks: TRL, Unsloth, axolotl) and `conversations`
(strings with `<image>`: LLaMA-Factory, ms-swift). Rules that keep all of them loading: a row
without images has `images: []`, blocks have no `image` key, there is no system message, and no
text holds an image placeholder of its own (`plain` writes `<image>` in a caption as `[image]`; the
`pairs` view keeps the caption as it was).

The id of a row is the id of the pair or sample it was made from, a dash, and which part of it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from counterfactory.selecting import ANSWER, THINK

if TYPE_CHECKING:
    import datasets
    import pyarrow as pa

ViewRow = dict[str, Any]

PLACEHOLDER = "<image>"
"""Stands for one picture where a talk is one string."""

DESCRIBE = "Describe this image in one sentence."
COMPARE = (
    "What differs between the first image and the second?",
    "Compare the two images. What has changed?",
    "Look at both images and name the difference.",
    "How does the second image differ from the first one?",
    "Describe what was changed from the first image to the second.",
    "Tell me what is not the same in the two pictures.",
    "The second scene is an altered version of the first. What was altered?",
    "Please explain what turns the first view into the second.",
    "Something is no longer as it was in the first frame. Say what it is.",
    "Go from the first scene to the second and report what has become different.",
    "A friend sees only the first picture. How would you explain what is different in the second?",
    "From the first image to the second, the following has changed: ...",
    "Which edit was made to the first picture to get the second one?",
)
_INTERNAL = ("examples", "preferences", "fingerprint")  # canonical columns that `pairs` lacks
_REJECT = ("id", "stage", "reason", "metric", "value", "threshold")
_TOKENS = re.compile(r"<(\|?[\w/]*(?:image|video|audio)[\w]*\|?)>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class View:
    """One part of a release. `rows` takes a canonical row (for `rejects`: a Reject as a dict)."""

    name: str
    summary: str  # one line for the card
    rows: Callable[[Mapping[str, Any]], Iterator[ViewRow]]

    def features(self) -> "datasets.Features":
        """Return the column types, as `datasets` knows them."""
        from counterfactory.factory.release.features import features

        return features(self.name)

    def schema(self) -> "pa.Schema":
        """Return the Arrow schema with the Image features in its metadata (key `huggingface`)."""
        schema: pa.Schema = self.features().arrow_schema
        return schema


def plain(text: str) -> str:
    """Return `text` without image placeholders: a trainer would count them as images.

    >>> plain("a sign that says <image> & <|image_pad|>")
    'a sign that says [image] & [|image_pad|]'
    """
    return _TOKENS.sub(r"[\1]", text)


def base_id(view: str, row_id: str) -> str:
    """Return the id of the pair, sample or reject that a view row was made from."""
    return row_id if view in ("pairs", "rejects") else row_id.rpartition("-")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One question about some images, with its answer: the common ground of sft and grpo rows."""

    part: str  # which part of the source row: "a", "diff", "q3"
    images: list[Any]
    question: str
    answer: str
    verifier: str = "exact"
    harmful: bool = False


def turns(row: Mapping[str, Any]) -> Iterator[Turn]:
    """Yield every question with a short answer: of a pair (the answer flips), or of a sample."""
    if row["image_b"] is not None and row["question"]:
        for side in "ab":
            answer = row[f"answer_{side}"]
            yield Turn(
                part=side, images=[row[f"image_{side}"]], question=row["question"],
                answer=answer, verifier=verifier_of(answer),
            )  # fmt: skip
    for number, example in enumerate(row["examples"] or ()):
        yield Turn(
            part=f"q{number}", images=_shown(row, example), question=example["question"],
            answer=example["answer"], verifier=example["verifier"], harmful=example["harmful"],
        )  # fmt: skip


def _shown(row: Mapping[str, Any], example: Mapping[str, Any]) -> list[Any]:
    """Return the pictures that a question is about. Of a pair, what changed is asked about both, and
    what is usual about the edited one, which shows something else."""
    sides = {"difference": "ab", "usual": "b"}.get(example["task"], "a")
    return [row[f"image_{side}"] for side in (sides if row["image_b"] is not None else "a")]


def verifier_of(answer: str) -> str:
    """Return how an answer is marked: yes_no, number or exact."""
    if answer.lower().strip(" .") in ("yes", "no"):
        return "yes_no"
    return "number" if answer.strip().isdigit() else "exact"


def sft_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield questions with answers, with rationales, and "what differs" over both images."""
    for turn in turns(row):
        yield _sft(row, turn.part, turn.images, turn.question, turn.answer)
    for number, example in enumerate(row["examples"] or ()):
        if example["rationale"]:
            text = example["rationale"]
            if example["verifier"] != "refusal":  # what is said to a request is no result
                text += ANSWER + example["answer"]
            yield _sft(row, f"r{number}", _shown(row, example), example["question"] + THINK, text)
    if row["image_b"] is not None and row["difference"]:
        question = COMPARE[_pick(row["id"], len(COMPARE))]
        yield _sft(row, "diff", [row["image_a"], row["image_b"]], question, row["difference"])


def dpo_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield each preference once, and a pair as two rows with chosen and rejected swapped."""
    if row["image_b"] is not None:
        prompt, text_a, text_b = row["question"], row["answer_a"], row["answer_b"]
        if not prompt or text_a == text_b:
            prompt, text_a, text_b = DESCRIBE, row["caption_a"], row["caption_b"]
        if text_a and text_b and text_a != text_b:
            yield _dpo(row, "a", row["image_a"], prompt, text_a, text_b, "image_contrast")
            yield _dpo(row, "b", row["image_b"], prompt, text_b, text_a, "image_contrast")
    for number, one in enumerate(row["preferences"] or ()):
        ask, chosen, rejected = one["prompt"], one["chosen"], one["rejected"]
        yield _dpo(row, f"p{number}", row["image_a"], ask, chosen, rejected, one["kind"])


def kto_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield each preference as two rows: the better answer is true, the worse one false."""
    for pair in dpo_rows(row):
        for label, side, mark in ((True, "chosen", "y"), (False, "rejected", "n")):
            yield {
                "images": pair["images"],
                "prompt": pair["prompt"],
                "completion": pair[side],
                "label": label,
                "id": pair["id"] + mark,
            }


def grpo_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield every question with the answer that a verifier marks against."""
    for turn in turns(row):
        yield {
            "prompt": [_said("user", turn.question)],
            "images": turn.images,
            "answer": turn.answer,
            "verifier": turn.verifier,
            "harmful": turn.harmful,
            "id": f"{row['id']}-{turn.part}",
        }


def clip_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield a pair as two rows, each with the other side as its hard negative."""
    captions = row["caption_a"], row["caption_b"]
    if row["image_b"] is None or not all(captions) or captions[0] == captions[1]:
        return
    for side, other in (("a", "b"), ("b", "a")):
        yield {
            "image": row[f"image_{side}"],
            "caption": row[f"caption_{side}"],
            "neg_caption": row[f"caption_{other}"],
            "neg_image": row[f"image_{other}"],
            "id": f"{row['id']}-{side}",
        }


def pairs_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield the pair itself, or nothing for a row without a counterfactual."""
    if row["image_b"] is not None:
        yield {name: value for name, value in row.items() if name not in _INTERNAL}


def rejects_rows(row: Mapping[str, Any]) -> Iterator[ViewRow]:
    """Yield a Reject as it is, less its note: an exception's text may hold paths of the machine."""
    yield {name: row[name] for name in _REJECT} | {"parents": list(row["parents"])}


def _sft(row: Mapping[str, Any], part: str, images: list[Any], ask: str, answer: str) -> ViewRow:
    ask, answer = plain(ask), plain(answer)
    blocks = [{"type": "image", "text": None} for _ in images] + [{"type": "text", "text": ask}]
    return {
        "images": images,
        "prompt": [_said("user", ask)],
        "completion": [_said("assistant", answer)],
        "messages": [
            {"role": "user", "content": blocks},
            {"role": "assistant", "content": [{"type": "text", "text": answer}]},
        ],
        "conversations": [
            {"from": "human", "value": PLACEHOLDER * len(images) + ask},
            {"from": "gpt", "value": answer},
        ],
        "id": f"{row['id']}-{part}",
        "source_ids": [row["id"], row["group_id"]],
    }


def _dpo(
    row: Mapping[str, Any], part: str, image: Any, ask: str, chosen: str, rejected: str, kind: str
) -> ViewRow:
    ask, chosen, rejected = plain(ask), plain(chosen), plain(rejected)
    return {
        "images": [image],
        "prompt": [_said("user", ask)],
        "chosen": [_said("assistant", chosen)],
        "rejected": [_said("assistant", rejected)],
        "prompt_text": PLACEHOLDER + ask,
        "chosen_text": chosen,
        "rejected_text": rejected,
        "id": f"{row['id']}-{part}",
        "kind": kind,
    }


def _said(role: str, text: str) -> dict[str, str]:
    return {"role": role, "content": plain(text)}


def _pick(row_id: str, count: int) -> int:
    """Return a number below `count` that depends on the id alone."""
    return sum(row_id.encode()) % count


_VIEWS = (
    View("pairs", "one verified counterfactual pair a row, and what is known of it", pairs_rows),
    View("sft", "questions with answers, in the three chat layouts trainers read", sft_rows),
    View("dpo", "a chosen and a rejected answer to one prompt about one image", dpo_rows),
    View("kto", "one answer a row, labelled good or bad", kto_rows),
    View("grpo", "questions with the answer that a verifier marks against", grpo_rows),
    View("clip", "image and caption, with a hard negative of each", clip_rows),
    View("rejects", "every candidate that was not kept, and why", rejects_rows),
)
VIEWS: dict[str, View] = {view.name: view for view in _VIEWS}
