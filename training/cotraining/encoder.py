"""An open_clip model to be co-trained: loaded, its features, and written in open_clip's own layout.

outfit = load_encoder("pocket", device="cpu")
outfit.sight.see(outfit.sight.pictures([picture]))     # (1, D)
outfit.save(folder)                                    # folder for `local-dir:` and load_clip
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from counterfactory.models.clip import load_clip
from counterfactory.models.ids import identify, locate
from counterfactory.models.vlm import settings_hash
from counterfactory.training.cotraining.stored import stored_type
from counterfactory.training.outfit import Source

WEIGHTS = "open_clip_model.safetensors"
KEPT = (".json", ".txt", ".model")
STALE = ("quality.json", "plan.json", "run.json")  # of the model before


class EncoderSight:
    """open_clip's two towers as feature functions."""

    def __init__(self, model: Any, preprocess: Any, tokenizer: Any) -> None:
        self.network, self._preprocess, self._tokenizer = model, preprocess, tokenizer
        with torch.no_grad():
            self.width = int(model.encode_text(tokenizer(["a"]).to(_place(model))).shape[-1])

    def pictures(self, images: Sequence[Any]) -> dict[str, Tensor]:
        """Return the inputs for pictures (PIL)."""
        return {"pixels": torch.stack([self._preprocess(one.convert("RGB")) for one in images])}

    def captions(self, captions: Sequence[str]) -> dict[str, Tensor]:
        """Return the inputs for captions."""
        return {"ids": self._tokenizer(list(captions))}

    def see(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return one row per picture."""
        rows: Tensor = self.network.encode_image(inputs["pixels"])
        return rows.float()

    def read(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return one row per caption."""
        rows: Tensor = self.network.encode_text(inputs["ids"])
        return rows.float()


@dataclass(slots=True, kw_only=True)
class EncoderOutfit:
    """An open_clip model ready to be trained."""

    model: Any
    sight: EncoderSight
    source: Source
    device: str
    place: Path
    library: str = "open_clip"

    @property
    def on_gpu(self) -> bool:
        """Say whether it trains on an accelerator."""
        return not self.device.startswith("cpu")

    def save(self, folder: Path) -> None:
        """Write weights (in the type they came in), config and tokenizer."""
        from safetensors.torch import save_file

        if not self.place.is_dir():
            _save_named(self.model, self.source.id, folder)
            return
        for path in sorted(self.place.iterdir()):
            if path.suffix in KEPT and path.name not in STALE:
                shutil.copy2(path, folder / path.name)
        kind = stored_type(self.place)
        state = self.model.state_dict()
        save_file(
            {name: v.detach().cpu().to(kind).contiguous() for name, v in state.items()},
            folder / WEIGHTS,
        )


def load_encoder(model: str, *, device: str = "auto") -> EncoderOutfit:
    """Return an open_clip model to train."""
    clip = load_clip(model, device)
    place = locate("clip", model)
    network = clip.model.float().train()
    return EncoderOutfit(
        model=network, sight=EncoderSight(network, clip.preprocess, clip.tokenizer),
        device=clip.device, place=place,
        source=Source(
            id=model, weights_hash=identify("clip", model).revision,
            settings_hash=settings_hash(place) if place.is_dir() else "",
        ),
    )  # fmt: skip


def _save_named(model: Any, name: str, folder: Path) -> None:
    """Write a model of open_clip's own list."""
    import open_clip
    from open_clip.push_to_hub import save_for_hf

    architecture = name.partition(":")[0]
    save_for_hf(
        model, open_clip.get_tokenizer(architecture), open_clip.get_model_config(architecture),
        str(folder), safe_serialization=True,
    )  # fmt: skip


def _place(model: Any) -> Any:
    return next(model.parameters()).device
