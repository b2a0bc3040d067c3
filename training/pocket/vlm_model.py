"""The pocket VLM's network: transformers' LLaVA classes, small, and its training-only readers.

    model = build_model(vocabulary, pad=0, end=4, image=5)     # LlavaForConditionalGeneration
    hidden = student.read(pixels, batch)                       # many questions about one picture

A SigLIP tower without class token (64 patches) and a Llama text model with tied embeddings. In
training, the questions about a picture stand behind it in one sequence; each sees the picture and
itself only, with positions that start again after the picture, so that every question is computed
exactly as if it had been asked alone.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from counterfactory.factory.world.scene import COLOURS, KINDS, SIZES
from counterfactory.training.pocket.vlm_words import MEAN, PATCH, SIDE, STD

TOWER: dict[str, Any] = {
    "hidden_size": 160, "intermediate_size": 448, "num_hidden_layers": 4, "num_attention_heads": 4,
    "image_size": SIDE, "patch_size": PATCH, "vision_use_head": False,
    "hidden_act": "gelu_pytorch_tanh",
}  # fmt: skip
TEXT: dict[str, Any] = {
    "hidden_size": 192, "intermediate_size": 448, "num_hidden_layers": 6, "num_attention_heads": 4,
    "num_key_value_heads": 4, "head_dim": 48, "max_position_embeddings": 1024,
    "tie_word_embeddings": True, "rope_parameters": {"rope_type": "default", "rope_theta": 1000.0},
}  # fmt: skip
BINS = 16  # along each axis, for the place of a thing's centre
HEADS = (1 + len(KINDS), 1 + len(COLOURS), 1 + len(SIZES), 1 + BINS, 1 + BINS)
SHARES = (1.0, 1.0, 0.5, 0.5, 0.5)  # of the readers' losses


def build_model(
    vocabulary: int,
    *,
    pad: int,
    begin: int,
    end: int,
    image: int,
    tower: Any = None,
    text: Any = None,
) -> Any:
    """Return an untrained LlavaForConditionalGeneration of pocket size."""
    from transformers import (
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        SiglipVisionConfig,
    )

    ids = {"pad_token_id": pad, "bos_token_id": begin, "eos_token_id": end}
    config = LlavaConfig(
        vision_config=SiglipVisionConfig(**(TOWER | (tower or {}))),
        text_config=LlamaConfig(vocab_size=vocabulary, **(TEXT | (text or {})), **ids),
        image_token_index=image,
        vision_feature_layer=-1,
        vision_feature_select_strategy="full",
        image_seq_length=(SIDE // PATCH) ** 2,
        tie_word_embeddings=True,
        **ids,
    )
    model = LlavaForConditionalGeneration(config)
    model.generation_config.update(max_new_tokens=96, do_sample=False, **ids)
    return model


class Student(nn.Module):
    """The VLM in training with its readers: linear heads that name what stands in each patch."""

    def __init__(self, vlm: Any) -> None:
        super().__init__()
        self.vlm = vlm
        width = vlm.config.vision_config.hidden_size
        self.norm, self.readers = nn.LayerNorm(width), nn.Linear(width, sum(HEADS))

    def see(self, pixels: Tensor) -> Tensor:
        """Return the tower's tokens of pictures, uint8 N x 3 x 64 x 64."""
        mean, std = MEAN[0], STD[0]
        tower = self.vlm.model.vision_tower(
            (pixels.float() / 255 - mean) / std, output_hidden_states=True
        )
        tokens: Tensor = tower.hidden_states[-1]
        return tokens

    def dense(self, tokens: Tensor, target: Tensor) -> tuple[Tensor, float]:
        """Return the loss of naming kind, colour, size and centre of the thing in each patch.

        `target`: N x patches x 5, zero for ground. Also how often the kind is right.
        """
        said = self.readers(self.norm(tokens)).flatten(0, 1).float()
        target = target.flatten(0, 1)
        on = target[:, 0] > 0
        weight = torch.where(on, 1.0, 0.3)
        loss = torch.zeros((), device=said.device)
        for part, column, share in zip(said.split(HEADS, 1), target.unbind(1), SHARES, strict=True):
            loss = loss + share * (F.cross_entropy(part, column, reduction="none") * weight).mean()
        right = said[:, : HEADS[0]].argmax(1) == target[:, 0]
        return loss, float(right[on].float().mean())

    def read(self, tokens: Tensor, ids: Tensor, positions: Tensor, blocks: Tensor) -> Tensor:
        """Return the text model's last states for sequences of pictures and questions.

        `tokens`: the tower's, pictures x patches; `ids`: sequences with image tokens in place;
        `blocks`: 0 for what all may see (the pictures), n for the nth question, -1 for padding.
        """
        model = self.vlm.model
        features = model.multi_modal_projector(tokens)
        words = model.get_input_embeddings()(ids)
        at = (ids == self.vlm.config.image_token_id).unsqueeze(-1).expand_as(words)
        embeds = words.masked_scatter(at, features.to(words.dtype))
        mask = torch.zeros((), dtype=features.dtype).where(causal_blocks(blocks), -3e4)
        hidden: Tensor = model.language_model(
            inputs_embeds=embeds, attention_mask=mask, position_ids=positions, use_cache=False
        ).last_hidden_state
        return hidden


def plain_attention(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None,
    scaling: float | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention by two products, in the type of its inputs: on a CPU several times the speed of the
    fused kernel, which is slow going back through a mask."""
    with torch.autocast(query.device.type, enabled=False):
        kind = value.dtype
        scores = (query * (scaling or query.shape[-1] ** -0.5)).to(kind) @ key.to(kind).mT
        if mask is not None:
            scores = scores + mask.to(kind)
        return (scores.softmax(-1, dtype=scores.dtype) @ value).transpose(1, 2), None


def quicken(vlm: Any) -> Any:
    """Make a model quick to train on a CPU."""
    from transformers import AttentionInterface

    AttentionInterface.register("pocket", plain_attention)
    vlm.set_attn_implementation("pocket")
    return vlm


def causal_blocks(blocks: Tensor) -> Tensor:
    """Return who sees whom, bool N x 1 x L x L: the past of one's own block, and of block 0."""
    length = blocks.shape[1]
    past = torch.ones(length, length, dtype=torch.bool, device=blocks.device).tril()
    mine = blocks[:, :, None] == blocks[:, None, :]
    return (past & (mine | (blocks == 0)[:, None, :])).unsqueeze(1)
