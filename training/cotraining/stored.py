"""In which floating type weights lie on the disk: what is trained in float32 is written as it came."""

import json
from pathlib import Path

import torch

TYPES = {"F16": torch.float16, "BF16": torch.bfloat16}


def stored_type(folder: Path) -> torch.dtype:
    """Return the type of most tensors in a folder's safetensors; float32 where there is no file."""
    kinds: list[str] = []
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        kinds += [one["dtype"] for name, one in header.items() if name != "__metadata__"]
    return (
        TYPES.get(max(sorted(set(kinds)), key=kinds.count), torch.float32)
        if kinds
        else torch.float32
    )
