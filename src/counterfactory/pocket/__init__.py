"""The small models that ship inside the package: weights and cards.

    >>> path("clip").name
    'clip'

A folder holds what the big models' own loaders expect, and a README.md that says how the model was
made and how good it is. `counterfactory pocket pretrain NAME` makes one again, in a folder of yours.
"""

from pathlib import Path

from counterfactory.errors import UserError

HERE = Path(__file__).parent
ABOUT = {
    "clip": "image-text encoder (open_clip)",
    "sam": "promptable segmenter (segment-anything)",
    "inpaint": "text-conditioned inpainting (diffusers)",
    "vlm": "vision-language model (transformers, LLaVA classes)",
}


def names() -> tuple[str, ...]:
    """Return the names of the pocket models that are installed."""
    return tuple(name for name in ABOUT if (HERE / name).is_dir())


def path(name: str) -> Path:
    """Return the folder of a pocket model. Raises `UserError` when there is no such model."""
    if name not in ABOUT:
        raise UserError(f"pocket model {name!r}: unknown, expected one of {', '.join(ABOUT)}")
    folder = HERE / name
    if not folder.is_dir():
        raise UserError(
            f"pocket model {name!r}: {folder} is missing; "
            f"make it with: counterfactory pocket pretrain {name} --out {folder}"
        )
    return folder
