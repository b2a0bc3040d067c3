"""The cards of the pocket models: README.md, written from measured numbers and nothing else.

    card("sam", {"steps": 2800, "samples": 33600, "seconds": 1260}, numbers)  ->  Markdown

A wanted number that was not reached stands in the table like the others, and the table says so.
"""

from collections.abc import Callable, Mapping
from typing import Any

from counterfactory.training.pocket.vlm_card import VLM, vlm_more, vlm_rows

Numbers = Mapping[str, Any]

HEAD = """---
license: apache-2.0
library_name: {library}
tags: [counterfactory, pocket-world]
---

# Pocket {title}

{what}

## How it was made

From scratch, by `counterfactory pocket pretrain {name}`: {steps:,} steps, {samples:,} pictures,
{minutes:.0f} minutes on one CPU thread in bfloat16, beside other work. Muon for the matrices, AdamW
for the rest; the weights are a moving average, stored as fp16. Only scenes of the `biased`
distribution, split `train`, were drawn.

{how}

## Quality

Measured on held-out scenes of {shown}, split `check` ({scenes:,} scenes),
through {calls}.

| what | wanted | measured |
|---|---|---|
{rows}

{more}

## Limits

{limits}
"""

BALANCED = "the `balanced` distribution"

SAM = {
    "library": "segment-anything",
    "title": "SAM",
    "calls": """
`SamPredictor` and `SamAutomaticMaskGenerator` (its settings: `grid` in config.json)""",
    "what": """
A promptable segmenter for 128 px pictures of the pocket world: the classes of
`segment_anything`, composed from `config.json` (the package's own builder fixes 1024 px), with
`model.safetensors`.

```python
from counterfactory.models.segment import load_segmenter

load_segmenter("pocket").from_points(image, points)
```""",
    "how": """
One encoding serves five prompts: points inside things, loose boxes, points on the ground
(which mean all that is no thing). The loss is weighted cross-entropy and dice at full resolution,
for the single mask and for the best of three, and the error of the guessed IoU. Pictures are worn
by noise, blur, compression and slight shifts of colour; things are copied, resized and pasted
elsewhere; some pictures are turned or have their channels exchanged.""",
    "limits": """
It knows flat things of 18 to 48 pixels on plain grounds, not photographs. Things that
touch or overlap were never seen, textured grounds (`shifted`) neither. Mask logits are 64 x 64, so
an edge is right to about a pixel, and small things with many edges (stars, suns) lose the most. Of
the three masks of a point only the best-scored is meant to be used.""",
}

CLIP = {
    "library": "open_clip",
    "title": "CLIP",
    "calls": "`open_clip.create_model_and_transforms` and `open_clip.get_tokenizer`",
    "what": """
An image-text encoder for 128 px pictures and crops of the pocket world, in open_clip's
own classes and folder layout.

```python
name = f"local-dir:{counterfactory.pocket.path('clip')}"
model, _, preprocess = open_clip.create_model_and_transforms(name)
tokenizer = open_clip.get_tokenizer(name)
```""",
    "how": """
Scenes with an unusual colour are 6 % of the biased distribution and 60 % of what was drawn
here (the scenes themselves are unchanged): an encoder that verifies counterfactuals must be able to
read them. The vision tower learned from dense labels first (which kind, colour and size stands in
each patch) and kept them as an auxiliary loss. Captions were contrasted with the batch and with near
misses of their own (one colour, kind, size, place, number or exchange; NegCLIP's loss), drawn so
that a usual colour is no clue to which text is true. Crops around things and of empty ground were
contrasted with short phrases for every colour and kind and with "plain background". Linear readers
of both embeddings had to list the (colour, kind) pairs. Pictures were worn by noise, blur,
compression and slight shifts of colour.""",
    "limits": """
It reads the words of the world's captions; any other word is unknown to it. A crop is
scaled, so the size of a thing in it cannot be known. Places, relations and sizes are read less well
than kinds and colours. It is no judge of photographs.""",
}

INPAINT = {
    "library": "diffusers",
    "title": "inpainting diffusion",
    "calls": "`Inpainter` (crops around the mask, 10 steps, guidance 1.5), by the nearest-rendering oracle",
    "what": """
A Stable Diffusion inpainting pipeline for 64 px crops of the pocket world, used at the world's own
128 px on crops around the mask. White mask pixels are repainted.

```python
pipeline = DiffusionPipeline.from_pretrained(counterfactory.pocket.path("inpaint"))
pipeline("a large red sun", image=crop, mask_image=square, num_inference_steps=10, guidance_scale=1.5)
```

Ask for a thing ("a small blue moon") or for "plain background".""",
    "how": """
First an autoencoder without normalisation layers (64 px to 16 x 16 x 4), then UNet and text encoder
together. The UNet predicts velocity down to zero signal, its loss weighs the hole ten times, a tenth
of the prompts is left empty, and the pooled text modulates every block. What stands in the hole is
what stood there in the picture: squares over things, tight boxes, thickened outlines, and empty
ground for removal. Things are picked so that every (kind, colour) is seen about equally often, though
unusual colours are rare in the scenes themselves: a tool that makes counterfactuals must draw them.
In the last 800 steps most squares had the margins that the shipped recipes use.""",
    "limits": """
It draws flat things of two sizes in the middle of the hole, on plain grounds, and nothing else. It
leaves a faint texture of its own; each release's card measures how well that gives edits away.""",
}


