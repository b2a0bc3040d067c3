"""Trainers of chat models: each image wants its placeholder, each text its role.

    AXOLOTL["sft"].check({"images": [one, two], ...})  -> "has 2 images; axolotl takes the first ..."

`<image>` is counted in the column that the trainer, or its export, reads. TRL reads texts without
placeholders and puts the images in itself.
"""

import re
from collections.abc import Iterable, Iterator

from counterfactory.factory.release.targets.rules import Row, Rule
from counterfactory.factory.release.views import PLACEHOLDER

_OTHER = re.compile(r"<(?:video|audio)>")
_IMG = re.compile(r"<img>.+?</img>")
VERL_TOKENS = 1024  # data.max_prompt_length, unless set


def _images(row: Row) -> int:
    return len(row["images"] or ())


def _missing(row: Row, who: str) -> Iterator[str]:
    if row["images"] is None:
        yield f"images is null; {who} wants an empty list"


def _spoken(row: Row, *columns: str) -> list[str]:
    return [str(said["content"]) for name in columns for said in row[name] or ()]


def _turns(row: Row) -> list[str]:
    return [str(turn["value"]) for turn in row["conversations"]]


def _counted(texts: Iterable[str], images: int, what: str) -> Iterator[str]:
    found = sum(text.count(PLACEHOLDER) for text in texts)
    if found != images:
        yield f"{images} images, but {found} {PLACEHOLDER}; {what}"


def _roles(row: Row, what: str) -> Iterator[str]:
    """Check that human and gpt take turns, human first."""
    roles = [turn["from"] for turn in row["conversations"]]
    if len(roles) % 2 or any(role != ("human", "gpt")[n % 2] for n, role in enumerate(roles)):
        yield f"turns are of {', '.join(roles) or 'nobody'}, expected human and gpt in turn; {what}"


def _trl_texts(*columns: str) -> Rule:
    def check(row: Row) -> Iterator[str]:
        yield from _missing(row, "TRL")
        if any(PLACEHOLDER in text for text in _spoken(row, *columns)):
            yield f"{PLACEHOLDER} in a text: TRL puts images in itself, LLaVA and Idefics3 count it as one more"
        if not _spoken(row, columns[0]):
            yield f"{columns[0]} is empty; TRL has nowhere to put images"

    return Rule(("images", *columns), check)


def _trl_sft(row: Row) -> Iterator[str]:
    yield from _missing(row, "TRL")
    blocks = [block for said in row["messages"] for block in said["content"]]
    found = sum(block["type"] == "image" for block in blocks)
    if found != _images(row):
        yield f"{_images(row)} images, but {found} image blocks in messages; TRL raises ValueError"
    if any(block.get("image") is not None for block in blocks):
        yield "an image block has an `image` of its own; TRL then counts no placeholder"
    texts = [*_spoken(row, "prompt", "completion"), *(str(block["text"] or "") for block in blocks)]
    if any(PLACEHOLDER in text for text in texts):
        yield f"{PLACEHOLDER} in a text: TRL puts images in itself, LLaVA and Idefics3 count it as one more"


TRL = {
    "sft": Rule(("images", "prompt", "completion", "messages"), _trl_sft),
    "dpo": _trl_texts("prompt", "chosen", "rejected"),
    "kto": _trl_texts("prompt", "completion"),
    "grpo": _trl_texts("prompt"),
}


def _factory_media(texts: list[str], images: int) -> Iterator[str]:
    yield from _counted(texts, images, "LLaMA-Factory raises ValueError")
    if any(_OTHER.search(text) for text in texts):
        yield "<video> or <audio> in a text without either; LLaMA-Factory raises ValueError"


def _factory_sft(row: Row) -> Iterator[str]:
    yield from _factory_media(_turns(row), _images(row))
    yield from _roles(row, "LLaMA-Factory skips such a row")


def _factory_dpo(row: Row) -> Iterator[str]:
    yield from _factory_media([row["prompt_text"]], _images(row))
    for name in ("chosen_text", "rejected_text"):
        if not row[name]:
            yield f"{name} is {row[name]!r}; LLaMA-Factory has nothing to rank and skips the row"


LLAMAFACTORY = {
    "sft": Rule(("images", "conversations"), _factory_sft),
    "dpo": Rule(("images", "prompt_text", "chosen_text", "rejected_text"), _factory_dpo),
}

