"""A picture is read once: its tokens and its features, kept for every question about it.

    seen = Features(vlm, batch=32)
    seen.need({digest: png_bytes, ...})
    seen.tokens[digest]      # what the processor writes in place of `<image>`, as token ids
    seen.vectors[digest]     # tokens x width, ready to stand among the word embeddings

Works for models that give one row of features for each image token (LLaVA, Idefics3, SmolVLM).
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any

from counterfactory import images as pictures
from counterfactory.errors import RowError
from counterfactory.models.vlm import Vlm
from counterfactory.records import Pixels

ROOM = 512 * 1024 * 1024  # bytes of features kept; what one batch needs is kept whatever it takes
NOT_PIXELS = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"}


class Features:
    """The features of the pictures seen last."""

    def __init__(self, vlm: Vlm, batch: int, room: int = ROOM) -> None:
        self.vlm, self.batch, self.room = vlm, batch, room
        self.tokens: dict[str, tuple[int, ...]] = {}
        self.vectors: OrderedDict[str, Any] = OrderedDict()
        self.encoded = 0  # pictures that went through the tower
        self._image = vlm.processor.image_token
        self._image_id = vlm.processor.image_token_id

    def need(self, images: Mapping[str, bytes], ahead: Iterable[tuple[str, bytes]] = ()) -> None:
        """Make the features of `images` ready, and those of `ahead` as far as a batch has room."""
        wanted = {key: data for key, data in images.items() if key not in self.vectors}
        for key in images:
            if key in self.vectors:
                self.vectors.move_to_end(key)
        if wanted:
            for key, data in ahead:
                if len(wanted) >= self.batch:
                    break
                if key not in self.vectors:
                    wanted[key] = data
        by_size: dict[tuple[int, ...], list[tuple[str, Pixels]]] = {}
        for key, data in wanted.items():
            try:
                pixels = pictures.decode(data)
            except RowError:
                if key in images:
                    raise
                continue  # ahead of its time: its own batch will say so
            by_size.setdefault(pixels.shape, []).append((key, pixels))
        for same in by_size.values():
            for first in range(0, len(same), self.batch):
                self._encode(same[first : first + self.batch])
        self._forget(images)

    def _encode(self, some: list[tuple[str, Pixels]]) -> None:
        """Read pictures of one size together: they take the same number of tokens."""
        import torch
        from PIL import Image

        made = self.vlm.processor(
            text=[self._image] * len(some), images=[[Image.fromarray(p)] for _, p in some],
            add_special_tokens=False, padding=True, return_tensors="pt",
        )  # fmt: skip
        model = self.vlm.model
        given = {
            name: value.to(self.vlm.device, model.dtype) if value.is_floating_point() else value.to(self.vlm.device)
            for name, value in made.items()
            if name not in NOT_PIXELS
        }  # fmt: skip
        with torch.inference_mode():
            found = model.get_image_features(**given, return_dict=True).pooler_output
        self.encoded += len(some)
        for (key, _), ids, vectors in zip(some, made["input_ids"].tolist(), found, strict=True):
            if ids.count(self._image_id) != len(vectors):
                raise ValueError(
                    f"{ids.count(self._image_id)} image tokens, {len(vectors)} features"
                )
            self.tokens[key] = tuple(ids)
            self.vectors[key] = vectors

    def _forget(self, needed: Mapping[str, bytes]) -> None:
        """Drop the pictures not asked for longest, but none of those needed now."""
        held = sum(one.numel() * one.element_size() for one in self.vectors.values())
        for key in list(self.vectors):
            if held <= self.room:
                return
            if key not in needed:
                gone = self.vectors.pop(key)
                held -= gone.numel() * gone.element_size()
