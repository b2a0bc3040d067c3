"""Tiny image-text-to-text models with random weights: the real classes, formats and chat templates.

    folder = tiny_vlm.llava(tmp_path)          # 32 px, 16 image tokens
    folder = tiny_vlm.idefics3(tmp_path)       # without splitting
    folder = tiny_vlm.smolvlm(tmp_path)        # SmolVLM: the same layout in classes of its own
    folder = tiny_vlm.qwen25(tmp_path)         # Qwen2.5-VL: as many tokens as the image is large
    folder = tiny_vlm.gemma3(tmp_path)         # Gemma 3: pictures see each other both ways

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
    return _idefics3(folder / "idefics3", seed, "Idefics3")


def smolvlm(folder: Path, seed: int = 0) -> Path:
    """Write a SmolVLM without image splitting; its processor knows videos, too."""
    import transformers as tf

    video = tf.SmolVLMVideoProcessor(
        size={"longest_edge": SIDE}, max_image_size={"longest_edge": SIDE}, num_frames=2, fps=1,
        video_sampling={"fps": 1, "max_frames": 2, "video_size": {"longest_edge": SIDE}},
    )  # fmt: skip
    return _idefics3(folder / "smolvlm", seed, "SmolVLM", video_processor=video)


def _idefics3(place: Path, seed: int, kind: str, **more: Any) -> Path:
    import torch
    import transformers as tf

    torch.manual_seed(seed)
    layout = (
        IMAGE, "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
        *(f"<row_{row}_col_{col}>" for row in range(1, 7) for col in range(1, 7)),
    )  # fmt: skip
    words = tokenizer(layout)
    config = getattr(tf, f"{kind}Config")(
        vision_config=VISION, text_config={"model_type": "llama", **_text(words)},
        image_token_id=words.convert_tokens_to_ids(IMAGE), scale_factor=2,
        pad_token_id=words.pad_token_id,
    )  # fmt: skip
    processor = getattr(tf, f"{kind}Processor")(
        image_processor=getattr(tf, f"{kind}ImageProcessorPil")(
            size={"longest_edge": 2 * SIDE}, max_image_size={"longest_edge": SIDE},
            do_image_splitting=False,
        ),
        tokenizer=words, image_seq_len=(SIDE // PATCH) ** 2 // 4, chat_template=template(), **more,
    )  # fmt: skip
    return _saved(getattr(tf, f"{kind}ForConditionalGeneration")(config), processor, place)


def qwen25(folder: Path, seed: int = 0, patch: int = PATCH) -> Path:
    """Write a Qwen2.5-VL: rotary positions in three directions, image tokens by the picture's size.

    Trainers that resize pictures themselves count on the real model's patch of 14.
    """
    import torch
    import transformers as tf

    torch.manual_seed(seed)
    image, video = "<|image_pad|>", "<|video_pad|>"
    words = tokenizer(
        ("<|vision_start|>", "<|vision_end|>"), image_token=image, video_token=video
    )  # fmt: skip
    text = _text(words)
    del text["head_dim"]
    config = tf.Qwen2_5_VLConfig(
        vision_config={
            "depth": 2, "hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_heads": 4,
            "out_hidden_size": WIDTH, "patch_size": patch, "spatial_merge_size": 2,
            "window_size": 2 * patch, "fullatt_block_indexes": [1], "temporal_patch_size": 2,
        },
        text_config={
            **text, "rope_parameters": {
                "rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2],
            },
        },
        image_token_id=words.convert_tokens_to_ids(image),
        video_token_id=words.convert_tokens_to_ids(video),
        vision_start_token_id=words.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=words.convert_tokens_to_ids("<|vision_end|>"),
    )  # fmt: skip
    sizes = {"shortest_edge": SIDE * SIDE, "longest_edge": SIDE * SIDE}
    layout = {"patch_size": patch, "merge_size": 2, "temporal_patch_size": 2}
    processor = tf.Qwen2_5_VLProcessor(
        image_processor=tf.Qwen2VLImageProcessorPil(size=sizes, **layout), tokenizer=words,
        video_processor=tf.Qwen2VLVideoProcessor(size=sizes, **layout),
        chat_template=template(f"<|vision_start|>{image}<|vision_end|>"),
    )  # fmt: skip
    return _saved(tf.Qwen2_5_VLForConditionalGeneration(config), processor, folder / "qwen25")


def gemma3(folder: Path, seed: int = 0) -> Path:
    """Write a Gemma 3: token types, and pictures between markers of their own."""
    import torch
    import transformers as tf

    torch.manual_seed(seed)
    words = tokenizer(
        boi_token="<start_of_image>", eoi_token="<end_of_image>", image_token="<image_soft_token>"
    )  # fmt: skip
    tokens = (SIDE // PATCH) ** 2 // 4
    config = tf.Gemma3Config(
        vision_config={**VISION, "vision_use_head": False}, text_config=_text(words),
        mm_tokens_per_image=tokens,
        boi_token_index=words.convert_tokens_to_ids("<start_of_image>"),
        eoi_token_index=words.convert_tokens_to_ids("<end_of_image>"),
        image_token_index=words.convert_tokens_to_ids("<image_soft_token>"),
    )  # fmt: skip
    processor = tf.Gemma3Processor(
        image_processor=tf.Gemma3ImageProcessorPil(size={"height": SIDE, "width": SIDE}),
        tokenizer=words, image_seq_length=tokens, chat_template=template("<start_of_image>"),
    )  # fmt: skip
    model = tf.Gemma3ForConditionalGeneration(config)
    # zero in a new model: no picture would reach the text
    torch.nn.init.normal_(model.model.multi_modal_projector.mm_input_projection_weight, std=0.05)
    return _saved(model, processor, folder / "gemma3")


def _saved(model: Any, processor: Any, place: Path) -> Path:
    model.save_pretrained(place)
    processor.save_pretrained(place)
    return place


ALL = {"llava": llava, "idefics3": idefics3, "qwen25": qwen25, "gemma3": gemma3}