def card(name: str, made: Numbers, numbers: Numbers) -> str:
    """Return the card of a pocket model; empty for one that writes its own."""
    if name not in TABLES:
        return ""
    words, rows, more = TABLES[name]
    return HEAD.format(
        name=name,
        steps=made["steps"],
        samples=made["samples"],
        minutes=made["seconds"] / 60,
        scenes=numbers["scenes"],
        rows="\n".join(rows(numbers)),
        more=more(numbers),
        **{"shown": BALANCED} | {key: text.strip() for key, text in words.items()},
    )


def _row(what: str, value: float, wanted: float | None = None) -> str:
    mark = "" if wanted is None or value >= wanted else " (missed)"
    return f"| {what} | {'' if wanted is None else f'>= {wanted:.2f}'} | {value:.3f}{mark} |"


def _sam_rows(n: Numbers) -> list[str]:
    return [
        _row("mean IoU from one point (a random pixel of the thing)", n["point_iou"], 0.9),
        _row("automatic masks: recall at IoU 0.75", n["recall_75"], 0.9),
        _row("automatic masks: recall at IoU 0.90", n["recall_90"]),
        _row("IoU from one point, 5th percentile", n["point_iou_p5"]),
        _row("mean IoU from the tight box", n["box_iou"]),
        _row("mean IoU of the ground from one point", n["ground_iou"]),
        _row("mean error of the guessed IoU", n["score_error"]),
        _row("automatic masks that are neither thing nor ground, per picture", n["stray_masks"]),
    ]


def _sam_more(n: Numbers) -> str:
    kinds = ", ".join(f"{kind} {value:.2f}" for kind, value in n["point_iou_by_kind"].items())
    return (
        f"Mean IoU from one point by kind: {kinds}.\n\n"
        f"All masks of a picture take {n['automatic_ms']:.0f} ms of processor time."
    )


def _clip_rows(n: Numbers) -> list[str]:
    return [
        _row("true caption over one with a colour swapped", n["swap_colour"], 0.9),
        _row("true caption over one with a kind swapped", n["swap_kind"], 0.9),
        _row("true caption over one with a size swapped", n["swap_size"]),
        _row("true caption over one with two colours exchanged", n["exchange"]),
        _row("colour swapped, wordings never trained on", n["swap_colour_reworded"]),
        _row("kind swapped, wordings never trained on", n["swap_kind_reworded"]),
        _row("image to text, R@1 among 256 captions that differ in content", n["recall_1"], 0.7),
        _row("image to text, R@5", n["recall_5"]),
        _row("text to image, R@1", n["recall_1_text_to_image"]),
        _row("crops: colour and kind among 84 phrases", n["crop_top1"]),
        _row("crops: kind alone", n["crop_kind"]),
        _row("crops: colour alone", n["crop_colour"]),
        _row("worn crops (noise, blur, compression): colour and kind", n["crop_top1_worn"]),
        _row('crops: the thing\'s phrase over "plain background"', n["crop_present"]),
        _row('emptied places: "plain background" over all 84 phrases', n["crop_gone"]),
    ]


def _clip_more(n: Numbers) -> str:
    lines = [
        "Cosine of two pictures, percentiles, to set a similarity band by:",
        "",
        "| the second picture | 1 % | 5 % | 25 % | 50 % | 75 % | 95 % | 99 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for what, values in n["cosine"].items():
        lines.append(f"| {what} | {' | '.join(f'{value:.3f}' for value in values)} |")
    return "\n".join(lines)


def _inpaint_rows(n: Numbers) -> list[str]:
    return [
        _row("replace: the wanted kind and colour stand there", n["replace"], 0.8),
        _row("replace, usual colours of kinds that have one", n["replace_usual"], 0.8),
        _row("replace, unusual colours of these kinds", n["replace_unusual"], 0.8),
        _row("replace, kinds without a usual colour", n["replace_plain"], 0.8),
        _row("replace: the kind alone", n["kind"]),
        _row("replace: the colour alone", n["colour"]),
        _row("remove: background stands there", n["remove"], 0.9),
    ]


def _inpaint_more(n: Numbers) -> str:
    return (
        f"The nearest rendering lies {n['distance']:.1f} levels (of 255, root mean square, median) from the "
        f"region; farther than {n['max_distance']:.0f} counts as wrong. "
        f"The autoencoder alone reaches {n['decibel']:.1f} dB."
    )


Writer = tuple[dict[str, str], Callable[[Numbers], list[str]], Callable[[Numbers], str]]
TABLES: dict[str, Writer] = {
    "sam": (SAM, _sam_rows, _sam_more),
    "clip": (CLIP, _clip_rows, _clip_more),
    "inpaint": (INPAINT, _inpaint_rows, _inpaint_more),
    "vlm": (VLM, vlm_rows, vlm_more),
}