_FRONT = "ms-swift fills what is missing in at the front and leaves the rest as text"


def _swift_text(texts: list[str], images: int) -> Iterator[str]:
    yield from _counted(texts, images, _FRONT)
    if not images and any(_IMG.search(text) for text in texts):
        yield "<img>...</img> in a text without images; ms-swift takes it for a path"


def _swift_sft(row: Row) -> Iterator[str]:
    yield from _swift_text(_turns(row), _images(row))


def _swift_dpo(row: Row) -> Iterator[str]:
    yield from _swift_text([row["prompt_text"]], _images(row))
    if row["chosen_text"] == row["rejected_text"]:
        yield "chosen and rejected are the same; ms-swift deletes such a row"


def _swift_talk(*columns: str) -> Rule:
    def check(row: Row) -> Iterator[str]:  # the export writes the prompt's placeholders itself
        yield from _swift_text(_spoken(row, *columns), 0)

    return Rule(("images", *columns), check)


SWIFT = {
    "sft": Rule(("images", "conversations"), _swift_sft),
    "dpo": Rule(("images", "prompt_text", "chosen_text", "rejected_text"), _swift_dpo),
    "kto": _swift_talk("prompt", "completion"),
    "grpo": _swift_talk("prompt"),
}


def _axolotl_sft(row: Row) -> Iterator[str]:
    count = _images(row)
    if count > 1:
        yield f"has {count} images; axolotl takes the first alone and fails on the others' placeholders"
    elif not count:
        yield "has no image; axolotl takes the first of `images` and fails (IndexError)"


AXOLOTL = {
    "sft": Rule(("images",), _axolotl_sft),
    "dpo": _trl_texts("prompt", "chosen", "rejected"),  # its collators are TRL's
    "kto": _trl_texts("prompt", "completion"),
}


def _verl_grpo(row: Row) -> Iterator[str]:
    texts = _spoken(row, "prompt")  # the export writes the placeholders itself
    if _images(row) and any(PLACEHOLDER in text or _OTHER.search(text) for text in texts):
        yield "a placeholder of its own in the prompt; verl skips such a row without an error"
    if (words := sum(len(text.split()) for text in texts)) > VERL_TOKENS:
        yield (
            f"a prompt of {words} words; verl drops those above data.max_prompt_length "
            f"({VERL_TOKENS} tokens) without an error"
        )


def _verl_sft(row: Row) -> Iterator[str]:
    yield from _counted(_turns(row), _images(row), "verl fails (AssertionError or IndexError)")
    if any(_OTHER.search(text) for text in _turns(row)):
        yield "<video> or <audio> in a text; verl looks for one and fails"


VERL = {
    "grpo": Rule(("images", "prompt"), _verl_grpo),
    "sft": Rule(("images", "conversations"), _verl_sft),
}


def _openrlhf(row: Row) -> Iterator[str]:
    if any(PLACEHOLDER in text for text in _spoken(row, "prompt")):
        yield f"{PLACEHOLDER} in the prompt; OpenRLHF makes an image of it that is not there"
    if row["answer"] is None:
        yield "answer is null; OpenRLHF gives the reward function no label"


OPENRLHF = {"grpo": Rule(("images", "prompt", "answer"), _openrlhf)}


def _llava(row: Row) -> Iterator[str]:
    if _images(row) > 1:
        yield (
            f"has {_images(row)} images; LLaVA 1.5 opens one, so the export keeps the row apart, "
            "for LLaVA-NeXT"
        )
    yield from _counted(_turns(row), _images(row), "LLaVA's features and tokens would not fit")
    yield from _roles(row, "LLaVA fails (KeyError or AssertionError)")


def _internvl_sft(row: Row) -> Iterator[str]:
    what = "InternVL prints the error and trains on another row in its place"
    yield from _counted(_turns(row), _images(row), what)
    yield from _roles(row, what)


def _internvl_dpo(row: Row) -> Iterator[str]:
    what = "InternVL prints the error and trains on another row in its place"
    yield from _counted([row["prompt_text"]], _images(row), what)


LLAVA = {"sft": Rule(("images", "conversations"), _llava)}
INTERNVL = {
    "sft": Rule(("images", "conversations"), _internvl_sft),
    "dpo": Rule(("images", "prompt_text"), _internvl_dpo),
}
