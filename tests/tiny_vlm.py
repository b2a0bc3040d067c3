"""Tiny image-text-to-text models with random weights: the real classes, formats and chat templates.

    folder = tiny_vlm.llava(tmp_path)          # 32 px, 16 image tokens
    folder = tiny_vlm.idefics3(tmp_path)       # the family of SmolVLM, without splitting

Their answers mean nothing. Each builder writes one folder that AutoProcessor and
AutoModelForImageTextToText load.
"""

from pathlib import Path
from typing import Any

SIDE, PATCH, WIDTH = 32, 8, 32
PAD, BEGIN, TURN, END, IMAGE = "<|pad|>", "<|bos|>", "<|im_start|>", "<|im_end|>", "<image>"
CORPUS = (
    "Is there a red ball? yes no", "How many stars are there? one two three 1 2 3",
    "safe unsafe first second tie Answer with the letter A B C D", "I cannot help with that.",
)  # fmt: skip


def template(image: str = IMAGE) -> str:
    """Return a chat template of the common form."""
    body = (
        "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for b in m['content'] %}"
        "{% if b['type'] == 'image' %}" + image + "{% else %}{{ b['text'] }}{% endif %}"
        "{% endfor %}{% endif %}" + END + "\n"
    )
    return (
        "{% for m in messages %}" + TURN + "{{ m['role'] }}\n" + body + "{% endfor %}"
        "{% if add_generation_prompt %}" + TURN + "assistant\n{% endif %}"
    )


def tokenizer(specials: tuple[str, ...] = (), **named: str) -> Any:
    """Return a byte-level BPE."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    names = list(dict.fromkeys([PAD, BEGIN, TURN, END, *named.values(), *specials]))
    trainer = trainers.BpeTrainer(
        vocab_size=450, special_tokens=names, show_progress=False,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )  # fmt: skip
    made.train_from_iterator(CORPUS * 4, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token=PAD, bos_token=BEGIN, eos_token=END, padding_side="left",
        **({"extra_special_tokens": named} if named else {}),
    )  # fmt: skip


def _text(words: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(words), "pad_token_id": words.pad_token_id,
        "bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id,
        "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
        "max_position_embeddings": 4096,
    }  # fmt: skip


VISION = {
    "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": SIDE, "patch_size": PATCH,
}  # fmt: skip


def llava(folder: Path, seed: int = 0) -> Path:
    """Write a LLaVA with a CLIP tower."""
    import torch
    import transformers as tf

    torch.manual_seed(seed)
    words = tokenizer(image_token=IMAGE)
    config = tf.LlavaConfig(
        vision_config=tf.CLIPVisionConfig(**VISION), text_config=tf.LlamaConfig(**_text(words)),
        image_token_index=words.convert_tokens_to_ids(IMAGE), vision_feature_layer=-1,
        vision_feature_select_strategy="full", image_seq_length=(SIDE // PATCH) ** 2,
    )  # fmt: skip
    processor = tf.LlavaProcessor(
        image_processor=tf.CLIPImageProcessorPil(
            size={"height": SIDE, "width": SIDE}, do_center_crop=False
        ),
        tokenizer=words, patch_size=PATCH, vision_feature_select_strategy="full",
        num_additional_image_tokens=1, chat_template=template(),
    )  # fmt: skip
    return _saved(tf.LlavaForConditionalGeneration(config), processor, folder / "llava")


def idefics3(folder: Path, seed: int = 0) -> Path:
    """Write an Idefics3 without image splitting."""
    import torch
    import transformers as tf

    torch.manual_seed(seed)
    layout = (
        IMAGE, "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
        *(f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)),
    )  # fmt: skip
    words = tokenizer(layout)
    config = tf.Idefics3Config(
        vision_config=VISION, text_config={"model_type": "llama", **_text(words)},
        image_token_id=words.convert_tokens_to_ids(IMAGE), scale_factor=2,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    processor = tf.Idefics3Processor(
        image_processor=tf.Idefics3ImageProcessorPil(
            size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE},
            do_image_splitting=False,
        ),
        tokenizer=words, image_seq_len=(SIDE // PATCH) ** 2 // 4, chat_template=template(),
    )  # fmt: skip
    return _saved(tf.Idefics3ForConditionalGeneration(config), processor, folder / "idefics3")


def _saved(model: Any, processor: Any, place: Path) -> Path:
    model.save_pretrained(place)
    processor.save_pretrained(place)
    return place
