"""From rows to the tensors of one batch; which rows, and with which noise, follows from the step.

    feed = Feed(rows, sight, settings, crew, collate=..., generator=...)
    batch = feed(turn=12)         # {"lm": ..., "contrast": ..., "denoise": ...}

Batch `turn` of the process `rank` holds the rows at places (turn * world + rank) * size and after of
an endless shuffled list. So the order is the same after a restart, and several processes see
together what one process sees with as many times the rows.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from counterfactory.eval.crew import Crew
from counterfactory.factory.release.views import DESCRIBE
from counterfactory.fingerprint import seed_for
from counterfactory.models import crops
from counterfactory.training.cotraining.generator import Generator
from counterfactory.training.cotraining.itc import keys_of
from counterfactory.training.cotraining.synthesis import noised, target_of

PADDING = 8 / 128  # surroundings of the mask that the generator sees, share of the width
MOVED = ("move",)  # the mask covers two places, the prompt tells of one


class Feed:
    """Makes batches. `collate` turns talks into a VLM's inputs; None: no talks."""

    def __init__(
        self, rows: Mapping[str, Any], sight: Any, settings: Any, crew: Crew, *,
        collate: Callable[[list[dict[str, Any]]], Any] | None, generator: Generator | None,
    ) -> None:  # fmt: skip
        self.rows, self.sight, self.settings, self.crew = rows, sight, settings, crew
        self.collate, self.generator = collate, generator
        self._painted: list[int] = []
        if "pairs" in rows:
            kinds = [edit["kind"] for edit in rows["pairs"]["edit"]]
            self._painted = [i for i, kind in enumerate(kinds) if kind not in MOVED]

    def __call__(self, turn: int) -> dict[str, Any]:
        """Return one batch of this process."""
        s, batch = self.settings, {}
        pairs: list[Any] = []
        if s.kind == "vlm" and (s.itc or s.captions):
            pairs = [self.rows["pairs"][i] for i in self._take("pairs", turn, s.pairs)[0]]
        if self.collate is not None:
            batch["lm"] = self._talks(turn, pairs)
        if s.itc:
            batch["contrast"] = self._contrast(turn, pairs)
        if self.generator is not None:
            batch["denoise"] = self._denoise(turn, self.generator)
        return batch

    def _take(self, name: str, turn: int, size: int, among: Sequence[int] | None = None) -> Any:
        """Return (rows, places in the endless list) of this process."""
        start = (turn * self.crew.world + self.crew.rank) * size
        places = range(start, start + size)
        count = len(self.rows[name] if among is None else among)
        found = [int(self._shuffled(name, count, p // count)[p % count]) for p in places]
        return (found if among is None else [among[i] for i in found]), places

    def _shuffled(self, name: str, count: int, round_: int) -> "np.ndarray[Any, Any]":
        seed = seed_for(self.settings.seed, "order", name, str(round_))
        return np.random.default_rng(seed).permutation(count)

    def _talks(self, turn: int, pairs: list[Any]) -> dict[str, Tensor]:
        """Return talks of the sft view, and of each pair one side described."""
        assert self.collate is not None
        chosen, _ = self._take("sft", turn, self.settings.batch)
        talks = [{k: row[k] for k in _TALK} for row in (self.rows["sft"][i] for i in chosen)]
        if self.settings.captions:
            for row in pairs:
                side = "ab"[seed_for(self.settings.seed, "side", row["id"], str(turn)) % 2]
                talks.append(described(row[f"image_{side}"], row[f"caption_{side}"]))
        return dict(self.collate(talks))

    def _contrast(self, turn: int, pairs: list[Any]) -> dict[str, Any]:
        """Return pictures and captions: anchors first, then what they are held against."""
        if self.settings.kind == "vlm":  # both sides are anchors, and each other's hard negatives
            images = [row[f"image_{side}"] for side in "ab" for row in pairs]
            captions = [row[f"caption_{side}"] for side in "ab" for row in pairs]
            anchors = len(images)
        else:
            chosen, _ = self._take("clip", turn, self.settings.batch)
            rows = [self.rows["clip"][i] for i in chosen]
            images = [row[name] for name in ("image", "neg_image") for row in rows]
            captions = [row[name] for name in ("caption", "neg_caption") for row in rows]
            anchors = len(rows)
        return {
            "images": self.sight.pictures([image.convert("RGB") for image in images]),
            "texts": self.sight.captions(captions), "keys": keys_of(captions), "anchors": anchors,
        }  # fmt: skip

    def _denoise(self, turn: int, generator: Generator) -> dict[str, Any]:
        """Return both sides of some pairs around their masks, noised."""
        chosen, places = self._take("pairs", turn, self.settings.pairs, self._painted)
        seen, holes, prompts, seeds = [], [], [], []
        for index, place in zip(chosen, places, strict=True):
            row = self.rows["pairs"][index]
            mask = np.asarray(row["mask"].convert("L")) > 127
            box = crops.crop_box(mask, max(1, round(mask.shape[1] * PADDING)))
            for side in "ab":
                pixels = np.asarray(row[f"image_{side}"].convert("RGB"))
                seen.append(crops.cut(pixels, box, generator.side))
                holes.append(crops.cut_mask(mask, box, generator.side))
                prompts.append(row["edit"][f"prompt_{side}"])
                seeds.append(seed_for(self.settings.seed, "noise", str(place), side))
        return self._noised(generator, seen, holes, prompts, seeds)

    def _noised(
        self, generator: Generator, seen: list[Any], holes: list[Any], prompts: list[str],
        seeds: list[int],
    ) -> dict[str, Any]:  # fmt: skip
        from PIL import Image

        s, chances = self.settings, [torch.Generator().manual_seed(seed) for seed in seeds]
        last = generator.timesteps - 1
        luck = [torch.rand(3, generator=chance).tolist() for chance in chances]
        t = torch.tensor([last if a < s.last_step else int(b * (last + 1)) for a, b, _ in luck])
        said = ["" if c < s.drop_text else p for p, (_, _, c) in zip(prompts, luck, strict=True)]
        scene = generator.scene(seen, holes, said)
        latents, t = scene.pop("latents"), t.to(generator.device)
        noise = torch.stack([torch.randn(latents.shape[1:], generator=one) for one in chances])
        noise = noise.to(latents)
        goal = target_of(generator.kind, latents, noise, t, generator.alphas)
        pictures = {}
        if s.rsc:
            pictures = self.sight.pictures([Image.fromarray(one) for one in seen])
        noisy = noised(latents, noise, t, generator.alphas)
        return {"noisy": noisy, "t": t, "goal": goal, "scene": scene, "pictures": pictures}


_TALK = ("images", "prompt", "completion")


def described(image: Any, caption: str) -> dict[str, Any]:
    """Return a talk in which a picture is described."""
    return {
        "images": [image],
        "prompt": [{"role": "user", "content": DESCRIBE}],
        "completion": [{"role": "assistant", "content": caption}],
    }
