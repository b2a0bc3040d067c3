"""A vision-language model of transformers: loaded the same way for answering and for judging.

    vlm = load_vlm("HuggingFaceTB/SmolVLM-256M-Instruct")
    prompt = vlm.prompt([{"type": "image"}, {"type": "text", "text": "Is there a dog? yes or no"}])
    vlm.generate([prompt], [[picture]], max_tokens=8)           ->  ["yes"]
    vlm.choice_logps(prompt, [picture], ("yes", "no"))          ->  (-0.2, -1.9)

Ids: `pocket`, a folder, a Hub id. Pictures go through the slow, exact PIL processors, so that
every machine sees the same pixels. A prompt is rendered by the model's own chat template; a model
without one cannot be asked in its own form, and is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from counterfactory.errors import UserError
from counterfactory.fingerprint import digest, digest_bytes
from counterfactory.models.devices import choose
from counterfactory.models.ids import identify, locate
from counterfactory.records import Pixels

SETTINGS = (".json", ".jinja", ".model", ".txt")  # of tokenizer, processor and template
NOT_SETTINGS = ("trainer_state.json", "training_args.json", "model.safetensors.index.json")

Content = Sequence[Mapping[str, str]]
"""Chat blocks: {"type": "image"} or {"type": "text", "text": ...}."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vlm:
    """A loaded model with its processor. `generate` and `choice_logps` are plain and exact."""

    id: str  # as asked for
    weights_hash: str  # of the weight files' bytes
    settings_hash: str  # of config, tokenizer, processor and chat template
    model: Any  # eval mode, on `device`
    processor: Any  # pads on the left
    device: str
    dtype: str  # "float32", "bfloat16"

    @property
    def tokenizer(self) -> Any:
        """Return the processor's tokenizer."""
        return self.processor.tokenizer

    def identity(self) -> dict[str, str]:
        """Return what decides the model's answers."""
        return {"weights": self.weights_hash, "settings": self.settings_hash, "dtype": self.dtype}

    def prompt(self, content: Content) -> str:
        """Return one user turn in the model's own form, ready for the answer."""
        messages = [{"role": "user", "content": [dict(block) for block in content]}]
        text = self.processor.apply_chat_template(
            messages, add_generation_prompt=True, tokenize=False
        )
        return str(text)

    def inputs(self, prompts: Sequence[str], images: Sequence[Sequence[Pixels]]) -> dict[str, Any]:
        """Return the model's inputs for rendered prompts, padded on the left.

        `images` holds each prompt's pictures; in one call all prompts have some, or none has.
        """
        from PIL import Image

        pictures = [[Image.fromarray(one) for one in some] for some in images]
        begin = self.tokenizer.bos_token
        made = self.processor(
            text=list(prompts),
            images=pictures if any(pictures) else None,
            add_special_tokens=not (begin and prompts[0].startswith(begin)),
            padding=True,
            return_tensors="pt",
        )
        found = {name: value.to(self.device) for name, value in made.items()}
        for name, value in found.items():
            if value.is_floating_point():
                found[name] = value.to(self.model.dtype)
        return found

    def generate(
        self, prompts: Sequence[str], images: Sequence[Sequence[Pixels]], *, max_tokens: int
    ) -> list[str]:
        """Return the greedy answers of one batch."""
        import torch

        if not prompts:
            return []
        inputs = self.inputs(prompts, images)
        with torch.inference_mode():
            made = self.model.generate(
                **inputs, max_new_tokens=max_tokens, do_sample=False, num_beams=1,
                pad_token_id=self.tokenizer.pad_token_id,
            )  # fmt: skip
        said = made[:, inputs["input_ids"].shape[1] :]
        texts = self.tokenizer.batch_decode(said, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def choice_logps(
        self, prompt: str, images: Sequence[Pixels], choices: Sequence[str]
    ) -> tuple[float, ...]:
        """Return the log-likelihood of each continuation, summed over its tokens."""
        import torch

        inputs = self.inputs([prompt], [images])
        start = inputs["input_ids"].shape[1]
        ends = [self.tokenizer(one, add_special_tokens=False).input_ids for one in choices]
        found = []
        with torch.inference_mode():
            if all(len(end) == 1 for end in ends):  # one look answers all
                last = self.model(**inputs).logits[0, -1].float().log_softmax(-1)
                return tuple(float(last[end[0]]) for end in ends)
            for end in ends:
                whole = continued(inputs, torch.tensor([end], device=self.device))
                logits = self.model(**whole).logits[0, start - 1 : -1].float()
                logps = logits.log_softmax(-1).gather(1, whole["input_ids"][0, start:, None])
                found.append(float(logps.sum()))
        return tuple(found)


def continued(inputs: Mapping[str, Any], more: Any) -> dict[str, Any]:
    """Return `inputs` of one prompt with the token ids `more` (1 x n) behind it.

    Everything that runs along the tokens grows: the attention mask by ones, token types by zeros.
    """
    import torch

    whole = dict(inputs)
    whole["input_ids"] = torch.cat([inputs["input_ids"], more], 1)
    for name, fill in (("attention_mask", 1), ("token_type_ids", 0), ("mm_token_type_ids", 0)):
        if name in inputs:
            whole[name] = torch.cat([inputs[name], torch.full_like(more, fill)], 1)
    return whole


def load_vlm(model: str, device: str = "auto", dtype: str = "auto") -> Vlm:
    """Return a loaded model. Raises `UserError` for what is no image-text-to-text model.

    `dtype` "auto" is float32 on a CPU, bfloat16 on a GPU.
    """
    import torch

    where, half = choose(device)
    if dtype == "auto":
        dtype = "float32" if half == torch.float32 else "bfloat16"
    if not isinstance(kind := getattr(torch, dtype, None), torch.dtype):
        raise UserError(f"dtype: found {dtype!r}, expected auto, float32, bfloat16 or float16")
    place = locate("vlm", model)
    ref = identify("vlm", model)
    processor = _processor(model, place)
    return Vlm(
        id=model, weights_hash=ref.revision, settings_hash=settings_hash(place),
        model=_network(model, place, kind).to(where).eval(),
        processor=processor, device=where, dtype=dtype,
    )  # fmt: skip


def settings_hash(folder: Path) -> str:
    """Return the hash of a model folder's settings: all that decides answers besides the weights."""
    files = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix in SETTINGS and path.name not in NOT_SETTINGS
    ]
    return digest({path.name: digest_bytes(path.read_bytes()) for path in files})


