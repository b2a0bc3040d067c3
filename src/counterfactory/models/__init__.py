"""Model ids become models here, lazily and once per process.

    pocket                      the models inside the package
    ./folder                    a local folder
    org/name@revision           the Hub (HF_HUB_OFFLINE is respected)
    openai:http://host/v1#name  an OpenAI-compatible server (see `counterfactory.served`)

    >>> models = Models()
    >>> models.clip("pocket").texts(["a red ball"]).shape[0]
    1

Nothing here imports torch before a model is asked for.
"""

from typing import TYPE_CHECKING

from counterfactory.models.ids import identify

if TYPE_CHECKING:
    from counterfactory.models.clip import Clip
    from counterfactory.models.inpaint import Inpainter
    from counterfactory.models.segment import Segmenter
    from counterfactory.models.vlm import Vlm

__all__ = ["Models", "identify"]


class Models:
    """Every model that this process has loaded, by role and id."""

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._clips: dict[str, Clip] = {}
        self._segmenters: dict[str, Segmenter] = {}
        self._inpainters: dict[str, Inpainter] = {}
        self._vlms: dict[str, Vlm] = {}

    def clip(self, model: str) -> "Clip":
        """Return the image-text encoder `model`."""
        if model not in self._clips:
            from counterfactory.models.clip import load_clip

            self._clips[model] = load_clip(model, self.device)
        return self._clips[model]

    def sam(self, model: str) -> "Segmenter":
        """Return the promptable segmenter `model`."""
        if model not in self._segmenters:
            from counterfactory.models.segment import load_segmenter

            self._segmenters[model] = load_segmenter(model, self.device)
        return self._segmenters[model]

    def inpaint(self, model: str) -> "Inpainter":
        """Return the inpainting pipeline `model`."""
        if model not in self._inpainters:
            from counterfactory.models.inpaint import load_inpainter

            self._inpainters[model] = load_inpainter(model, self.device)
        return self._inpainters[model]

    def vlm(self, model: str) -> "Vlm":
        """Return the vision-language model `model`."""
        if model not in self._vlms:
            from counterfactory.models.vlm import load_vlm

            self._vlms[model] = load_vlm(model, self.device)
        return self._vlms[model]
