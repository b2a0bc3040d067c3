"""G answers to one prompt: its picture and its words are computed once, not G times.

    GRPOTrainer(..., rollout_func=rollouts)

TRL repeats each prompt G times and computes every copy. Here the prompt, less its last token, goes
through the model once; what it leaves in the cache is repeated, and G answers are sampled from there.
The same seed gives the same answers as TRL's own rollouts.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor


def rollouts(prompts: Sequence[Any], trainer: Any) -> dict[str, Any]:
    """Return prompt and answer ids; equal prompts stand in runs of `num_generations`."""
    from trl.models import unwrap_model_for_generation

    group = trainer.num_generations if trainer.model.training else trainer.num_generations_eval
    inputs = encoded(prompts[::group], trainer)
    with (
        unwrap_model_for_generation(
            trainer.model_wrapped, trainer.accelerator,
            gather_deepspeed3_params=trainer.args.ds3_gather_for_generation,
            gradient_checkpointing_kwargs=trainer.args.gradient_checkpointing_kwargs,
        ) as model,
        torch.no_grad(),
        trainer._dist.summon_full_params(trainer.model_wrapped, recurse=False),
    ):  # fmt: skip
        made = continued(model, inputs, group, trainer.generation_config)
    asked = [
        ids[mask.bool()].tolist()
        for ids, mask in zip(inputs["input_ids"], inputs["attention_mask"], strict=True)
    ]
    return {
        "prompt_ids": [ids for ids in asked for _ in range(group)],
        "completion_ids": until(made, trainer.eos_token_ids),
        "logprobs": None,
    }


def encoded(prompts: Sequence[Any], trainer: Any) -> dict[str, Tensor]:
    """Return the model's inputs for chats whose image blocks hold pictures, padded on the left."""
    from trl.data_utils import prepare_multimodal_messages

    found = trainer.processing_class.apply_chat_template(
        [prepare_multimodal_messages(prompt) for prompt in prompts],
        add_generation_prompt=True, tokenize=True, return_dict=True,
        return_tensors="pt",  # SmolVLM's processor hears it only here
        processor_kwargs={"padding": True, "padding_side": "left"},
        **trainer.chat_template_kwargs,
    )  # fmt: skip
    moved = {name: value.to(trainer.accelerator.device) for name, value in found.items()}
    dtype = trainer.model.dtype
    return {k: v.to(dtype) if v.is_floating_point() else v for k, v in moved.items()}


def continued(model: Any, inputs: Mapping[str, Tensor], group: int, config: Any) -> Tensor:
    """Return the ids of `group` answers to each prompt, padded on the right."""
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    prompt = {  # all that runs along the tokens ends one token early
        name: value[:, :-1] if value.shape == ids.shape else value for name, value in inputs.items()
    }
    look = deepcopy(config)
    look.update(max_new_tokens=1, do_sample=False, temperature=None, top_p=None, top_k=None)
    look.update(min_p=None, return_dict_in_generate=True)
    cache = model.generate(**prompt, generation_config=look).past_key_values
    cache.batch_repeat_interleave(group)
    _repeat_positions(model, group)
    made = model.generate(
        input_ids=ids.repeat_interleave(group, 0), attention_mask=mask.repeat_interleave(group, 0),
        past_key_values=cache, generation_config=config,
    )  # fmt: skip
    return made[:, ids.shape[1] :]


def until(made: Tensor, ends: Sequence[int]) -> list[list[int]]:
    """Return each answer up to and with its first end.

    >>> until(torch.tensor([[5, 6, 2, 0], [5, 6, 7, 8]]), [2])
    [[5, 6, 2], [5, 6, 7, 8]]
    """
    found = []
    for ids in made.tolist():
        end = next((at + 1 for at, token in enumerate(ids) if token in ends), len(ids))
        found.append(ids[:end])
    return found


def _repeat_positions(model: Any, group: int) -> None:
    """Repeat what a model of Qwen's kind keeps of its prompts' positions beside the cache."""
    for part in model.modules():
        deltas = getattr(part, "rope_deltas", None)
        if isinstance(deltas, Tensor):
            part.rope_deltas = deltas.repeat_interleave(group, 0)