def _processor(model: str, place: Path) -> Any:
    try:
        processor = _loaded_processor(place)
    except (OSError, ValueError, KeyError) as error:
        raise UserError(f"vlm model {model!r}: no usable processor: {_line(error)}") from None
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "image_processor", None) is None:
        raise UserError(
            f"vlm model {model!r}: found a {type(processor).__name__}, expected a processor of "
            "images and text (preprocessor_config.json or processor_config.json)"
        )
    if not getattr(processor, "chat_template", None):
        raise UserError(
            f"vlm model {model!r}: has no chat template, expected chat_template.jinja beside its "
            "weights; base models without one cannot be asked"
        )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return processor


def _loaded_processor(place: Path) -> Any:
    """Load a processor with the PIL image processor; video processors exist in torchvision only."""
    from transformers import AutoImageProcessor, AutoProcessor

    try:
        return AutoProcessor.from_pretrained(place, backend="pil")
    except ImportError:
        processor = AutoProcessor.from_pretrained(place)
        processor.image_processor = AutoImageProcessor.from_pretrained(place, backend="pil")
        return processor


def _network(model: str, place: Path, kind: Any) -> Any:
    from transformers import AutoModelForImageTextToText

    try:
        network, info = AutoModelForImageTextToText.from_pretrained(
            place, dtype=kind, output_loading_info=True
        )
    except Exception as error:  # a torn file, another architecture, shapes that do not fit
        if type(error).__module__.startswith("torch") or isinstance(error, MemoryError):
            raise  # out of memory is no fault of the model
        raise UserError(
            f"vlm model {model!r}: cannot be loaded as an image-text-to-text model: {_line(error)}"
        ) from None
    if missing := sorted(info["missing_keys"]):
        raise UserError(
            f"vlm model {model!r}: {len(missing)} weights are missing, {missing[0]} the first"
        )
    return network


def _line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
