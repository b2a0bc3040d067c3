"""What came of co-training, on held-out pictures: swapped captions, retrieval, the generator's edits.

    python -m counterfactory.training.cotraining.measure runs/cotrain --distribution shifted --split gate

Swapped captions: two pictures differ in one thing's kind or colour; which of their captions belongs to
which? Answered by the likelihood of the captions, which every VLM has, so that arms without a contrast
compete fairly (`swapped`: the right caption for a picture, `swapped_pair`: all four comparisons right,
`image`: the right picture for a caption), and by the co-trained features where the run left heads.
Retrieval is R@1 among all pictures of the sample. Existence and CHAIR: `counterfactory eval run`.
"""

import argparse
import json
import random
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from counterfactory.eval.stats import wilson_clustered
from counterfactory.factory.world.language import article, listed, phrase
from counterfactory.factory.world.render import render
from counterfactory.factory.world.scene import Scene, scene_at
from counterfactory.factory.world.tasks.difference import edited
from counterfactory.models.clip import load_clip
from counterfactory.models.inpaint import load_inpainter
from counterfactory.models.vlm import load_vlm
from counterfactory.records import Pixels
from counterfactory.training.cotraining.sight import Sight
from counterfactory.training.cotraining.together import Heads

BATCH = 64


class Twins(NamedTuple):
    """Two pictures that differ in one thing, with a caption each."""

    images: tuple[Pixels, Pixels]
    captions: tuple[str, str]


def twins(distribution: str, split: str, count: int, seed: int = 0) -> list[Twins]:
    """Draw held-out pairs; both captions have one form and differ in the words for one thing."""
    found: list[Twins] = []
    index = 0
    while len(found) < count:
        scene = scene_at(distribution, split, seed, index)
        other = edited(scene, random.Random(f"twins/{seed}/{index}"), ("replace", "recolour"))
        index += 1
        if other is not None and told(scene) != told(other):
            pixels = render(scene), render(other)
            found.append(Twins(pixels, (told(scene), told(other))))
    return found


def told(scene: Scene) -> str:
    """Return a plain caption that names every thing in the order of the scene."""
    return f"The picture shows {listed([article(phrase(t, size=False)) for t in scene.things])}."


def by_likelihood(vlm: Any, drawn: Sequence[Twins]) -> dict[str, Any]:
    """Return the shares of right choices by log p(caption | picture)."""
    asked = [(i, a, b) for i in range(len(drawn)) for a in (0, 1) for b in (0, 1)]
    found = logps(
        vlm, [drawn[i].images[a] for i, a, _ in asked], [drawn[i].captions[b] for i, _, b in asked]
    )
    table = np.array(found).reshape(len(drawn), 2, 2)  # pair, picture, caption
    text = np.stack([table[:, 0, 0] > table[:, 0, 1], table[:, 1, 1] > table[:, 1, 0]], 1)
    image = np.stack([table[:, 0, 0] > table[:, 1, 0], table[:, 1, 1] > table[:, 0, 1]], 1)
    return {
        "swapped": share(text), "swapped_image": share(image),
        "swapped_pair": share(text.all(1) & image.all(1)),
    }  # fmt: skip


def by_features(images: Any, texts: Any, captions: Sequence[str]) -> dict[str, Any]:
    """Return the same by cosines, and R@1: rows are pictures a, then pictures b; so are captions."""
    scores = np.asarray(images @ texts.T)
    half, every = len(scores) // 2, np.arange(len(scores))
    other = np.roll(every, half)
    same = np.array(captions)[:, None] == np.array(captions)[None]
    first = same[every, scores.argmax(1)], same[every, scores.argmax(0)]
    return {
        "feature_swapped": share(paired(scores[every, every] > scores[every, other])),
        "retrieval_text": share(paired(first[0])), "retrieval_image": share(paired(first[1])),
    }  # fmt: skip


def paired(right: Any) -> Any:
    """Return (pairs, 2) from a list of pictures a, then pictures b."""
    return np.asarray(right).reshape(2, -1).T


