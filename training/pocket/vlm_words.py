"""The pocket VLM's language: tokenizer, chat template, processor, and the two instructions it knows.

    processor = build_processor()
    processor.apply_chat_template([...], add_generation_prompt=True)
    "<|user|><image>How many stars are there?<|end|><|assistant|>"

A byte-level BPE over the world's sentences: their words are one token each, all else falls back to
letters and bytes. `THINK` after a question asks for the reasoning first, `with_choices` for a
letter.
"""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from counterfactory.factory.world.language import WORDINGS, caption
from counterfactory.factory.world.questions import TASKS, ask, difference_example, edited
from counterfactory.factory.world.request_texts import (
    CATEGORIES,
    COMPLIANCE,
    FRAMES,
    HELP,
    OFFERS,
    PRIVATE,
    REFUSALS,
    UNNEEDED_REFUSALS,
)
from counterfactory.factory.world.scene import scene_at
from counterfactory.selecting import ANSWER, THINK

PAD, USER, ASSISTANT, SYSTEM, END, IMAGE = (
    "<|pad|>", "<|user|>", "<|assistant|>", "<|system|>", "<|end|>", "<image>",
)  # fmt: skip
SPECIALS = (PAD, USER, ASSISTANT, SYSTEM, END, IMAGE)
VOCABULARY = 1408  # upper limit; merges seen less often than MIN_COUNT are not made
MIN_COUNT = 6
SIDE, PATCH = 64, 8
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]

LETTERS = "ABCDEFGH"

CHAT_TEMPLATE = (
    "{%- macro content(m) -%}"
    "{%- if m['content'] is string -%}{{ m['content'] }}"
    "{%- else -%}{%- for block in m['content'] -%}"
    "{%- if block['type'] == 'image' -%}" + IMAGE + "{%- else -%}{{ block['text'] }}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}{%- endmacro -%}"
    "{%- for m in messages -%}{{ '<|' + m['role'] + '|>' }}"
    "{%- if m['role'] == 'assistant' -%}"
    "{% generation %}{{ content(m) }}" + END + "{% endgeneration %}"
    "{%- else -%}{{ content(m) }}" + END + "{%- endif -%}{%- endfor -%}"
    "{%- if add_generation_prompt -%}" + ASSISTANT + "{%- endif -%}"
)


def with_choices(question: str, options: Sequence[str]) -> str:
    """Return the question as multiple choice; the answer is one letter.

    >>> with_choices("What colour is the star?", ("red", "blue"))
    'What colour is the star?\\n(A) red (B) blue\\nAnswer with the letter.'
    """
    listed = " ".join(f"({LETTERS[n]}) {option}" for n, option in enumerate(options))
    return f"{question}\n{listed}\nAnswer with the letter."


def sentences(count: int = 1500) -> Iterator[str]:
    """Yield what the world says: questions, answers, rationales, captions, requests, both wordings."""
    rng = random.Random(0)
    for index in range(count):
        scene = scene_at("biased", "train", 0, index)
        wordings = WORDINGS[index % 2]
        yield caption(scene, rng, wordings=wordings)
        for task in TASKS:
            for example in ask(task, scene, rng, wordings):
                yield f"{example.question}{THINK}"
                yield example.answer
                yield f"{example.rationale}{ANSWER}{example.answer}"
        if index % 3 == 0 and (other := edited(scene, rng)):
            example = difference_example(scene, other, rng, wordings)
            yield from (example.question, example.answer)
    for kind in CATEGORIES.values():
        for text in (kind.word_action, kind.word_help, kind.image_action,
                     kind.image_help, kind.word_reason, kind.image_reason):  # fmt: skip
            for word in [word for pair in kind.words for word in pair]:
                action = text.format(word=word, thing="red star")
                for frame in [frame for wordings in WORDINGS for frame in FRAMES[wordings]]:
                    yield frame.format(action=action, Action=action.capitalize())
    for text in (*HELP, *COMPLIANCE, *PRIVATE, *OFFERS, *UNNEEDED_REFUSALS, *REFUSALS["train"]):
        yield from [text.replace("{", "").replace("}", "")] * 8


def build_tokenizer() -> Any:
    """Train the tokenizer on `sentences()`; the same every time."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        min_frequency=MIN_COUNT,
        special_tokens=list(SPECIALS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(sentences(), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=USER,
        eos_token=END,
        padding_side="left",
        model_max_length=1024,
        clean_up_tokenization_spaces=False,
        extra_special_tokens={"image_token": IMAGE},
    )


def build_processor() -> Any:
    """Return the processor: pictures to 64 x 64, 64 image tokens each, the chat template."""
    from transformers import CLIPImageProcessorPil, LlavaProcessor

    return LlavaProcessor(
        image_processor=CLIPImageProcessorPil(
            size={"height": SIDE, "width": SIDE},
            do_center_crop=False,
            image_mean=MEAN,
            image_std=STD,
        ),
        tokenizer=build_tokenizer(),
        patch_size=PATCH,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=CHAT_TEMPLATE,
    )
