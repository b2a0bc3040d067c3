"""Co-training, UniDiff-style: a VLM and an inpainting model learn from the same counterfactual pairs.

    counterfactory train cotrain pocket --data runs/region-diff --out runs/cotrain
    counterfactory train cotrain pocket --data runs/region-diff --out runs/clip --set kind=clip

    L = L_LM + itc * L_ITC + synthesis * L_IS + rsc * L_RSC

The ablations are weights of zero: `--set itc=0 --set synthesis=0 --set rsc=0` is the LM alone, on the
same talks; `--set synthesis=0 --set rsc=0` adds the contrast; `--set rsc=0` the generator too. The
generator reaches the VLM through RSC only: without it, both of the last two give the same VLM.
The folder `generator/` in the result is the co-trained pipeline; a recipe may edit with it.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from counterfactory.errors import UserError
from counterfactory.eval.crew import Crew
from counterfactory.models.ids import identify
from counterfactory.training.cotraining.encoder import EncoderOutfit, load_encoder
from counterfactory.training.cotraining.feed import Feed
from counterfactory.training.cotraining.generator import Generator, load_generator
from counterfactory.training.cotraining.loop import accelerator_for, run
from counterfactory.training.cotraining.sight import Sight, check_sight
from counterfactory.training.cotraining.together import Together
from counterfactory.training.data import check_rows, load_view, mixed
from counterfactory.training.outfit import Outfit, outfit_for
from counterfactory.training.record import Recorder
from counterfactory.training.settings import Common, Replay


class Settings(Replay, Common):
    """Defaults for the pocket models.

    UniDiff's weights and rates are not known. Starting points for large models: itc and rsc in 0.01,
    0.1, 1; Stable Diffusion's UNet at 1e-5; a 7B VLM with LoRA at 2e-5 to 2e-4.
    """

    kind: Literal["vlm", "clip"] = "vlm"  # what MODEL is: a VLM, or an open_clip model
    itc: float = Field(0.1, ge=0)  # weight of the contrast; 1 for kind=clip is as good as any
    synthesis: float = Field(1.0, ge=0)  # weight of the noise prediction
    rsc: float = Field(0.1, ge=0)  # weight of the consistency
    captions: bool = True  # the LM also describes one side of each pair
    pairs: int = Field(8, ge=1)  # pairs at a time, in each process; both sides are used
    generator: str = "pocket"  # an inpainting pipeline with a UNet
    generator_lr: float = Field(1e-4, gt=0)
    head_lr: float = Field(1e-3, gt=0)
    t_max: float = Field(0.5, gt=0, le=1)  # RSC looks at timesteps below this share
    last_step: float = Field(0.15, ge=0, lt=1)  # share of pictures that are noise alone
    drop_text: float = Field(0.1, ge=0, lt=1)  # prompts left empty, for guidance
    beside: float = Field(0.1, ge=0)  # what lies beside the hole counts so much; 1: plain

    def views(self) -> tuple[str, ...]:
        """Return the views: talks and pairs, or captions with their hard negatives."""
        paired = self.draws or (self.kind == "vlm" and (self.itc or self.captions))
        return ("sft" if self.kind == "vlm" else "clip", *(["pairs"] if paired else []))

    def inputs(self) -> dict[str, Any]:
        """Return what decides the result: the generator's weights, too."""
        if not self.draws:
            return super().inputs()
        weights = identify("inpaint", self.generator).revision
        return {**super().inputs(), "generator_weights": weights}

    @property
    def role(self) -> str:
        """Return what kind of model is trained."""
        return self.kind

    @property
    def draws(self) -> bool:
        """Say whether the generator takes part."""
        return bool(self.synthesis or self.rsc)


def cotrain(
    outfit: Outfit | EncoderOutfit, rows: Any, settings: Settings, work: Path, recorder: Recorder
) -> dict[str, float]:
    """Train model and generator on talks and pairs."""
    held = dict(rows) if isinstance(rows, dict) else {settings.views()[0]: rows}
    accelerator = accelerator_for(outfit.on_gpu, settings.half)
    collate = _talks(outfit, held, settings) if isinstance(outfit, Outfit) else None
    generator = (
        load_generator(settings.generator, str(accelerator.device)) if settings.draws else None
    )
    sight = _sight(outfit)
    _check(held, settings)
    _seed(settings.seed)
    together = Together(sight, settings, outfit.model, generator)
    crew = Crew(accelerator.process_index, accelerator.num_processes)
    feed = Feed(held, sight, settings, crew, collate=collate, generator=generator)
    groups = groups_of(together, settings)
    numbers = run(together, feed, groups, settings, work, recorder, accelerator)
    if accelerator.is_main_process:
        _leave(together, generator, recorder)
    return numbers


def load(model: str, settings: Settings, device: str) -> Outfit | EncoderOutfit:
    """Return the model that is trained."""
    if settings.kind == "vlm":
        return outfit_for(model, settings, device)
    if settings.lora is not None or settings.replay or settings.keep:
        raise UserError(
            "--set kind=clip: knows neither lora, nor replay, nor keep; open_clip is trained whole"
        )
    return load_encoder(model, device=device)


def groups_of(together: Together, settings: Settings) -> list[dict[str, Any]]:
    """Return what learns, each part at its own rate."""
    parts = [
        (together.model, settings.lr), (together.unet, settings.generator_lr),
        (together.heads, settings.head_lr),
    ]  # fmt: skip
    made = [
        {"params": [w for w in part.parameters() if w.requires_grad], "lr": lr}
        for part, lr in parts
        if part is not None
    ]
    return [group for group in made if group["params"]]


def _talks(outfit: Outfit, held: dict[str, Any], settings: Settings) -> Any:
    """Return TRL's collator; mixes in replayed talks."""
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    check_sight(outfit.model)
    if settings.replay:
        old = load_view(settings.replay, "sft")
        held["sft"] = mixed(held["sft"], old, settings.replay_share, settings.seed)
    check_rows(held["sft"], outfit.image_token)
    if settings.recompute:
        outfit.model.gradient_checkpointing_enable()
    return DataCollatorForVisionLanguageModeling(
        outfit.processor, max_length=settings.max_length, completion_only_loss=True
    )


def _sight(outfit: Outfit | EncoderOutfit) -> Any:
    if isinstance(outfit, EncoderOutfit):
        return outfit.sight
    return Sight(outfit.model, outfit.processor)


def _check(held: dict[str, Any], settings: Settings) -> None:
    """Refuse a run that would learn nothing, and pairs that nothing was painted in."""
    if settings.kind == "clip" and not (settings.itc or settings.rsc):
        raise UserError("--set kind=clip: itc and rsc are 0, expected one of them above")
    if settings.draws and all(edit["kind"] == "move" for edit in held["pairs"]["edit"]):
        raise UserError(
            "view 'pairs': found moved things only, expected painted ones (replace ...)"
        )


def _leave(together: Together, generator: Generator | None, recorder: Recorder) -> None:
    """Write the heads and the co-trained pipeline beside the model."""
    from safetensors.torch import save_file

    state = {name: w.detach().cpu().contiguous() for name, w in together.heads.state_dict().items()}
    if state:
        (recorder.extras / "heads").mkdir(parents=True, exist_ok=True)
        save_file(state, recorder.extras / "heads" / "model.safetensors")
    if generator is not None:
        generator.save(recorder.extras / "generator")
        recorder.facts["generator"] = "generator/ holds the co-trained inpainting pipeline"


def _seed(seed: int) -> None:
    import torch

    torch.manual_seed(seed)