def share(right: Any) -> dict[str, float]:
    """Return a share with its 95 % interval; of a table, each row counts as one draw.

    >>> share(np.array([True, True, False, True]))["value"]
    0.75
    """
    table = np.asarray(right, float).reshape(len(right), -1)
    low, high = wilson_clustered(table.sum(1), np.full(len(table), table.shape[1]))
    return {"value": float(table.mean()), "low": low, "high": high, "n": table.size}


def measure(
    model: str, *, distribution: str = "balanced", split: str = "gate", count: int = 200,
    scenes: int = 150,
) -> dict[str, Any]:  # fmt: skip
    """Return the numbers of a VLM or open_clip model; `scenes` edits by its generator (0: none)."""
    drawn, folder = twins(distribution, split, count), Path(model)
    images = [one.images[side] for side in (0, 1) for one in drawn]
    captions = [one.captions[side] for side in (0, 1) for one in drawn]
    found: dict[str, Any] = {"model": model, "distribution": distribution, "split": split}
    if (folder / "open_clip_config.json").is_file():
        clip = load_clip(model)
        found |= by_features(clip.images(images), clip.texts(captions), captions)
    else:
        vlm = load_vlm(model)
        found |= by_likelihood(vlm, drawn)
        if (folder / "heads" / "model.safetensors").is_file():
            seen, read = _embedded(vlm, folder / "heads", images, captions)
            found |= by_features(seen, read, captions)
    if scenes:
        from counterfactory.training.pocket.inpaint_quality import measure as edits

        own = folder / "generator"
        inpainter = load_inpainter(str(own) if own.is_dir() else "pocket")
        found["generator"] = edits(inpainter, scenes=scenes, split=split)
    return found


@torch.inference_mode()
def logps(vlm: Any, images: Sequence[Pixels], captions: Sequence[str]) -> list[float]:
    """Return log p(caption | picture, DESCRIBE), summed over the caption's tokens."""
    from PIL import Image
    from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

    from counterfactory.training.cotraining.feed import described

    collate = DataCollatorForVisionLanguageModeling(vlm.processor, completion_only_loss=True)
    found: list[float] = []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        pairs = zip(images[part], captions[part], strict=True)
        made = dict(collate([described(Image.fromarray(i), c) for i, c in pairs]))
        labels = made.pop("labels")[:, 1:].to(vlm.device)
        inputs = {name: value.to(vlm.device) for name, value in made.items()}
        logps = vlm.model(**inputs).logits[:, :-1].float().log_softmax(-1)
        said = logps.gather(2, labels.clamp_min(0)[..., None])[..., 0]
        found += (said * (labels != -100)).sum(1).tolist()
    return found


@torch.inference_mode()
def _embedded(
    vlm: Any, folder: Path, images: Sequence[Pixels], captions: Sequence[str]
) -> tuple[Any, Any]:
    """Return embeddings by the co-trained heads, of unit length."""
    from PIL import Image
    from safetensors.torch import load_file

    state = load_file(folder / "model.safetensors")
    sight = Sight(vlm.model, vlm.processor)
    heads = Heads(sight.width)
    heads.load_state_dict({k: v for k, v in state.items() if not k.startswith("drawn")})
    rows: tuple[list[Any], list[Any]] = [], []
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        seen = sight.see(_on(vlm, sight.pictures([Image.fromarray(i) for i in images[part]])))
        read = sight.read(_on(vlm, sight.captions(captions[part])))
        rows[0].append(torch.nn.functional.normalize(heads.image(seen.cpu()), dim=-1))
        rows[1].append(torch.nn.functional.normalize(heads.text(read.cpu()), dim=-1))
    return torch.cat(rows[0]).numpy(), torch.cat(rows[1]).numpy()


def _on(vlm: Any, inputs: dict[str, Any]) -> dict[str, Any]:
    return {name: value.to(vlm.device) for name, value in inputs.items()}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure one model and write JSON to standard output."""
    parser = argparse.ArgumentParser(description="Measure a co-trained model on held-out pictures.")
    parser.add_argument("model")
    parser.add_argument("--distribution", default="balanced", choices=["balanced", "shifted"])
    parser.add_argument("--split", default="gate", choices=["gate", "final"])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--scenes", type=int, default=150, help="edits by the generator; 0: none")
    args = parser.parse_args(argv)
    json.dump(measure(**vars(args)), sys.stdout, indent=1)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
