"""Tiny models with random weights, made from configs: the real classes and file formats, nothing
downloaded.

    folder = tiny.sd_inpaint(tmp_path)       # a StableDiffusionInpaintPipeline that from_pretrained loads
    folder = tiny.clip(tmp_path)             # open_clip_config.json, weights, tokenizer

Their answers mean nothing; shapes, formats and calls are the real ones. Each builder writes one
folder.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from counterfactory.records import Pixels

WIDTH = 32
SAM_CONFIG: dict[str, Any] = {
    "image_size": 64, "patch_size": 8, "embed_dim": 32, "depth": 2, "num_heads": 2, "out_chans": 32,
    "global_attn_indexes": [1], "window_size": 4, "prompt_dim": 32, "mlp_ratio": 2, "mask_in_chans": 4,
    "decoder": {"depth": 2, "mlp_dim": 64, "num_heads": 2, "iou_depth": 2, "iou_dim": 32},
    "grid": {"points_per_side": 4, "min_score": -10.0, "min_stability": 0.0, "max_iou": 0.7},
}  # fmt: skip


def picture(seed: int = 0, height: int = 64, width: int = 64) -> Pixels:
    """Return an even ground with one bright square and a little noise."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(90, 110, (height, width, 3)).astype(np.uint8)
    pixels[height // 4 : height // 2, width // 4 : width // 2] = rng.integers(0, 255, 3)
    return pixels


def sam(folder: Path, seed: int = 0) -> Path:
    """Write a composed segment-anything model."""
    import torch
    from safetensors.torch import save_file

    from counterfactory.models.segment import build_sam

    torch.manual_seed(seed)
    place = folder / "sam"
    place.mkdir(parents=True, exist_ok=True)
    (place / "config.json").write_text(json.dumps(SAM_CONFIG))
    state = build_sam(SAM_CONFIG).state_dict()
    save_file(
        {name: value.half().contiguous() for name, value in state.items()},
        place / "model.safetensors",
    )
    return place


def sam2(folder: Path, seed: int = 0) -> Path:
    """Write a SAM 2 of transformers."""
    import torch
    from transformers import (
        Sam2Config,
        Sam2HieraDetConfig,
        Sam2ImageProcessorFast,
        Sam2Model,
        Sam2Processor,
        Sam2VisionConfig,
    )

    torch.manual_seed(seed)
    place = folder / "sam2"
    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], patch_kernel_size=[7, 7],
        query_stride=[2, 2], window_positional_embedding_background_size=[4, 4],
        num_query_pool_stages=3, blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 32, 64], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 2, 4, 2], global_attention_blocks=[3],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[64, 32, 16, 8], fpn_hidden_size=32,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], num_feature_levels=3,
    )  # fmt: skip
    config = Sam2Config(
        vision_config=vision,
        prompt_encoder_config={"hidden_size": 32, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 32, "mlp_dim": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
            "iou_head_hidden_dim": 32, "iou_head_depth": 2,
        },
    )  # fmt: skip
    Sam2Model(config).save_pretrained(place)
    processor = Sam2ImageProcessorFast(
        size={"height": 64, "width": 64}, mask_size={"height": 16, "width": 16}
    )
    Sam2Processor(processor, target_size=64).save_pretrained(place)
    return place


def clip(folder: Path, seed: int = 0) -> Path:
    """Write an open_clip model with a tokenizer of whole words."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    place = folder / "clip"
    place.mkdir(parents=True, exist_ok=True)
    _word_tokenizer().save_pretrained(place)
    config = {
        "embed_dim": WIDTH,
        "vision_cfg": {"image_size": 32, "patch_size": 8, "layers": 2, "width": WIDTH, "head_width": 16},
        "text_cfg": {
            "context_length": 24, "vocab_size": 512, "layers": 2, "width": WIDTH, "heads": 2,
            "hf_tokenizer_name": place.resolve().as_posix(), "tokenizer_kwargs": {"clean": "lower"},
        },
    }  # fmt: skip
    parts = {"model_cfg": config, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}}
    (place / "open_clip_config.json").write_text(json.dumps(parts))
    torch.manual_seed(seed)
    model = open_clip.CLIP(**config)
    save_file(
        {k: v.contiguous() for k, v in model.state_dict().items()},
        place / "open_clip_model.safetensors",
    )
    return place


def _word_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    from counterfactory.factory.ops import lexicon

    words = sorted(
        {
            "a",
            "an",
            "of",
            "the",
            "plain",
            "background",
            *lexicon.KINDS,
            *lexicon.COLOURS,
            *lexicon.SIZES,
        }
    )
    names = ["<pad>", "<unk>", "<start>", *words, "<end>"]
    tokenizer = Tokenizer(
        models.WordLevel({name: i for i, name in enumerate(names)}, unk_token="<unk>")
    )
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", 2), ("<end>", len(names) - 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        unk_token="<unk>",
        bos_token="<start>",
        eos_token="<end>",
    )


def clip_tokenizer() -> Any:
    """Return transformers' CLIP tokenizer over single bytes: no merges, no files."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    pieces = [*alphabet, *(char + "</w>" for char in alphabet), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={piece: i for i, piece in enumerate(pieces)}, merges=[], model_max_length=77
    )


def _text_encoder(tokenizer: Any, projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=2 * WIDTH,
        num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=77, projection_dim=WIDTH,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def _vae(**more: Any) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=4, block_out_channels=(16, 32),
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4, **more,
    )  # fmt: skip


def _unet(**more: Any) -> Any:
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        in_channels=9, out_channels=4, sample_size=16, block_out_channels=(16, 32), layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"), attention_head_dim=4, norm_num_groups=4,
        **more,
    )  # fmt: skip


def sd_inpaint(folder: Path, seed: int = 0) -> Path:
    """Write a Stable Diffusion inpainting pipeline of 32 px."""
    import diffusers
    import torch

    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    pipeline = diffusers.StableDiffusionInpaintPipeline(
        vae=_vae(), text_encoder=_text_encoder(tokenizer), tokenizer=tokenizer,
        unet=_unet(cross_attention_dim=WIDTH), scheduler=diffusers.DDIMScheduler(),
        safety_checker=None, feature_extractor=None, requires_safety_checker=False,
    )  # fmt: skip
    return _saved(pipeline, folder / "sd")


def sdxl_inpaint(folder: Path, seed: int = 0) -> Path:
    """Write an SDXL inpainting pipeline of 32 px."""
    import diffusers
    import torch

    torch.manual_seed(seed)
    tokenizer = clip_tokenizer()
    unet = _unet(
        cross_attention_dim=2 * WIDTH, use_linear_projection=True, addition_embed_type="text_time",
        addition_time_embed_dim=8, projection_class_embeddings_input_dim=6 * 8 + WIDTH,
        transformer_layers_per_block=(1, 1),
    )  # fmt: skip
    pipeline = diffusers.StableDiffusionXLInpaintPipeline(
        vae=_vae(force_upcast=True), text_encoder=_text_encoder(tokenizer), tokenizer=tokenizer,
        text_encoder_2=_text_encoder(tokenizer, projected=True), tokenizer_2=clip_tokenizer(),
        unet=unet, scheduler=diffusers.DDIMScheduler(), add_watermarker=False,
    )  # fmt: skip
    return _saved(pipeline, folder / "sdxl")


KLEIN_OPTIONS = {"text_encoder_out_layers": [1, 2, 3], "max_sequence_length": 64}


def klein(folder: Path, seed: int = 0) -> Path:
    """Write a FLUX.2 klein pipeline as published: not the inpainting class. Needs `KLEIN_OPTIONS`."""
    import diffusers
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    tokenizer = _word_tokenizer()
    tokenizer.padding_side = "right"
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    encoder = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=4,
            num_attention_heads=2, num_key_value_heads=1, head_dim=8, max_position_embeddings=1024,
        )
    )  # fmt: skip
    transformer = diffusers.Flux2Transformer2DModel(
        patch_size=1, in_channels=16, num_layers=1, num_single_layers=1, num_attention_heads=2,
        attention_head_dim=16, axes_dims_rope=(4, 4, 4, 4), joint_attention_dim=16 * 3,
        timestep_guidance_channels=64, guidance_embeds=False,
    )  # fmt: skip
    vae = diffusers.AutoencoderKLFlux2(
        in_channels=3, out_channels=3, latent_channels=4, sample_size=32, block_out_channels=(8,),
        layers_per_block=1, down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",), norm_num_groups=2,
        use_quant_conv=False, use_post_quant_conv=False,
    )  # fmt: skip
    pipeline = diffusers.Flux2KleinPipeline(
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(), vae=vae, text_encoder=encoder,
        tokenizer=tokenizer, transformer=transformer,
    )  # fmt: skip
    return _saved(pipeline, folder / "klein")


def _saved(pipeline: Any, place: Path) -> Path:
    pipeline.set_progress_bar_config(disable=True)
    pipeline.save_pretrained(place, safe_serialization=True)
    return place
